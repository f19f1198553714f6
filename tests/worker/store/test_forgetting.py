"""What is forgotten is in no table, and does not come back."""

from dataclasses import replace

import psycopg
import pytest
from pgvector import Vector

from ingest_contract.failures import Reason
from ingest_contract.stages import Stage
from ingest_worker.codec import encode_diarization, encode_identified
from ingest_worker.details import Detail, Fact
from ingest_worker.domain import Decision, Evidence, Identified, Identity, WonSeconds
from ingest_worker.errors import StageError
from ingest_worker.store import artifacts, forgetting
from ingest_worker.store.claims import claim
from ingest_worker.store.commit import commit
from ingest_worker.store.connect import Connection, connect, use_vectors
from ingest_worker.store.deciding import Signed
from ingest_worker.store.decisions import correct_part, merge, name
from ingest_worker.store.details import recall, remember
from ingest_worker.store.forgetting import (
    forget_channel,
    forget_expired,
    forget_recordings,
    forget_voice,
    sweep,
)
from ingest_worker.store.forgotten_voice import Passages
from ingest_worker.store.reads import transcript
from ingest_worker.store.records import Content
from ingest_worker.store.tombstones import TombstoneKind, forgotten, is_forgotten, lift
from ingest_worker.store.voice_names import VoiceError, voice_of
from tests.worker.store.looking import columns, places
from tests.worker.store.makers import VOICES, a_recording, a_run, counts, unknown
from tests.worker.store.talks import BOB, CAT, TWO, heard, labels, passages, talk, voice
from tests.worker.store.test_schema import as_role

pytestmark = pytest.mark.postgres

ME = Signed("tester", "asked by letter")
SECRET = voice(0.95, 0.2, 0.1, 0.2)
"""Nobody else has this vector."""


def put(connection: Connection, recording: str, content: Content, **about: object) -> None:
    """A run with everything that lies around it: kept results, details, an enrolment of a stretch."""
    held = claim(connection, recording, "tester")
    artifacts.put(connection, held, Stage.DIARIZE, "h", encode_diarization(content.diarization))
    artifacts.put(connection, held, Stage.IDENTIFY, "h", encode_identified(Identified(content.identities)))
    artifacts.put(connection, held, Stage.TRANSCRIBE, "h", b"said")
    remember(
        connection, "default/b", {recording: Detail(asked=(Fact.LENGTH,), title=f"Title of {recording}")}
    )
    commit(connection, held, a_recording(recording, **about), a_run(), content)


@pytest.fixture(autouse=True)
def _corpus(connection: Connection) -> None:
    use_vectors(connection)
    put(connection, "test:secret", talk(TWO, (SECRET, BOB)), channel="Hidden Channel")
    put(connection, "test:other", talk(TWO, (CAT, BOB)))
    connection.execute(
        "insert into ingest.enrolment (owner, voice, source, model, vector) "
        "values ('team', 'Zoe Quill', 'recording:test:secret?start=0&end=20', %s, %s)",
        [VOICES, Vector(SECRET)],
    )


def test_the_test_sees_every_place_in_which_something_is(connection: Connection) -> None:
    name(connection, voice_of("#1"), voice_of("Zoe Quill"), ME)
    found = places(connection, ["test:secret", "Zoe Quill"], [SECRET])
    assert {
        "ingest.recording.id", "ingest.run.recording", "ingest.speaker.name", "ingest.speaker.voice",
        "ingest.artifact.content", "ingest.detail.said", "ingest.enrolment.source", "ingest.enrolment.vector",
        "ingest.unknown_voice.vector", "ingest.unknown_voice.first_recording",
        "ingest.voice_decision.details",
        "ingest.decided_speaker.vector", "ingest.decided_speaker.name", "ingest.decided_voice.name",
    } <= found  # fmt: skip
    assert {table for _, table, _ in columns(connection)} >= {"tombstone", "unknown_vector", "embeddings_8"}


