"""What planning, status, exports and people read."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from ingest_contract.failures import Reason
from ingest_contract.order import Item
from ingest_worker.errors import StageError
from ingest_worker.store import reads
from ingest_worker.store.claims import claim
from ingest_worker.store.connect import Connection
from ingest_worker.store.records import Recording
from tests.worker.store.makers import NOON, a_recording, a_run, content, named, store, unknown

pytestmark = pytest.mark.postgres


def test_a_plan_learns_the_pipeline_of_what_is_stored_and_nothing_of_what_is_not(
    connection: Connection,
) -> None:
    store(connection, content(), a_recording("test:one"), a_run(pipeline_hash="old"))
    store(connection, content(), a_recording("test:one"), a_run(pipeline_hash="new"))
    store(connection, content(), a_recording("test:two"))
    known = reads.stored(connection, ["test:one", "test:none"])
    assert known == {"test:one": reads.Stored("new", None, None)}
    assert reads.stored(connection, []) == {}


def test_the_runs_of_a_batch_are_reported_in_the_order_of_their_ends(connection: Connection) -> None:
    late = store(
        connection,
        content(),
        a_recording("test:one"),
        a_run(trace_id="a" * 32, finished_at=NOON.replace(hour=14)),
    )
    early = store(
        connection, content(), a_recording("test:two"), a_run(trace_id="a" * 32, number=3, media_seconds=0.0)
    )
    store(connection, content(), a_recording("test:three"), a_run(trace_id="b" * 32))
    told = reads.runs(connection, "a" * 32)
    assert [(run.id, run.title, run.number, run.rtf) for run in told] == [
        (early.id, "Title of test:two", 3, None),
        (late.id, "Title of test:one", 1, 0.5),
    ]


def test_recordings_are_listed_newest_first_with_their_state(connection: Connection) -> None:
    store(connection, content("a", "b", identities=(named(0, "ann"), unknown(1))))
    store(connection, content(), a_recording("test:new", published_at=datetime(2025, 7, 1, tzinfo=UTC)))
    store(connection, content(), a_recording("test:undated", published_at=None))
    listed = reads.recordings(connection)
    assert [
        (recording.id, recording.state, recording.segments, recording.speakers) for recording in listed
    ] == [
        ("test:new", "Ingested", 2, 1),
        ("test:one", "Ingested", 2, 2),
        ("test:undated", "Ingested", 2, 1),
    ]


def test_the_view_of_recordings_shows_who_is_being_worked_on(connection: Connection) -> None:
    store(connection, content())
    claim(connection, "test:one", "worker")
    assert connection.execute("select id, in_progress from recordings").fetchall() == [("test:one", True)]


def test_a_recording_without_a_run_has_no_transcript(connection: Connection) -> None:
    assert reads.transcript(connection, "test:one") is None


def test_words_in_another_form_are_refused_and_not_misread(connection: Connection) -> None:
    store(connection, content())
    connection.execute("update ingest.words set format = 99")
    with pytest.raises(StageError, match="stored in form 99") as caught:
        reads.transcript(connection, "test:one")
    assert caught.value.reason is Reason.SCHEMA_MISMATCH


def test_people_see_speakers_by_name_or_number_and_nobody_as_null(connection: Connection) -> None:
    store(connection, content("a", "b", "c", identities=(named(0, "ann"), unknown(1))))
    connection.execute("update ingest.segment set speaker = null where seq = 2")
    rows = connection.execute(
        "select text, speaker, speaker_decision from current_segments order by seq"
    ).fetchall()
    assert rows == [("a", "ann", "Named"), ("b", "unknown #1", "Unknown"), ("c", None, None)]


def test_a_recording_takes_from_its_item_what_the_plan_knew_and_from_the_media_what_it_did_not() -> None:
    item = Item(
        index=0,
        id="test:one",
        url="https://media.example/one",
        duration_seconds=60,
        published_at="2025-06-01T12:00:00Z",
    )
    assert Recording.of(item, title="From the media", duration_seconds=61.5) == Recording(
        "test:one", "https://media.example/one", "From the media", None, NOON, 61.5
    )
    assert (
        Recording.of(item.model_copy(update={"title": "From the plan"}), title="From the media").title
        == "From the plan"
    )
    assert Recording.of(item).duration_seconds == 60.0


def test_a_deleted_recording_takes_everything_of_its_own_with_it(connection: Connection) -> None:
    store(connection, content(), run=a_run(id=uuid4()))
    connection.execute("delete from ingest.recording")
    for table in ("run", "segment", "turn", "speaker", "words", "embeddings_8"):
        assert connection.execute((f"select count(*) from ingest.{table}").encode()).fetchone() == (0,)  # noqa: S608  names from the line above
