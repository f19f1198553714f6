"""Every shape of a memory error in every stage, at the first, a middle and the last call of its engine: the
result is the undisturbed one, or the run ends with a reason, and the next one goes on behind what was kept.

Errors are raised where adapters call their engines. The ports are played and keep the real ones' contracts;
the same with real engines, once for each: `transcription/test_any_transcriber.py`,
`diarization/test_out_of_memory.py`, `embedding/test_embedder.py`.
"""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ingest_contract.failures import FAILURES, Verdict
from ingest_contract.stages import KEPT, Stage
from ingest_worker.domain import Diarization, Transcript, Turn
from ingest_worker.memory import BatchRunner, classify
from ingest_worker.pipeline import Found
from tests.support.memory_errors import BROKEN, GPU, HOST, NONE_HERE, fresh, shapes_of
from tests.support.pipeline_run import Engines, Run, order_in
from tests.support.ports import Ear, Judge, Shelf, Studio, Writer, words

STAGES = (Stage.TRANSCRIBE, Stage.DIARIZE, Stage.EMBED)
WORDS, TURN_WORDS, BATCH = 12, 2, 2
CALLS = {Stage.TRANSCRIBE: 6, Stage.DIARIZE: 3, Stage.EMBED: 3}
"""Batches of an undisturbed run: of twelve words, and of six turns and passages."""
WHERE = {"first": 0.0, "middle": 0.5, "last": 1.0}
"""As a share of the way from the first call to the last."""
SMALL = Engines(
    lambda studio: Ear(studio, BatchRunner(BATCH)),
    lambda studio: Judge(studio, BatchRunner(BATCH)),
    lambda studio: Writer(studio, BatchRunner(BATCH)),
)


def named(error: BaseException) -> str:
    return f"{type(error).__name__} {str(error)[:40]}"


def at_call(stage: Stage, where: str) -> int:
    return 1 + round(WHERE[where] * (CALLS[stage] - 1))


every_stage = pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.value)
every_place = pytest.mark.parametrize("where", WHERE)
every_full = pytest.mark.parametrize("error", shapes_of(GPU), ids=named)
every_end = pytest.mark.parametrize("error", shapes_of(HOST, BROKEN, NONE_HERE), ids=named)