def test_a_forgotten_recording_is_in_no_table(connection: Connection) -> None:
    name(connection, voice_of("#1"), voice_of("Zoe Quill"), ME)
    correct_part(connection, "test:secret", (40, 60), None, voice_of("Bob"), ME)
    gone = forget_recordings(connection, ["test:secret"], ME)
    sweep(connection)
    assert gone.rows["segment"] == 3
    assert gone.rows["artifact"] == 3
    assert gone.rows["enrolment"] >= 1
    assert places(connection, ["test:secret", "Hidden Channel"], [SECRET]) == set()
    assert counts(connection)["recording"] == 1
    assert passages(connection, "test:other") == ["unknown #3", "unknown #2", "unknown #3"]


def test_a_number_first_heard_in_a_forgotten_recording_lives_on(connection: Connection) -> None:
    forget_recordings(connection, ["test:secret"], ME)
    assert heard(connection, "test:third", talk(TWO, (BOB, CAT))) == ["unknown #2", "unknown #3"]


def test_a_forgotten_recording_is_not_taken_in_again_until_somebody_says_so(connection: Connection) -> None:
    forget_recordings(connection, ["test:secret", "test:never-stored"], ME)
    held = claim(connection, "test:secret", "tester")
    with pytest.raises(StageError) as caught:
        commit(connection, held, a_recording("test:secret"), a_run(), talk(TWO, (SECRET, BOB)))
    assert caught.value.reason is Reason.FORGOTTEN
    assert forgotten(connection, TombstoneKind.RECORDING, ["test:never-stored", "test:other"]) == {
        "test:never-stored"
    }
    remember(connection, "default/b", {"test:secret": Detail(asked=(Fact.LENGTH,), title="Title")})
    assert not recall(connection, "default/b", ["test:secret"])
    assert lift(connection, TombstoneKind.RECORDING, "test:secret")
    assert not lift(connection, TombstoneKind.RECORDING, "test:secret")
    commit(connection, held, a_recording("test:secret"), a_run(), talk(TWO, (SECRET, BOB)))


def test_a_forgotten_channel_takes_all_of_its_recordings_with_it(connection: Connection) -> None:
    gone = forget_channel(connection, "hidden channel", ME)
    assert gone.recordings == ("test:secret",)
    assert places(connection, ["test:secret", "hidden channel"], [SECRET]) == set()
    assert is_forgotten(connection, "test:new", "Hidden  Channel")
    assert not is_forgotten(connection, "test:new", "Another")


@pytest.mark.parametrize("how", list(Passages))
def test_a_forgotten_voice_is_in_no_table(connection: Connection, how: Passages) -> None:
    put(connection, "test:more", talk(TWO, (BOB, voice(0.95, 0.2, 0.11, 0.2))))
    merged = (voice(0.95, 0.2, 0.11, 0.2),)
    name(connection, voice_of("#1"), voice_of("Zoe Quill"), ME)
    won = Evidence((1,), (WonSeconds("Zoe Quill", 9.0, 3.0),))
    eve = Identity(1, Decision.NAMED, "Eve", 0.7, "Zoe Quill", 0.6, 0.4, won)
    put(connection, "test:eve", talk(TWO, (CAT, voice(0.1, 0, 0.5)), [unknown(0), eve]))
    gone = forget_voice(connection, voice_of("Zoe Quill"), how, ME)
    sweep(connection)
    assert gone.recordings == ("test:more", "test:secret")
    assert places(connection, ["Zoe Quill"], [SECRET, *merged]) == set()
    mine = {label for each in gone.recordings for label in labels(connection, each)} - {"unknown #2"}
    assert len(mine) == 2, "nobody can tell that these are one person"
    left = passages(connection, "test:secret")
    assert len(left) == (3 if how is Passages.KEEP else 1)
    found = transcript(connection, "test:secret")
    assert found is not None
    for segment in found.segments:
        assert " ".join(word.word.text for word in found.words[slice(*segment.words)]) == segment.text


