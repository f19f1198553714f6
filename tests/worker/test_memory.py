"""Memory errors: recognised in every shape, and answered by a smaller batch and nothing else."""

import errno
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_contract.failures import Reason
from ingest_worker.errors import StageError
from ingest_worker.memory import BatchRunner, classify


class OutOfMemoryError(RuntimeError):
    """Named and derived as `torch.OutOfMemoryError`."""


class AcceleratorError(RuntimeError):
    """Named and derived as `torch.AcceleratorError`."""


class _ArrayMemoryError(MemoryError):
    """Named and derived as numpy's."""


class DownloadError(Exception):
    """Named and derived as yt-dlp's."""


class OutOfMemory(Exception):  # noqa: N818 - psycopg's name
    """Named and derived as `psycopg.errors.OutOfMemory`."""


GPU, HOST, BROKEN, NONE_HERE = (
    Reason.GPU_OUT_OF_MEMORY,
    Reason.HOST_OUT_OF_MEMORY,
    Reason.GPU_BROKEN,
    Reason.GPU_UNAVAILABLE,
)

SHAPES: list[tuple[BaseException, Reason | None]] = [
    (
        OutOfMemoryError(
            "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 15.47 GiB"
        ),
        GPU,
    ),
    (OutOfMemoryError("Allocation on device 0 would exceed allowed memory."), GPU),
    (AcceleratorError("CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported"), GPU),
    (RuntimeError("CUDA failed with error out of memory"), GPU),
    (RuntimeError("cuBLAS failed with status CUBLAS_STATUS_ALLOC_FAILED"), GPU),
    (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), GPU),
    (RuntimeError("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`"), GPU),
    (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), GPU),
    (RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR"), GPU),
    (
        RuntimeError(
            "cuDNN error: CUDNN_STATUS_NOT_SUPPORTED. "
            "This error may appear if you passed in a non-contiguous input."
        ),
        GPU,
    ),
    (
        MemoryError(
            "batch_size ( 32) is probably too large. Try with a smaller value until memory error disappears."
        ),
        GPU,
    ),
    (
        _ArrayMemoryError(
            "Unable to allocate 6.30 GiB for an array with shape (28800, 28800) and data type float64"
        ),
        HOST,
    ),
    (MemoryError(), HOST),
    (MemoryError("std::bad_alloc"), HOST),
    (
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:121] . DefaultCPUAllocator: can't allocate memory: "
            "you tried to allocate 1 bytes"
        ),
        HOST,
    ),
    (RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 921600000 bytes."), HOST),
    (RuntimeError("mkl_malloc: failed to allocate memory"), HOST),
    (OSError(errno.ENOMEM, "Cannot allocate memory"), HOST),
    (OSError(errno.ENOMEM, "a text in another language"), HOST),
    (RuntimeError("CUDA error: an illegal memory access was encountered"), BROKEN),
    (RuntimeError("CUDA failed with error unspecified launch failure"), BROKEN),
    (AcceleratorError("CUDA error: device-side assert triggered"), BROKEN),
    (AcceleratorError("CUDA error: misaligned address"), BROKEN),
    (RuntimeError("CUDA error: uncorrectable ECC error encountered"), BROKEN),
    (RuntimeError("cuBLAS failed with status CUBLAS_STATUS_EXECUTION_FAILED"), BROKEN),
    (RuntimeError("CUDA failed with error no CUDA-capable device is detected"), NONE_HERE),
    (
        RuntimeError("CUDA failed with error CUDA driver version is insufficient for CUDA runtime version"),
        NONE_HERE,
    ),
    (RuntimeError("Found no NVIDIA driver on your system."), NONE_HERE),
    (RuntimeError("Library libcublas.so.12 is not found or cannot be loaded"), NONE_HERE),
    (RuntimeError("This CTranslate2 package was not compiled with CUDA support"), NONE_HERE),
    (RuntimeError("CUDA error: no kernel image is available for execution on the device"), NONE_HERE),
    (
        RuntimeError("CUDA failed with error the provided PTX was compiled with an unsupported toolchain."),
        NONE_HERE,
    ),
    (
        RuntimeError("cuBLAS failed with status CUBLAS_STATUS_NOT_SUPPORTED"),
        Reason.COMPUTE_TYPE_UNSUPPORTED,
    ),
    (
        RuntimeError("CUDA error: CUBLAS_STATUS_NOT_SUPPORTED when calling `cublasGemmEx(...)`"),
        Reason.COMPUTE_TYPE_UNSUPPORTED,
    ),
    (OSError(errno.ENOSPC, "No space left on device"), None),
    (RuntimeError("The size of tensor a (3) must match the size of tensor b (4)"), None),
    (
        DownloadError(
            "ERROR: [youtube] abc: CUDA out of memory, explained, is not available in your country"
        ),
        None,
    ),
    (OutOfMemory("out of memory\nDETAIL:  Failed on request of size 1024."), None),
    (KeyError("CUDA out of memory"), None),
]


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