@pytest.fixture
def studio() -> Studio:
    said = words(*(f"word{i}" for i in range(WORDS)))
    turns = [
        Turn(said[i].start, said[i + TURN_WORDS - 1].end, i // TURN_WORDS % 2)
        for i in range(0, WORDS, TURN_WORDS)
    ]
    return Studio(
        seconds=8.0,
        transcript=Transcript(said, "en", 1.0, 5.0, WORDS, 0, ()),
        diarization=Diarization(tuple(turns), (), np.eye(2, 4, dtype=np.float32)),
        dimension=WORDS // TURN_WORDS,
    )


@pytest.fixture
def run(studio: Studio, tmp_path: Path) -> Callable[..., Run]:
    def go(shelf: Shelf, engines: Engines = SMALL, **options: Any) -> Run:
        return Run(studio, shelf, order_in(tmp_path), engines=engines, **options).go()

    return go


@pytest.fixture
def undisturbed(run: Callable[..., Run], studio: Studio) -> Found:
    calls = Counter[str]()
    studio.engine = lambda what, _: calls.update([what])
    found = run(Shelf()).found
    assert calls == {stage.value: CALLS[stage] for stage in STAGES}
    return found


def injected(studio: Studio, stage: Stage, error: BaseException, at: int) -> None:
    """Raise an error instead of one batch of a stage's engine."""
    calls = Counter[str]()

    def engine(what: str, _: int) -> None:
        calls[what] += 1
        if what == stage.value and calls[what] == at:
            raise fresh(error)

    studio.engine = engine


def same(one: Found, other: Found) -> bool:
    return (
        (one.words, one.segments, one.diarization.turns)
        == (other.words, other.segments, other.diarization.turns)
        and np.array_equal(one.vectors.values, other.vectors.values)
        and np.array_equal(one.diarization.vectors, other.diarization.vectors)
    )


@every_full
@every_stage
@every_place
def test_a_gpu_that_is_full_at_any_call_changes_the_batch_and_nothing_that_is_found(
    run: Callable[..., Run],
    studio: Studio,
    undisturbed: Found,
    stage: Stage,
    where: str,
    error: BaseException,
) -> None:
    injected(studio, stage, error, at_call(stage, where))
    ended = run(Shelf())
    assert same(ended.found, undisturbed)
    figures = ended.receipt.stages
    assert {each: (figures[each].batch, figures[each].halvings) for each in STAGES} == {
        each: (1, 1) if each is stage else (BATCH, 0) for each in STAGES
    }


@every_end
@every_stage
@every_place
def test_what_no_smaller_batch_cures_ends_the_run_with_its_reason_and_the_next_one_goes_on(
    run: Callable[..., Run],
    studio: Studio,
    undisturbed: Found,
    stage: Stage,
    where: str,
    error: BaseException,
) -> None:
    shelf = Shelf()
    injected(studio, stage, error, at_call(stage, where))
    receipt = run(shelf).receipt
    assert (receipt.reason, receipt.stage) == (classify(error), stage)
    assert receipt.stages[stage].halvings == 0
    assert set(shelf.results) == set(KEPT[: KEPT.index(stage)])
    studio.engine, studio.asked[:] = (lambda _what, _pieces: None), []
    assert same(run(shelf).found, undisturbed)
    assert ("transcribe" in studio.asked) == (stage is Stage.TRANSCRIBE)


@every_stage
def test_where_one_piece_alone_does_not_fit_the_operator_hears_that_it_must_run_smaller(
    run: Callable[..., Run], studio: Studio, stage: Stage
) -> None:
    def engine(what: str, _: int) -> None:
        if what == stage.value:
            raise RuntimeError("CUDA failed with error out of memory")

    studio.engine = engine
    receipt = run(Shelf()).receipt
    assert (receipt.reason, receipt.stage) == (GPU, stage)
    assert FAILURES[GPU].verdict is FAILURES[HOST].verdict is Verdict.RETRY_SMALLER
    assert (receipt.stages[stage].batch, receipt.stages[stage].halvings) == (1, 1)


@pytest.mark.parametrize("error", shapes_of(GPU, HOST, BROKEN, NONE_HERE), ids=named)
@every_stage
def test_an_engine_that_does_not_fit_when_it_is_loaded_is_its_stages_failure(
    run: Callable[..., Run], stage: Stage, error: BaseException
) -> None:
    def failing(_: Studio) -> Any:
        raise fresh(error)

    name = {Stage.TRANSCRIBE: "transcriber", Stage.DIARIZE: "diarizer", Stage.EMBED: "embedder"}[stage]
    shelf = Shelf()
    receipt = run(shelf, Engines(**{name: failing})).receipt
    assert (receipt.reason, receipt.stage) == (classify(error), stage)
    assert set(shelf.results) == set(KEPT[: KEPT.index(stage)])


@pytest.mark.parametrize("error", shapes_of(HOST), ids=named)
@pytest.mark.parametrize("port", ["fetch", "decode"])
def test_host_memory_that_ends_before_anything_is_heard_is_reported_as_that(
    run: Callable[..., Run], studio: Studio, port: str, error: BaseException
) -> None:
    studio.fails[port] = fresh(error)
    receipt = run(Shelf()).receipt
    assert (receipt.reason, receipt.stage) == (HOST, Stage(port))


@pytest.mark.parametrize("error", shapes_of(HOST), ids=named)
@pytest.mark.parametrize("stage", [Stage.IDENTIFY, Stage.ATTRIBUTE, Stage.SEGMENT], ids=str)
def test_host_memory_that_ends_between_the_engines_is_reported_as_that_and_no_speech_is_heard_twice(
    run: Callable[..., Run],
    studio: Studio,
    stage: Stage,
    error: BaseException,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def failing(*_: object) -> None:
        raise fresh(error)

    shelf = Shelf()
    with monkeypatch.context() as patched:
        patched.setattr(f"ingest_worker.pipeline.{stage.value}", failing)
        receipt = run(shelf).receipt
    assert (receipt.reason, receipt.stage) == (HOST, stage)
    studio.asked.clear()
    assert run(shelf).error is None
    assert {"fetch", "transcribe", "diarize"}.isdisjoint(studio.asked)


@pytest.mark.parametrize("stage", [Stage.TRANSCRIBE, Stage.DIARIZE], ids=str)
def test_of_two_stages_on_one_full_gpu_each_makes_its_own_batch_smaller(
    run: Callable[..., Run], studio: Studio, undisturbed: Found, stage: Stage
) -> None:
    injected(studio, stage, RuntimeError("CUDA error: out of memory"), 2)
    ended = run(Shelf(), together=True)
    assert same(ended.found, undisturbed)
    assert [each for each in STAGES if ended.receipt.stages[each].halvings] == [stage]