@pytest.mark.parametrize("how", list(Passages))
def test_a_forgotten_voice_does_not_come_back_with_a_later_run(connection: Connection, how: Passages) -> None:
    name(connection, voice_of("#1"), voice_of("Zoe Quill"), ME)
    forget_voice(connection, voice_of("Zoe Quill"), how, ME)
    again = voice(0.95, 0.2, 0.12, 0.2)
    zoe = Identity(1, Decision.NAMED, "Zoe Quill", 0.7, None, None, 0.4)
    put(connection, "test:secret", talk([(a, b, 1 - s) for a, b, s in TWO], (BOB, again), [unknown(0), zoe]))
    assert places(connection, ["Zoe Quill"], [again]) == set()
    said = passages(connection, "test:secret")
    assert said.count("unknown #2") == 1
    assert len(said) == (3 if how is Passages.KEEP else 1)
    won = Evidence((0,), (WonSeconds("Zoe Quill", 9.0, 3.0),))
    put(connection, "test:new", talk(TWO, (BOB, again), [replace(unknown(0), evidence=won), zoe]))
    assert places(connection, ["Zoe Quill"], [again]) == set(), "nor is the name given in another recording"


def test_a_forgotten_name_is_given_again_only_when_somebody_says_so(connection: Connection) -> None:
    name(connection, voice_of("#1"), voice_of("Zoe Quill"), ME)
    forget_voice(connection, voice_of("Zoe Quill"), Passages.KEEP, ME)
    with pytest.raises(VoiceError, match="was forgotten"):
        name(connection, voice_of("#3"), voice_of("ZOE quill"), ME)
    assert lift(connection, TombstoneKind.VOICE, "Zoe Quill")
    assert name(connection, voice_of("#3"), voice_of("Zoe Quill"), ME).speakers == 1


def test_a_voice_without_a_name_is_forgotten_too(connection: Connection) -> None:
    merge(connection, voice_of("#3"), [voice_of("#1")], ME)
    forget_voice(connection, voice_of("#3"), Passages.KEEP, ME)
    assert places(connection, [], [CAT]) == set()
    assert places(connection, [], [SECRET]) == {"ingest.enrolment.vector"}, "of a profile, under its name"
    with pytest.raises(VoiceError, match="no voice unknown #99"):
        forget_voice(connection, voice_of("#99"), Passages.KEEP, ME)


def test_counting_what_would_go_removes_nothing(connection: Connection) -> None:
    before = counts(connection)
    rehearsed = Signed("me", dry_run=True)
    assert forget_recordings(connection, ["test:secret"], rehearsed).rows["segment"] == 3
    assert forget_channel(connection, "Hidden Channel", rehearsed).rows["run"] == 1
    assert forget_voice(connection, voice_of("#1"), Passages.REMOVE, rehearsed).rows["segment"] == 2
    assert counts(connection) == before
    assert not is_forgotten(connection, "test:secret", "Hidden Channel")


def expired(connection: Connection, profile: str, days: int, *batches: str) -> list[tuple[str, ...]]:
    """What went, by transaction."""
    return [gone.recordings for gone in forget_expired(connection, profile, days, batches)]


def grow_old(connection: Connection, days: int = 31) -> None:
    connection.execute(
        "update ingest.recording set first_stored_at = now() - make_interval(days => %s) "
        "where id <> 'test:young'",
        [days],
    )


def test_what_is_older_than_its_profile_keeps_is_forgotten(connection: Connection) -> None:
    put(connection, "test:young", talk(TWO, (CAT, BOB)))
    grow_old(connection)
    assert expired(connection, "default/profile", 32) == []
    assert expired(connection, "default/profile", 30) == [("test:other", "test:secret")]
    assert is_forgotten(connection, "test:other", None)
    assert passages(connection, "test:young") == ["unknown #3", "unknown #2", "unknown #3"]


