"""What people say about who speaks: applied to every recording, kept over every later run, taken back."""

from collections.abc import Callable

import numpy as np
import pytest

from ingest_worker.domain import Decision, Identity
from ingest_worker.hashes import voice_hash
from ingest_worker.store.connect import Connection, use_vectors
from ingest_worker.store.deciding import Signed
from ingest_worker.store.decisions import correct, correct_part, merge, name, split, undo
from ingest_worker.store.reads import transcript
from ingest_worker.store.voice_names import VoiceError, VoiceName, voice_of
from tests.worker.store.makers import VOICES, count, unknown
from tests.worker.store.talks import ANN, BOB, CAT, NOBODY, TWO, heard, labels, passages, talk, voice

pytestmark = pytest.mark.postgres

ME = Signed("tester", "I know them")


def v(text: str) -> VoiceName:
    return voice_of(text)


def enrolled(connection: Connection) -> list[tuple[str, str]]:
    rows = connection.execute("select voice, source from ingest.enrolment where owner = '' order by 1, 2")
    return [tuple(row) for row in rows]


def named_by_a_run(speaker: int, who: str) -> Identity:
    return Identity(speaker, Decision.NAMED, who, 0.8, "eve", 0.2, 0.4)


@pytest.fixture(autouse=True)
def _two_talks(connection: Connection) -> None:
    use_vectors(connection)
    assert heard(connection, "test:one", talk(TWO, (ANN, BOB))) == ["unknown #1", "unknown #2"]
    assert heard(connection, "test:two", talk(TWO, (CAT, ANN))) == ["unknown #3", "unknown #1"]


def test_a_name_holds_for_every_recording_and_is_enrolled(connection: Connection) -> None:
    done = name(connection, v("#1"), v("Ann Lee"), ME)
    assert (done.recordings, done.speakers, done.passages, done.enrolments) == (2, 2, 3, 2)
    assert labels(connection, "test:one") == ["Ann Lee", "unknown #2"]
    assert passages(connection, "test:two") == ["unknown #3", "Ann Lee", "unknown #3"]
    assert enrolled(connection) == [
        ("Ann Lee", "recording:test:one?speaker=0"),
        ("Ann Lee", "recording:test:two?speaker=1"),
    ]
    row = connection.execute("select distinct model from ingest.enrolment").fetchone()
    assert row == (voice_hash(VOICES),)
    row = connection.execute("select who, why, kind from ingest.voice_decision").fetchone()
    assert row == ("tester", "I know them", "name")


def test_what_the_run_had_decided_is_kept_beside_what_a_person_said(connection: Connection) -> None:
    heard(connection, "test:three", talk(TWO, (ANN, BOB), [named_by_a_run(0, "eve"), unknown(1)]))
    correct(connection, "test:three", v("eve"), v("Ann"), ME)
    row = connection.execute(
        "select s.label, s.decision, t.judged, t.judged_name, s.score from speakers s "
        "join ingest.shown_decided t using (run, speaker) where s.recording = 'test:three' and s.speaker = 0"
    ).fetchone()
    assert row == ("Ann", "Stated", "Named", "eve", 0.8)


def test_a_name_said_twice_changes_nothing_the_second_time(connection: Connection) -> None:
    name(connection, v("#1"), v("Ann"), ME)
    again = name(connection, v("#1"), v("Ann"), ME)
    assert (again.decision, again.speakers) == (None, 0)
    assert count(connection, "voice_decision") == 1


def test_a_rehearsal_says_what_would_change_and_changes_nothing(connection: Connection) -> None:
    done = name(connection, v("#1"), v("Ann"), Signed("me", dry_run=True))
    assert (done.decision, done.recordings, done.speakers) == (None, 2, 2)
    assert labels(connection, "test:one") == ["unknown #1", "unknown #2"]
    assert (count(connection, "voice_decision"), count(connection, "enrolment")) == (0, 0)


def test_a_name_holds_for_who_is_heard_later_too(connection: Connection) -> None:
    name(connection, v("#1"), v("Ann"), ME)
    assert heard(connection, "test:later", talk(TWO, (BOB, ANN))) == ["unknown #2", "Ann"]


def test_a_person_is_not_overturned_by_a_run_with_other_numbers_and_vectors(connection: Connection) -> None:
    name(connection, v("#1"), v("Ann"), ME)
    swapped = [(a, b, 1 - s) for a, b, s in TWO]
    rerun = talk(swapped, (voice(0.1, 1, 0.1), voice(0.9, 0.2, 0.1)), [unknown(0), named_by_a_run(1, "eve")])
    assert heard(connection, "test:one", rerun) == ["unknown #2", "Ann"]


