"""The store as one run sees it, against a real Postgres: what is kept survives, and what is lost is told."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest_contract.failures import Reason
from ingest_contract.order import IngestOrder
from ingest_contract.stages import Stage
from ingest_worker.claimed import REMEMBERED, ClaimedRecording, claimed_recording, holder_of
from ingest_worker.errors import StageError
from ingest_worker.store import artifacts
from ingest_worker.store.addresses import address_of, keep
from ingest_worker.store.claims import Claim, claim
from ingest_worker.store.commit import FINAL
from ingest_worker.store.connect import Connection, connect
from ingest_worker.store.reads import stored
from ingest_worker.store.records import Recording
from tests.support.worker import order_for, place_in
from tests.worker.store.makers import content, store

pytestmark = pytest.mark.postgres

VIDEO = "file:talk"
HASH = "0" * 16


@pytest.fixture
def order(tmp_path: Path) -> IngestOrder:
    return order_for(tmp_path / "talk.wav", place_in(tmp_path, tmp_path))


@pytest.fixture
def video(database: str, order: IngestOrder) -> Iterator[ClaimedRecording]:
    with claimed_recording(database, order) as claimed:
        yield claimed


def holders(dsn: str) -> list[str]:
    with connect(dsn, application="test") as connection:
        return [row[0] for row in connection.execute("select holder from ingest.claim")]


def test_a_recording_is_claimed_for_its_item_and_given_up_when_the_run_fails(
    database: str, order: IngestOrder
) -> None:
    seen: list[str] = []

    def work() -> None:
        with claimed_recording(database, order):
            seen.extend(holders(database))
            raise StageError(Reason.UNDECODABLE)

    with pytest.raises(StageError):
        work()
    assert seen == [holder_of(order)] == ["default/test#0"]
    assert holders(database) == []


def test_a_recording_that_the_store_would_refuse_is_refused_before_the_work_and_not_behind_it(
    database: str, order: IngestOrder
) -> None:
    with connect(database, application="test") as connection:
        connection.execute("alter table ingest.recording add constraint no_talks check (id not like '%talk')")
    worked: list[str] = []

    def work() -> None:
        with claimed_recording(database, order):
            worked.append("for hours")

    with pytest.raises(StageError, match="constraint no_talks") as told:
        work()
    assert told.value.reason is Reason.DATABASE_REJECTED
    assert worked == []
    assert holders(database) == []


def test_looking_whether_a_recording_could_be_stored_leaves_no_trace(
    database: str, order: IngestOrder, video: ClaimedRecording
) -> None:
    video.rehearse(Recording.of(order.item))
    with connect(database, application="test") as connection:
        assert stored(connection, [VIDEO]) == {}


def test_a_run_fetches_from_the_address_that_its_plan_kept_and_nobody_elses(
    database: str, order: IngestOrder
) -> None:
    secret = "https://ann:geheim@media.example.org/talk.wav"
    with connect(database, application="test") as connection:
        keep(connection, order.batch, {VIDEO: secret})
        keep(connection, "other/batch", {VIDEO: "https://bob:geheim@media.example.org/talk.wav"})
    with claimed_recording(database, order) as claimed:
        assert claimed.order.item.url == secret
        claimed.remember(Recording.of(claimed.order.item), StageError(Reason.NO_SPEECH), HASH, may_grow=False)
    with connect(database, application="test") as connection:
        assert connection.execute("select url from ingest.recording").fetchall() == [
            ("https://media.example.org/talk.wav",)
        ]
        assert address_of(connection, order.batch, VIDEO) is None
        assert address_of(connection, "other/batch", VIDEO) == "https://bob:geheim@media.example.org/talk.wav"


def test_an_address_is_let_go_with_the_commit_of_its_batch(database: str) -> None:
    with connect(database, application="test") as connection:
        keep(connection, "default/batch", {"test:one": "https://ann:geheim@h/a"})
        keep(connection, "default/other", {"test:one": "https://ann:geheim@h/a"})
        store(connection, content())
        assert address_of(connection, "default/batch", "test:one") is None
        assert address_of(connection, "default/other", "test:one") == "https://ann:geheim@h/a"


def test_what_was_kept_is_found_under_its_hash_by_the_next_run(
    database: str, order: IngestOrder, video: ClaimedRecording
) -> None:
    video.keep(Stage.TRANSCRIBE, HASH, b"words")
    assert video.kept(Stage.TRANSCRIBE, HASH) == b"words"
    assert video.kept(Stage.TRANSCRIBE, "1" * 16) is None
    with claimed_recording(database, order) as again:
        assert again.kept(Stage.TRANSCRIBE, HASH) == b"words"


def test_a_result_that_the_database_could_not_take_goes_with_the_next_one(
    database: str, video: ClaimedRecording, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = "postgresql://nobody@127.0.0.1:9/none"
    monkeypatch.setattr(video, "_dsn", away)
    video.keep(Stage.TRANSCRIBE, HASH, b"words")
    monkeypatch.setattr(video, "_dsn", database)
    assert video.kept(Stage.TRANSCRIBE, HASH) is None
    video.keep(Stage.DIARIZE, HASH, b"turns")
    assert video.kept(Stage.TRANSCRIBE, HASH) == b"words"
    assert video.kept(Stage.DIARIZE, HASH) == b"turns"


def test_of_two_stages_that_end_at_once_both_results_are_kept(
    video: ClaimedRecording, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the first result is on its way the second one comes, and takes both along: as it is after a
    database was away for which both have waited."""
    put, met = artifacts.put, list[Stage]()

    def interrupted(connection: Connection, held: Claim, stage: Stage, stage_hash: str, said: bytes) -> None:
        met.append(stage)
        if len(met) == 1:
            video.keep(Stage.DIARIZE, HASH, b"turns")
        put(connection, held, stage, stage_hash, said)

    monkeypatch.setattr(artifacts, "put", interrupted)
    video.keep(Stage.TRANSCRIBE, HASH, b"words")
    assert met == [Stage.TRANSCRIBE, Stage.TRANSCRIBE, Stage.DIARIZE]
    assert video.kept(Stage.TRANSCRIBE, HASH) == b"words"
    assert video.kept(Stage.DIARIZE, HASH) == b"turns"


