"""What a later try finds of an earlier one."""

from datetime import timedelta

import pytest

from ingest_contract.stages import KEPT, Stage
from ingest_worker import codec
from ingest_worker.store import artifacts
from ingest_worker.store.claims import claim, release
from ingest_worker.store.connect import Connection
from tests.worker.store.makers import content, count

pytestmark = pytest.mark.postgres


def test_a_kept_result_outlives_its_worker_and_is_found_under_its_hash_only(connection: Connection) -> None:
    said = codec.encode_diarization(content().diarization)
    held = claim(connection, "test:one", "first")
    artifacts.put(connection, held, Stage.DIARIZE, "hash-a", said)
    release(connection, held)
    assert artifacts.get(connection, "test:one", Stage.DIARIZE, "hash-a") == said
    assert artifacts.get(connection, "test:one", Stage.DIARIZE, "hash-b") is None
    assert artifacts.get(connection, "test:one", Stage.TRANSCRIBE, "hash-a") is None
    assert artifacts.get(connection, "test:two", Stage.DIARIZE, "hash-a") is None


def test_the_newest_result_of_a_stage_takes_the_place_of_the_one_before(connection: Connection) -> None:
    held = claim(connection, "test:one", "first")
    artifacts.put(connection, held, Stage.EMBED, "hash-a", b"old")
    artifacts.put(connection, held, Stage.EMBED, "hash-b", b"new")
    assert (artifacts.get(connection, "test:one", Stage.EMBED, "hash-a"), count(connection, "artifact")) == (
        None,
        1,
    )
    assert artifacts.get(connection, "test:one", Stage.EMBED, "hash-b") == b"new"


def test_a_result_in_another_format_is_made_again_and_not_misread(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    artifacts.put(connection, claim(connection, "test:one", "first"), Stage.EMBED, "hash", b"form 1")
    monkeypatch.setattr(artifacts, "FORMAT_VERSION", artifacts.FORMAT_VERSION + 1)
    assert artifacts.get(connection, "test:one", Stage.EMBED, "hash") is None


def test_only_stages_that_a_later_run_resumes_behind_are_kept(connection: Connection) -> None:
    with pytest.raises(ValueError, match="decode is not kept"):
        artifacts.put(connection, claim(connection, "test:one", "first"), Stage.DECODE, "hash", b"")


def test_a_result_that_is_older_than_the_order_allows_does_not_count(connection: Connection) -> None:
    artifacts.put(connection, claim(connection, "test:one", "first"), Stage.EMBED, "hash", b"old")
    row = connection.execute("select created_at from ingest.artifact").fetchone()
    assert row is not None
    assert artifacts.get(connection, "test:one", Stage.EMBED, "hash", row[0]) == b"old"
    assert (
        artifacts.get(connection, "test:one", Stage.EMBED, "hash", row[0] + timedelta(milliseconds=1)) is None
    )


@pytest.mark.parametrize(
    ("made_again", "left"),
    [
        (Stage.TRANSCRIBE, {Stage.TRANSCRIBE, Stage.DIARIZE, Stage.IDENTIFY}),
        (Stage.DIARIZE, {Stage.TRANSCRIBE, Stage.DIARIZE}),
        (Stage.IDENTIFY, set(KEPT)),
        (Stage.EMBED, set(KEPT)),
    ],
)
def test_a_result_goes_when_what_it_was_made_of_is_made_again(
    connection: Connection, made_again: Stage, left: set[Stage]
) -> None:
    held, other = claim(connection, "test:one", "first"), claim(connection, "test:two", "first")
    for stage in KEPT:
        artifacts.put(connection, held, stage, "hash", b"old")
        artifacts.put(connection, other, stage, "hash", b"old")
    artifacts.put(connection, held, made_again, "hash", b"new")
    kept = {stage for stage in KEPT if artifacts.get(connection, "test:one", stage, "hash") is not None}
    assert kept == left
    assert artifacts.get(connection, "test:one", made_again, "hash") == b"new"
    assert all(artifacts.get(connection, "test:two", stage, "hash") == b"old" for stage in KEPT)
