"""Memory errors: recognised in every shape, and answered by a smaller batch and nothing else."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_contract.failures import Reason
from ingest_worker.errors import StageError
from ingest_worker.memory import BatchRunner, classify
from tests.support.memory_errors import (
    BROKEN,
    GPU,
    HOST,
    NONE_HERE,
    SHAPES,
    AcceleratorError,
    OutOfMemoryError,
)


@pytest.mark.parametrize(("error", "reason"), SHAPES, ids=lambda value: str(value)[:50])
def test_every_shape_of_a_memory_error_is_known(error: BaseException, reason: Reason | None) -> None:
    assert classify(error) is reason


def wrapped(inner: BaseException, outer: Exception, *, explicit: bool) -> Exception:
    if explicit:
        outer.__cause__ = inner
    else:
        outer.__context__ = inner
    return outer


@pytest.mark.parametrize("explicit", [True, False])
@pytest.mark.parametrize(
    ("error", "reason"), [row for row in SHAPES if row[1] is not None], ids=lambda value: str(value)[:50]
)
def test_a_memory_error_is_known_inside_another_exception(
    error: BaseException, reason: Reason, *, explicit: bool
) -> None:
    assert classify(wrapped(error, ValueError("the stage failed"), explicit=explicit)) is reason


def test_host_memory_hidden_in_pyannotes_text_is_host_memory() -> None:
    inner = RuntimeError("DefaultCPUAllocator: can't allocate memory")
    assert (
        classify(wrapped(inner, MemoryError("batch_size (32) is probably too large."), explicit=False))
        is HOST
    )


def test_a_sticky_error_outweighs_a_memory_error_on_either_side() -> None:
    sticky, full = (
        RuntimeError("CUDA error: an illegal memory access was encountered"),
        OutOfMemoryError("CUDA out of memory"),
    )
    assert classify(wrapped(sticky, OutOfMemoryError("CUDA out of memory"), explicit=True)) is BROKEN
    assert (
        classify(
            wrapped(full, RuntimeError("CUDA error: an illegal memory access was encountered"), explicit=True)
        )
        is BROKEN
    )


def test_a_suppressed_context_is_not_looked_at() -> None:
    error = wrapped(OutOfMemoryError("CUDA out of memory"), ValueError("bad"), explicit=False)
    error.__suppress_context__ = True
    assert classify(error) is None


def test_a_ring_of_causes_ends() -> None:
    one, two = ValueError("one"), ValueError("two")
    one.__cause__, two.__cause__ = two, one
    assert classify(one) is None


FULL: tuple[Callable[[], Exception], ...] = (
    lambda: OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    lambda: AcceleratorError("CUDA error: out of memory"),
    lambda: RuntimeError("CUDA failed with error out of memory"),
    lambda: RuntimeError("cuBLAS failed with status CUBLAS_STATUS_ALLOC_FAILED"),
    lambda: MemoryError("batch_size (8) is probably too large."),
)


@dataclass
class Engine:
    """Squares numbers; has memory for so much per call, and from a given call on for less."""

    room: int
    later_room: int
    shrinks_at: int
    shape: int
    calls: int = 0

    def square(self, numbers: Sequence[int]) -> list[int]:
        self.calls += 1
        room = self.later_room if self.calls >= self.shrinks_at else self.room
        if len(numbers) * max(numbers) > room:
            error = FULL[self.shape]()
            raise error
        return [n * n for n in numbers]


@given(
    st.lists(st.integers(1, 20), max_size=60),
    st.integers(1, 64),
    st.builds(
        Engine, st.integers(20, 400), st.integers(20, 400), st.integers(1, 8), st.integers(0, len(FULL) - 1)
    ),
)
def test_a_gpu_that_fills_up_at_any_call_gives_the_same_results(
    numbers: list[int], batch: int, engine: Engine
) -> None:
    runner, seen = BatchRunner(batch), list[int]()
    assert runner.map(numbers, engine.square, done=seen.append) == [n * n for n in numbers]
    assert seen == sorted(seen)
    assert not numbers or seen[-1] == len(numbers)
    assert engine.calls == len(seen) + runner.halvings  # nothing that succeeded was done again
    assert (runner.batch < batch) == (runner.halvings > 0) or batch == 1


@given(st.lists(st.integers(1, 300), max_size=60), st.integers(1, 1000))
def test_a_batch_stays_within_its_budget_padding_included(sizes: list[int], budget: int) -> None:
    batches: list[list[int]] = []

    def work(unit: Sequence[int]) -> Sequence[int]:
        batches.append(list(unit))
        return unit

    assert BatchRunner(budget).map(sizes, work, size=lambda n: n) == sizes
    assert all(len(unit) == 1 or len(unit) * max(unit) <= budget for unit in batches)


def test_the_smaller_batch_is_kept_for_the_rest_of_the_stage() -> None:
    runner, engine, asked = BatchRunner(8), Engine(3, 3, 1, 0), list[int]()

    def work(unit: Sequence[int]) -> list[int]:
        asked.append(len(unit))
        return engine.square(unit)

    runner.map([1] * 10, work)
    assert asked == [8, 4, 2, 2, 2, 2, 2]
    assert (runner.batch, runner.halvings) == (2, 2)
    asked.clear()
    runner.map([1] * 4, work)
    assert asked == [2, 2]


def test_cached_memory_is_given_back_before_each_retry() -> None:
    freed = list[str]()
    BatchRunner(8, free=lambda: freed.append("freed")).map([1] * 8, Engine(2, 2, 1, 0).square)
    assert freed == ["freed", "freed"]


def test_one_item_that_does_not_fit_alone_ends_the_stage() -> None:
    with pytest.raises(StageError, match="CUDA out of memory") as caught:
        BatchRunner(8).map([1] * 8, Engine(0, 0, 1, 0).square)
    assert caught.value.reason is GPU
    assert isinstance(caught.value.__cause__, OutOfMemoryError)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RuntimeError("CUDA error: an illegal memory access was encountered"), BROKEN),
        (MemoryError("std::bad_alloc"), HOST),
        (RuntimeError("Found no NVIDIA driver on your system."), NONE_HERE),
    ],
)
def test_what_a_smaller_batch_cannot_fix_is_raised_at_once(error: Exception, reason: Reason) -> None:
    runner, calls = BatchRunner(8), list[int]()

    def work(unit: Sequence[int]) -> Sequence[int]:
        calls.append(len(unit))
        raise error

    with pytest.raises(StageError) as caught:
        runner.map([1] * 8, work)
    assert (caught.value.reason, calls, runner.halvings) == (reason, [8], 0)


def test_an_error_of_another_kind_passes_through_unchanged() -> None:
    def work(unit: Sequence[int]) -> Sequence[int]:
        raise KeyError(unit[0])

    with pytest.raises(KeyError):
        BatchRunner(8).map([1], work)


def test_a_stage_error_from_inside_is_not_renamed() -> None:
    def work(_: Sequence[int]) -> Sequence[int]:
        raise StageError(Reason.EMBEDDING_INCOMPLETE) from OutOfMemoryError("CUDA out of memory")

    with pytest.raises(StageError) as caught:
        BatchRunner(8).map([1, 2], work)
    assert caught.value.reason is Reason.EMBEDDING_INCOMPLETE


def test_work_that_loses_an_item_is_caught() -> None:
    with pytest.raises(AssertionError, match="1 results for 2 items"):
        BatchRunner(8).map([1, 2], lambda unit: unit[:1])