def test_a_run_whose_claim_was_taken_over_keeps_nothing_more(
    database: str, order: IngestOrder, video: ClaimedRecording
) -> None:
    with connect(database, application="test") as connection:
        claim(connection, VIDEO, holder_of(order))
    with pytest.raises(StageError) as caught:
        video.keep(Stage.TRANSCRIBE, HASH, b"words")
    assert caught.value.reason is Reason.LEASE_LOST


def test_a_fact_of_the_recording_is_remembered_and_ends_the_claim(
    database: str, video: ClaimedRecording
) -> None:
    recording = Recording(VIDEO, "/talk.wav", "talk", None, None, 5.0)
    video.remember(recording, StageError(Reason.NO_SPEECH), "p" * 16, may_grow=False)
    with connect(database, application="test") as connection:
        found = stored(connection, [VIDEO])[VIDEO]
    assert (found.reason, found.reason_pipeline_hash) == (Reason.NO_SPEECH, "p" * 16)
    assert holders(database) == []


def test_what_may_be_otherwise_tomorrow_is_not_remembered(database: str, video: ClaimedRecording) -> None:
    video.remember(
        Recording(VIDEO, "/talk.wav", "talk", None, None, 5.0),
        StageError(Reason.PRIVATE),
        "p" * 16,
        may_grow=True,
    )
    with connect(database, application="test") as connection:
        assert stored(connection, [VIDEO]) == {}


@pytest.mark.parametrize(
    ("reason", "may_grow", "left"),
    [
        (Reason.LIVE_OR_UPCOMING, True, [None, None]),
        (Reason.LIVE_OR_UPCOMING, False, [None, None]),  # its site said so, before anything was decoded
        (Reason.NO_WORDS, True, [None, None]),
        (Reason.NO_WORDS, False, [b"no words", b"nobody"]),
        (Reason.GPU_OUT_OF_MEMORY, True, [b"no words", b"nobody"]),
    ],
)
def test_of_a_recording_that_goes_on_nothing_is_remembered_and_nothing_kept(
    database: str,
    order: IngestOrder,
    video: ClaimedRecording,
    *,
    reason: Reason,
    may_grow: bool,
    left: object,
) -> None:
    """What was heard of an hour is not taken for the two hours that there are tomorrow."""
    video.keep(Stage.TRANSCRIBE, HASH, b"no words")
    video.keep(Stage.DIARIZE, HASH, b"nobody")
    video.remember(Recording.of(order.item), StageError(reason), "p" * 16, may_grow=may_grow)
    assert [video.kept(stage, HASH) for stage in (Stage.TRANSCRIBE, Stage.DIARIZE)] == left
    with connect(database, application="test") as connection:
        assert stored(connection, [VIDEO]) == {}
    assert holders(database) == [holder_of(order)], "the end of the run gives the claim up"


def test_only_what_the_store_calls_final_is_remembered() -> None:
    assert REMEMBERED <= FINAL


def test_a_claim_that_was_given_up_by_ourselves_is_not_a_lost_one(video: ClaimedRecording) -> None:
    video.check()
    video.give_up()
    video.check()
