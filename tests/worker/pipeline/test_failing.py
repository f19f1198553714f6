"""What is told when a stage fails or a run is ended, and what is kept then."""

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ingest_contract.failures import Reason
from ingest_contract.receipt import MAX_RECEIPT_BYTES, encode
from ingest_contract.stages import KEPT, Stage
from ingest_worker.domain import Vectors
from ingest_worker.errors import StageError
from tests.support.pipeline_run import Run, order_in
from tests.support.ports import Shelf, Studio, Writer

FAILING = {
    "fetch": (Stage.FETCH, Reason.BOT_CHECK),
    "decode": (Stage.DECODE, Reason.UNDECODABLE),
    "transcribe": (Stage.TRANSCRIBE, Reason.GPU_OUT_OF_MEMORY),
    "diarize": (Stage.DIARIZE, Reason.DIARIZATION_FAILED),
    "embed": (Stage.EMBED, Reason.EMBEDDING_INCOMPLETE),
}


@pytest.mark.parametrize("port", FAILING)
def test_a_stage_that_fails_is_named_timed_and_reported_and_nothing_finished_is_lost(
    run: Callable[..., Run], studio: Studio, shelf: Shelf, port: str
) -> None:
    stage, reason = FAILING[port]
    studio.fails[port] = StageError(reason, "as it was told", retry_after_seconds=7)
    receipt = run().receipt
    assert (receipt.result, receipt.reason, receipt.stage, receipt.message) == (
        "Failed",
        reason,
        stage,
        "as it was told",
    )
    assert receipt.retry_after_seconds == 7
    assert stage in receipt.stages
    assert len(encode(receipt)) <= MAX_RECEIPT_BYTES
    assert set(shelf.results) == {kept for kept in KEPT if list(Stage).index(kept) < list(Stage).index(stage)}


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RuntimeError("CUDA error: out of memory"), Reason.GPU_OUT_OF_MEMORY),
        (MemoryError(), Reason.HOST_OUT_OF_MEMORY),
        (OSError(28, "No space left on device"), Reason.SCRATCH_FULL),
        (ZeroDivisionError("division by zero"), Reason.UNKNOWN),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value.value,
)
def test_an_exception_that_nobody_named_is_named_where_it_can_be(
    run: Callable[..., Run], studio: Studio, error: Exception, reason: Reason
) -> None:
    studio.fails["diarize"] = error
    receipt = run().receipt
    assert (receipt.reason, receipt.stage) == (reason, Stage.DIARIZE)
    assert type(error).__name__ in receipt.message


@pytest.mark.parametrize(
    "vectors",
    [np.ones((1, 3), np.float32), np.full((2, 3), np.nan, np.float32)],
    ids=["one too few", "not finite"],
)
def test_vectors_that_are_not_one_finite_each_are_not_kept(
    run: Callable[..., Run], shelf: Shelf, monkeypatch: pytest.MonkeyPatch, vectors: np.ndarray
) -> None:
    monkeypatch.setattr(Writer, "embed", lambda *_: Vectors(vectors, "text@1"))
    assert run().receipt.reason is Reason.EMBEDDING_INCOMPLETE
    assert Stage.EMBED not in shelf.results


@pytest.mark.parametrize(("failing", "other"), [("transcribe", Stage.DIARIZE), ("diarize", Stage.TRANSCRIBE)])
def test_of_two_stages_at_once_the_one_that_did_not_fail_is_kept(
    run: Callable[..., Run], studio: Studio, shelf: Shelf, failing: str, other: Stage
) -> None:
    studio.fails[failing] = StageError(Reason.GPU_OUT_OF_MEMORY)
    receipt = run(together=True).receipt
    assert (receipt.reason, receipt.stage) == (Reason.GPU_OUT_OF_MEMORY, Stage(failing))
    assert set(shelf.results) == {other}


@pytest.mark.parametrize("port", ["fetch", "decode", "transcribe", "diarize", "embed"])
def test_a_run_that_is_asked_to_end_ends_at_the_next_report_of_its_stage(
    studio: Studio, shelf: Shelf, tmp_path: Path, port: str
) -> None:
    ending = Run(studio, shelf, order_in(tmp_path))
    studio.meets[port] = lambda: ending.control.stop(StageError(Reason.INTERRUPTED))
    ending.go()
    assert ending.receipt.reason is Reason.INTERRUPTED
    assert studio.asked[-1] == port


def test_a_lost_claim_ends_the_run_whatever_stage_it_is_in(
    studio: Studio, shelf: Shelf, tmp_path: Path
) -> None:
    losing, lost = Run(studio, shelf, order_in(tmp_path)), threading.Event()

    def look() -> None:
        if lost.is_set():
            raise StageError(Reason.LEASE_LOST)

    losing.control.watch(look)
    studio.meets["diarize"] = lost.set
    losing.go()
    assert losing.receipt.reason is Reason.LEASE_LOST
    assert studio.asked[-1] == "diarize"


@pytest.mark.parametrize("decoded", [None, StageError(Reason.NO_AUDIO_TRACK), StageError(Reason.TRUNCATED)])
def test_a_file_that_changed_while_it_was_decoded_is_reported_as_that_and_nothing_is_kept_of_it(
    run: Callable[..., Run], studio: Studio, shelf: Shelf, decoded: StageError | None
) -> None:
    studio.fails["confirm"] = StageError(Reason.SOURCE_CHANGED)
    if decoded is not None:
        studio.fails["decode"] = decoded
    receipt = run().receipt
    assert (receipt.reason, receipt.stage) == (Reason.SOURCE_CHANGED, Stage.DECODE)
    assert shelf.results == {}
