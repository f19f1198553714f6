"""Vectors of enrolled voices in a real Postgres: whose they are, which count, and what two writers do."""

import threading

import numpy as np
import pytest

from ingest_contract.failures import Reason
from ingest_contract.voices import WantedVoice
from ingest_worker.domain import FloatArray
from ingest_worker.errors import StageError
from ingest_worker.store.claims import claim
from ingest_worker.store.connect import Connection, connect
from ingest_worker.store.enrolment import HeardSource, keep, known, stretch, voices
from ingest_worker.store.tombstones import TombstoneKind, bury, lift
from tests.worker.store.makers import VOICES, content, store
from tests.worker.store.makers import unknown as stranger

HERE, MODEL = "a", "hash-1"
FRONT, BACK = "https://media.example.org/front.wav", "https://media.example.org/back.wav"
ANN = WantedVoice(name="ann", sources=(FRONT, BACK))


def vector(axis: int) -> FloatArray:
    return np.eye(4, dtype=np.float32)[axis]


def heard(source: str, axis: int | None = 0, reason: Reason | None = None, text: str = "") -> HeardSource:
    return HeardSource(source, text, None if axis is None else vector(axis), 12.0, reason)


def enrolled(
    connection: Connection, *rows: HeardSource, owner: str = HERE, voice: str = "ann", model: str = MODEL
) -> None:
    held = claim(connection, f"voice:{owner}/{voice}", f"{owner}/{voice}")
    keep(connection, held, (owner, voice, model), rows, [row.source for row in rows])


def named(
    connection: Connection, *wanted: WantedVoice, owner: str = HERE, model: str = MODEL
) -> dict[str, int]:
    return {each.name: len(each.vectors) for each in voices(connection, owner, model, wanted)}


def test_a_voice_is_read_as_it_was_heard(connection: Connection) -> None:
    enrolled(connection, heard(FRONT, 1), heard(BACK, 2))
    (found,) = voices(connection, HERE, MODEL, [ANN])
    assert (found.name, found.vectors.tolist()) == ("ann", [vector(2).tolist(), vector(1).tolist()])
    assert known(connection, HERE, "ann", MODEL)[FRONT].seconds == 12.0


def test_namespaces_that_share_a_store_do_not_collide(connection: Connection) -> None:
    enrolled(connection, heard(FRONT, 1), heard(BACK, 1))
    enrolled(connection, heard(FRONT, 3), heard(BACK, 3), owner="b")
    (ours,), (theirs,) = (voices(connection, owner, MODEL, [ANN]) for owner in (HERE, "b"))
    assert (ours.vectors[0].tolist(), theirs.vectors[0].tolist()) == (vector(1).tolist(), vector(3).tolist())
    with pytest.raises(StageError) as caught:
        named(connection, ANN, owner="c")
    assert caught.value.reason is Reason.VOICE_NOT_HEARD


@pytest.mark.parametrize(
    ("rows", "model"),
    [
        pytest.param((), MODEL, id="nothing is enrolled"),
        pytest.param((heard(FRONT),), MODEL, id="one recording is not heard yet"),
        pytest.param((heard(FRONT), heard(BACK)), "hash-2", id="another model heard it"),
    ],
)
def test_a_voice_that_is_not_heard_is_waited_for_by_name(
    connection: Connection, rows: tuple[HeardSource, ...], model: str
) -> None:
    enrolled(connection, *rows, model=model)
    with pytest.raises(StageError, match=r"Voice 'ann': [12] of 2 recordings are not heard") as caught:
        named(connection, ANN)
    assert caught.value.reason is Reason.VOICE_NOT_HEARD


def test_what_is_refused_does_not_count_and_does_not_make_anybody_wait(connection: Connection) -> None:
    enrolled(connection, heard(FRONT), heard(BACK, 1, Reason.VOICES_DISAGREE))
    assert named(connection, ANN) == {"ann": 1}
    enrolled(connection, heard(FRONT, None, Reason.SEVERAL_PEOPLE), heard(BACK, 1, Reason.VOICES_DISAGREE))
    with pytest.raises(StageError, match="Voice 'ann'") as caught:
        named(connection, ANN)
    assert caught.value.reason is Reason.VOICE_UNUSABLE