def test_a_person_holds_for_both_halves_of_a_voice_that_a_run_divides(connection: Connection) -> None:
    name(connection, v("#1"), v("Ann"), ME)
    divided = [(0.0, 20.0, 0), (20.0, 40.0, 1), (40.0, 60.0, 2)]
    assert heard(connection, "test:one", talk(divided, (ANN, BOB, voice(0.8, 0.1, 0.2)))) == [
        "Ann",
        "unknown #2",
        "Ann",
    ]


def test_two_people_who_become_one_speaker_are_reported_and_not_guessed(connection: Connection) -> None:
    name(connection, v("#1"), v("Ann"), ME)
    name(connection, v("#2"), v("Bob"), ME)
    heard(connection, "test:one", talk([(0.0, 60.0, 0)], (voice(1, 1, 0),)))
    assert labels(connection, "test:one")[0].startswith("unknown #")
    rows = connection.execute("select distinct open from ingest.decided_speaker where recording = 'test:one'")
    assert rows.fetchall() == [("one speaker now speaks where several were told apart",)]
    assert heard(connection, "test:one", talk(TWO, (ANN, BOB))) == ["Ann", "Bob"], "and it comes back"


def test_another_voice_at_the_same_times_is_reported_and_not_named(connection: Connection) -> None:
    name(connection, v("#1"), v("Ann"), ME)
    heard(connection, "test:one", talk(TWO, (CAT, BOB)))
    assert "Ann" not in labels(connection, "test:one")
    row = connection.execute(
        "select open from ingest.decided_speaker where recording = 'test:one' and name = 'Ann'"
    ).fetchone()
    assert row == ("somebody speaks at these times with another voice",)


def test_a_recording_with_a_new_beginning_is_matched_by_voice(connection: Connection) -> None:
    correct(connection, "test:one", v("#2"), v("Bob"), ME)
    later = [(a + 400, b + 400, s) for a, b, s in TWO]
    assert heard(connection, "test:one", talk(later, (ANN, voice(0.1, 1, 0)))) == ["unknown #1", "Bob"]


def test_merged_voices_are_one_everywhere_and_apart_again_when_taken_back(connection: Connection) -> None:
    done = merge(connection, v("#1"), [v("#2"), v("#3")], ME)
    assert labels(connection, "test:one") == ["unknown #1", "unknown #1"]
    assert heard(connection, "test:later", talk(TWO, (BOB, CAT))) == ["unknown #1", "unknown #1"]
    assert done.decision is not None
    undo(connection, done.decision, ME)
    assert labels(connection, "test:one") == ["unknown #1", "unknown #2"]
    assert labels(connection, "test:later") == ["unknown #2", "unknown #3"]


def test_a_voice_split_by_recordings_gets_a_number_of_its_own_and_keeps_it(connection: Connection) -> None:
    name(connection, v("#1"), v("Ann"), ME)
    done = split(connection, v("Ann"), ["test:two"], ME)
    assert done.voice == "unknown #4"
    assert labels(connection, "test:two") == ["unknown #3", "unknown #4"]
    assert enrolled(connection) == [("Ann", "recording:test:one?speaker=0")]
    assert heard(connection, "test:two", talk(TWO, (CAT, ANN))) == ["unknown #3", "unknown #4"]


def test_a_stretch_given_to_somebody_else_moves_passages_turns_and_words(connection: Connection) -> None:
    done = correct_part(connection, "test:one", (38.0, 61.0), v("#1"), v("Cat"), ME)
    assert (done.passages, done.seconds) == (1, 20.0)
    assert passages(connection, "test:one") == ["unknown #1", "unknown #2", "Cat"]
    found = transcript(connection, "test:one")
    assert found is not None
    assert [turn.speaker for turn in found.turns] == [0, 1, 2]
    assert [word.speaker for word in found.words] == [0, 1, 2]
    seconds = {speaker.label: speaker.seconds for speaker in found.speakers}
    assert seconds == {"unknown #1": 20.0, "unknown #2": 20.0, "Cat": 20.0}


def test_a_stretch_stays_with_its_person_over_a_later_run_and_a_later_name(connection: Connection) -> None:
    correct_part(connection, "test:one", (40.0, 60.0), None, v("Cat"), ME)
    name(connection, v("Cat"), v("Catherine"), ME)
    name(connection, v("#1"), v("Ann"), ME)
    swapped = [(a, b, 1 - s) for a, b, s in TWO]
    heard(connection, "test:one", talk(swapped, (BOB, ANN)))
    assert passages(connection, "test:one") == ["Ann", "unknown #2", "Catherine"]


