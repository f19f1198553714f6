"""`unknown #k`: the same person in every recording, as far as can be told."""

import threading

import numpy as np
import pytest

from ingest_worker.domain import Decision, FloatArray
from ingest_worker.store.connect import Connection, connect
from ingest_worker.store.reading.heard import nearest_voices
from ingest_worker.store.voice_list import voices
from tests.worker.store.makers import a_recording, content, count, named, store, unit, unknown

pytestmark = pytest.mark.postgres

NOBODY = np.full(4, np.nan, np.float32)


def voice(*values: float) -> FloatArray:
    return unit(*values, dimension=4)


def heard(
    connection: Connection, recording: str, *voices: FloatArray, decision: Decision = Decision.UNKNOWN
) -> list[str]:
    """Store a recording of unknown voices; returns their labels."""
    identities = tuple(unknown(speaker, decision) for speaker in range(len(voices)))
    found = content(*("text",) * len(voices), identities=identities, voices=np.stack(voices))
    store(connection, found, a_recording(recording))
    rows = connection.execute("select label from speakers where recording = %s order by speaker", [recording])
    return [row[0] for row in rows]


def test_a_voice_heard_before_keeps_its_number_and_a_new_one_gets_the_next(connection: Connection) -> None:
    assert heard(connection, "test:one", voice(1, 0), voice(0, 1)) == ["unknown #1", "unknown #2"]
    assert heard(connection, "test:two", voice(0.1, 0.9), voice(0, 0, 1)) == ["unknown #2", "unknown #3"]


def test_a_recording_processed_again_keeps_its_numbers(connection: Connection) -> None:
    first = heard(connection, "test:one", voice(1, 0), NOBODY, voice(0, 1))
    heard(connection, "test:two", voice(0, 0, 1), NOBODY)
    assert heard(connection, "test:one", voice(1, 0), NOBODY, voice(0, 1)) == first
    assert count(connection, "unknown_voice") == 5


def test_a_voice_below_the_threshold_is_somebody_else(connection: Connection) -> None:
    heard(connection, "test:one", voice(1, 0))
    assert heard(connection, "test:two", voice(0.39, np.sqrt(1 - 0.39**2))) == ["unknown #2"]
    assert heard(connection, "test:three", voice(0.41, 0, np.sqrt(1 - 0.41**2))) == ["unknown #1"]


def test_two_speakers_of_one_recording_never_share_a_number_and_the_better_match_gets_it(
    connection: Connection,
) -> None:
    heard(connection, "test:one", voice(1, 0))
    assert heard(connection, "test:two", voice(0.8, 0.6), voice(0.9, 0.4)) == ["unknown #2", "unknown #1"]


def test_a_voice_without_a_name_is_compared_where_it_and_named_ones_speak_longest(
    connection: Connection,
) -> None:
    both = np.stack([voice(1, 0), voice(0, 1)])
    people = content("a", "b", identities=(named(0, "ann"), named(1, "bob")), voices=both)
    store(connection, people, a_recording("test:people"))
    elsewhere = content("b", identities=(named(0, "bob"),), voices=np.stack([voice(0.6, 0.8)]))
    store(connection, elsewhere, a_recording("test:elsewhere"))
    heard(connection, "test:one", voice(0.6, 0.8), NOBODY)
    connection.execute("update ingest.speaker set seconds = case name when 'bob' then 9 else 5 end")
    connection.execute(
        "update ingest.speaker set seconds = 1 "
        "where run = (select current_run from ingest.recording where id = 'test:elsewhere')"
    )
    ((label, nearest, likeness, threshold),) = [
        (each.label, each.nearest, round(each.likeness, 3), each.threshold)
        for each in nearest_voices(connection, ["unknown #1", "unknown #2", "ann", "nobody"])
    ]
    assert (label, nearest, likeness, threshold) == ("unknown #1", "bob", 0.8, 0.4)
    assert nearest_voices(connection, []) == ()
    (first,) = voices(connection, "unknown", limit=1)
    assert (first.voice, first.nearest, first.likeness) == ("unknown #1", "bob", pytest.approx(0.8))
    connection.execute("update ingest.speaker set voice_model = 'other@1' where name is not null")
    assert nearest_voices(connection, ["unknown #1"]) == (), "of another model"


def test_a_voice_that_two_named_ones_are_equally_like_is_given_the_first_by_name(
    connection: Connection,
) -> None:
    both = np.stack([voice(1, 0), voice(1, 0)])
    people = content("a", "b", identities=(named(0, "bob"), named(1, "ann")), voices=both)
    store(connection, people, a_recording("test:people"))
    heard(connection, "test:one", voice(1, 0), voice(0, 1))
    found = nearest_voices(connection, ["unknown #1", "unknown #2"])
    assert [(each.label, each.nearest, round(each.likeness, 3)) for each in found] == [
        ("unknown #1", "ann", 1.0),
        ("unknown #2", "ann", 0.0),
    ]


def test_a_voice_of_another_model_is_not_compared(connection: Connection) -> None:
    heard(connection, "test:one", voice(1, 0))
    connection.execute("update ingest.unknown_voice set model = 'other@1'")
    assert heard(connection, "test:two", voice(1, 0)) == ["unknown #2"]


@pytest.mark.parametrize("decision", [Decision.TOO_SHORT, Decision.NO_VECTOR])
def test_a_voice_that_cannot_be_compared_is_a_stranger_to_all(
    connection: Connection, decision: Decision
) -> None:
    heard(connection, "test:one", voice(1, 0))
    assert heard(connection, "test:two", voice(1, 0), decision=decision) == ["unknown #2"]
    assert heard(connection, "test:three", voice(1, 0)) == ["unknown #1"]


def test_who_has_a_name_has_no_number(connection: Connection) -> None:
    store(connection, content("a", "b", identities=(named(0, "ann"), unknown(1))))
    rows = connection.execute(
        "select label, name, unknown, decision from speakers order by speaker"
    ).fetchall()
    assert rows == [("ann", "ann", None, "Named"), ("unknown #1", None, 1, "Unknown")]


def test_recordings_stored_at_once_agree_on_a_new_voice(database: str, connection: Connection) -> None:
    barrier, labels = threading.Barrier(6), []

    def work(number: int) -> None:
        with connect(database, application="tests") as own:
            barrier.wait()
            labels.append(heard(own, f"test:{number}", voice(1, 0), voice(*np.eye(4)[1 + number % 2])))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(labels) == 6
    shared = {first for first, _ in labels}
    assert len(shared) == 1
    assert {label for pair in labels for label in pair} == {"unknown #1", "unknown #2", "unknown #3"}
    assert count(connection, "unknown_voice") == 3