def test_profiles_that_share_a_store_forget_each_their_own_whatever_their_batches_are_called(
    connection: Connection,
) -> None:
    grow_old(connection)
    connection.execute("update ingest.run set profile = 'default/legal' where recording = 'test:secret'")
    assert expired(connection, "default/another", 30, "default/batch") == []
    assert expired(connection, "other/profile", 30) == []
    assert expired(connection, "default/profile", 30) == [("test:other",)]
    assert expired(connection, "default/legal", 30) == [("test:secret",)]


def test_a_recording_that_another_profile_has_stored_again_is_kept_as_that_one_says(
    connection: Connection,
) -> None:
    grow_old(connection)
    held = claim(connection, "test:other", "tester")
    commit(connection, held, a_recording("test:other"), a_run(profile="default/legal"), talk(TWO, (CAT, BOB)))
    assert expired(connection, "default/profile", 30) == [("test:secret",)]
    assert expired(connection, "default/legal", 30) == [("test:other",)]


def test_what_was_stored_before_runs_noted_their_profile_goes_with_its_batch(connection: Connection) -> None:
    grow_old(connection)
    connection.execute("update ingest.run set profile = null where recording = 'test:secret'")
    assert expired(connection, "default/another", 30, "default/others") == []
    assert expired(connection, "default/another", 30, "default/batch") == [("test:secret",)]


def test_what_is_old_goes_in_parts_the_oldest_first(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forgetting, "PART_RECORDINGS", 1)
    grow_old(connection)
    connection.execute(
        "update ingest.recording set first_stored_at = now() - interval '90 days' where id = 'test:secret'"
    )
    assert expired(connection, "default/profile", 30) == [("test:secret",), ("test:other",)]


DECIDING = [
    "insert into ingest.voice_decision (who, kind, details) values ('me', 'name', '{}')",
    "insert into ingest.decided_voice (decision, was, name) values (1, 'unknown #1', 'Eve')",
    "insert into ingest.decided_speaker (decision, recording, spans, model) values (1, 'x', '{}', '')",
    "update ingest.decided_speaker set name = 'Eve'",
    "insert into ingest.tombstone (kind, key, who) values ('voice', 'x', 'me')",
    "delete from ingest.tombstone",
]


@pytest.mark.parametrize("role", ["ingest_writer", "ingest_reader"])
@pytest.mark.parametrize("statement", DECIDING)
def test_no_worker_and_no_reader_decides_or_forgets(database: str, role: str, statement: str) -> None:
    with (
        connect(as_role(database, role), application="somebody") as somebody,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        somebody.execute(statement.encode())


def test_a_curator_decides_and_forgets_and_changes_no_schema(database: str) -> None:
    with connect(as_role(database, "ingest_curator"), application="curator") as curator:
        use_vectors(curator)
        name(curator, voice_of("#1"), voice_of("Zoe Quill"), ME)
        forget_voice(curator, voice_of("Zoe Quill"), Passages.REMOVE, ME)
        forget_recordings(curator, ["test:other"], ME)
        assert counts(curator)["recording"] == 1
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            curator.execute("drop table ingest.segment")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            curator.execute("delete from ingest.schema_version")


def test_a_worker_commits_over_decisions_and_tombstones(database: str, connection: Connection) -> None:
    name(connection, voice_of("#2"), voice_of("Bob"), ME)
    correct_part(connection, "test:secret", (40, 60), None, voice_of("Cat"), ME)
    forget_voice(connection, voice_of("#3"), Passages.REMOVE, ME)
    with connect(as_role(database, "ingest_writer"), application="worker") as worker:
        put(worker, "test:secret", talk(TWO, (SECRET, BOB)))
        put(worker, "test:other", talk(TWO, (CAT, BOB)))
    assert passages(connection, "test:secret") == ["unknown #1", "Bob", "Cat"]
    assert passages(connection, "test:other") == ["Bob"]