def test_a_source_that_is_taken_away_loses_its_vector_and_no_planned_batch_waits_for_it(
    connection: Connection,
) -> None:
    enrolled(connection, heard(FRONT), heard(BACK))
    enrolled(connection, heard(FRONT), heard(BACK), model="hash-2")
    enrolled(connection, heard(FRONT))
    assert named(connection, ANN) == {"ann": 1}
    left = connection.execute(
        "select count(*) from ingest.enrolment where source = %s and vector is not null", [BACK]
    )
    assert left.fetchone() == (0,)


def test_what_people_decided_holds_in_every_namespace(connection: Connection) -> None:
    enrolled(connection, heard("recording:url:1?speaker=0", 2), owner="", voice="Eve")
    enrolled(connection, heard("recording:url:1?speaker=1", 3), owner="", voice="ann")
    enrolled(connection, heard(FRONT), heard(BACK))
    assert named(connection, ANN) == {"ann": 3, "Eve": 1}
    assert named(connection, owner="b") == {"ann": 1, "Eve": 1}


def test_a_name_with_quotes_and_signs_is_just_a_name(connection: Connection) -> None:
    odd = WantedVoice(name="O'Neil; drop table {ann}", sources=(FRONT,))
    enrolled(connection, heard(FRONT), voice=odd.name)
    assert named(connection, odd) == {odd.name: 1}


def test_an_enrolment_that_was_overtaken_writes_nothing(connection: Connection) -> None:
    late = claim(connection, f"voice:{HERE}/ann", "first")
    connection.execute(
        "update ingest.claim set lease_until = now() - interval '1 s' where recording like 'voice:%'"
    )
    enrolled(connection, heard(FRONT, 1))
    with pytest.raises(StageError) as caught:
        keep(connection, late, (HERE, "ann", MODEL), [heard(FRONT, 3)], [FRONT])
    assert caught.value.reason is Reason.LEASE_LOST
    vector_now = known(connection, HERE, "ann", MODEL)[FRONT].vector
    assert vector_now is not None
    assert vector_now.tolist() == vector(1).tolist()


def test_two_enrolments_at_once_leave_one_whole_voice(database: str, connection: Connection) -> None:
    """Of two holders one is refused; of one holder's two, the older writes nothing."""
    ends: list[Reason | None] = []
    gate = threading.Barrier(4)

    def one(axis: int) -> None:
        with connect(database, application="tests") as own:
            gate.wait()
            try:
                held = claim(own, f"voice:{HERE}/ann", "same")
                keep(own, held, (HERE, "ann", MODEL), [heard(FRONT, axis), heard(BACK, axis)], [FRONT, BACK])
                ends.append(None)
            except StageError as error:
                ends.append(error.reason)

    threads = [threading.Thread(target=one, args=(axis,)) for axis in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert None in ends
    assert set(ends) <= {None, Reason.LEASE_LOST, Reason.CLAIMED_ELSEWHERE}
    front, back = (row.vector for row in known(connection, HERE, "ann", MODEL).values())
    assert front is not None
    assert back is not None
    assert front.tolist() == back.tolist()


def test_a_stretch_is_who_speaks_in_it_with_the_vectors_of_the_recording(connection: Connection) -> None:
    made = content("one", "two", identities=(stranger(0), stranger(1)))
    store(connection, made)
    recording = connection.execute("select id from ingest.recording").fetchone()
    assert recording is not None
    turns = made.diarization.turns
    middle = (turns[0].start + turns[0].end) / 2
    found = stretch(connection, recording[0], (middle, turns[-1].end), VOICES)
    assert found is not None
    assert found[1].turns[0].start == middle
    assert np.allclose(found[1].vectors, made.diarization.vectors, equal_nan=True)
    assert stretch(connection, recording[0], (0, 1), "another@network") is None
    assert stretch(connection, "url:nobody", (0, 1), VOICES) is None


def test_a_voice_that_was_forgotten_is_not_enrolled_until_somebody_says_so(connection: Connection) -> None:
    bury(connection, TombstoneKind.VOICE, "Ann", "tester", "")
    enrolled(connection, heard(FRONT, 1), heard(BACK, 2))
    rows = known(connection, HERE, "ann", MODEL)
    assert {(row.vector is None, row.reason) for row in rows.values()} == {(True, Reason.FORGOTTEN)}
    lift(connection, TombstoneKind.VOICE, "ann")
    enrolled(connection, heard(FRONT, 1), heard(BACK, 2))
    assert named(connection, ANN) == {"ann": 2}