def test_a_stretch_taken_back_leaves_what_the_run_found(connection: Connection) -> None:
    turns = connection.execute("select * from ingest.turn order by run, seq").fetchall()
    done = correct_part(connection, "test:one", (40.0, 60.0), None, None, ME)
    assert passages(connection, "test:one")[2] == "unknown #4"
    assert done.decision is not None
    undo(connection, done.decision, ME)
    assert passages(connection, "test:one") == ["unknown #1", "unknown #2", "unknown #1"]
    assert connection.execute("select * from ingest.turn order by run, seq").fetchall() == turns
    assert labels(connection, "test:one") == ["unknown #1", "unknown #2"]


def test_a_decision_on_which_others_build_is_taken_back_after_them(connection: Connection) -> None:
    first = merge(connection, v("#1"), [v("#3")], ME).decision
    second = name(connection, v("#1"), v("Ann"), ME).decision
    assert first is not None
    assert second is not None
    with pytest.raises(VoiceError, match=f"decisions {second} build on {first}"):
        undo(connection, first, ME)
    undo(connection, second, ME)
    undo(connection, first, ME)
    assert labels(connection, "test:two") == ["unknown #3", "unknown #1"]
    assert enrolled(connection) == []
    assert undo(connection, first, ME).decision is None, "taken back already"


def test_who_was_given_a_part_of_somebody_teaches_nothing(connection: Connection) -> None:
    name(connection, v("#1"), v("Ann"), ME)
    correct_part(connection, "test:one", (40.0, 60.0), None, v("Bob"), ME)
    assert enrolled(connection) == [("Ann", "recording:test:two?speaker=1")]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (lambda c: name(c, v("#9"), v("Ann"), ME), "there is no voice unknown #9"),
        (lambda c: name(c, v("Nobody"), v("Ann"), ME), "there is no voice Nobody"),
        (lambda c: name(c, v("#1"), v("#2"), ME), "is no name"),
        (lambda c: merge(c, v("#1"), [v("#1")], ME), "into itself"),
        (lambda c: split(c, v("#1"), ["test:one", "test:none"], ME), "does not speak in test:none"),
        (lambda c: correct(c, "test:one", v("#3"), v("Ann"), ME), "does not speak in test:one"),
        (lambda c: correct_part(c, "test:one", (90, 95), None, v("Ann"), ME), "no passage"),
        (lambda c: correct_part(c, "test:one", (9, 5), None, v("Ann"), ME), "ends before"),
        (lambda c: correct_part(c, "test:no", (9, 15), None, v("Ann"), ME), "no transcript"),
        (lambda c: undo(c, 77, ME), "no decision 77"),
    ],
)
def test_what_cannot_be_decided_is_refused_and_changes_nothing(
    connection: Connection, asked: Callable[[Connection], object], said: str
) -> None:
    with pytest.raises(VoiceError, match=said):
        asked(connection)
    assert count(connection, "voice_decision") == 0
    assert labels(connection, "test:one") == ["unknown #1", "unknown #2"]


def test_numbers_stay_when_a_run_hears_in_another_order_and_slightly_otherwise(
    connection: Connection,
) -> None:
    turns = [(0.0, 20.0, 0), (20.0, 40.0, 1), (40.0, 60.0, 2), (60.0, 80.0, 3)]
    near = voice(0.41, 0, 0, 0.912)  # just above the threshold of Ann, and below it the next time
    before = heard(connection, "test:order", talk(turns, (NOBODY, BOB, near, NOBODY)))
    assert before[2] == "unknown #1"
    again = [(a, b, 3 - s) for a, b, s in turns]
    slightly = (NOBODY, voice(0.39, 0, 0, 0.921), voice(0.1, 1, 0), NOBODY)
    assert heard(connection, "test:order", talk(again, slightly)) == before[::-1]


def test_numbers_stay_under_another_voice_model_and_are_known_to_it(connection: Connection) -> None:
    swap = (np.array([0, 0, 0, 1], np.float32), np.array([0, 0, 1, 0], np.float32))
    found = heard(connection, "test:one", talk(TWO, swap, model="newer@1"))
    assert found == ["unknown #1", "unknown #2"]
    assert heard(connection, "test:new", talk(TWO, swap[::-1], model="newer@1")) == found[::-1]
