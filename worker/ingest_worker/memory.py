"""Out of memory, in every form, and the worker's one reaction: halve that stage's batch and redo only the
failed unit.

`classify` knows the forms; `BatchRunner` is the loop in which every stage with an engine runs its work. Must
import no engine: exceptions are recognised by their class names and texts, so this file is tested without a
GPU.
"""

import errno
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from ingest_contract.failures import Reason
from ingest_worker.computing import batch as computing
from ingest_worker.errors import StageError

Item = TypeVar("Item")
Result = TypeVar("Result")

_SPEAKERS: Final = frozenset({"RuntimeError", "MemoryError", "OSError", "RuntimeException", "NVMLError"})
"""Base classes whose text is trusted (`RuntimeException` is onnxruntime's). Others may quote anything: a
recording's title, for instance."""

_BROKEN: Final = (
    "illegal memory access",
    "illegal address",
    "illegal instruction",
    "misaligned address",
    "invalid program counter",
    "invalid address space",
    "hardware stack error",
    "unspecified launch failure",
    "launch timed out",
    "device-side assert",
    "uncorrectable ecc",
    "cublas_status_execution_failed",
    "cudnn_status_execution_failed",
    "cuda error: unknown error",
    "cuda failed with error unknown error",
    "gpu is lost",
    "fallen off the bus",
)
"""Sticky errors: "the process must be terminated and relaunched" (CUDA runtime API, `cudaError_t`).
faster-whisper#994 shows one."""

_UNAVAILABLE: Final = (
    "no cuda-capable device",
    "found no nvidia driver",
    "cuda driver version is insufficient",
    "devices are busy or unavailable",
    "unsupported display driver / cuda driver combination",
    "no kernel image is available",
    "unsupported toolchain",
    "not compiled with cuda",
    "system not yet initialized",
    "libcublas.so",
)
"""CUDA cannot start here: no device, no usable driver, a GPU that the libraries were not built for, or no
cuBLAS (faster-whisper#1431).

"the provided PTX was compiled with an unsupported toolchain": CTranslate2's wheels hold machine code up to
compute capability 8.6 and PTX of CUDA 12.8 for everything newer, which a driver before 570 does not compile
(CTranslate2#1978). Another node may have a newer one."""

_UNFIT: Final = ("cublas_status_not_supported",)
"""The GPU does not multiply in the ordered number format, although it said that it would (CTranslate2#1865:
int8 on compute capability 12.0, before 4.7)."""

_HOST: Final = (
    "defaultcpuallocator",
    "mkl_malloc",
    "std::bad_alloc",
    "unable to allocate",
    "cannot allocate memory",
    "failed to allocate memory",
)
"""Host memory, which a smaller GPU batch does not free. The last is onnxruntime's and CTranslate2's: ours run
on the CPU there."""

_GPU: Final = (
    "cuda out of memory",  # torch's allocator
    "cuda error: out of memory",  # torch.AcceleratorError: driver, context and pinned allocations
    "cuda failed with error out of memory",  # CTranslate2, src/cuda/utils.h
    "cuda_error_out_of_memory",  # the driver API's name
    "cuda driver error: out of memory",  # torch with expandable segments, which `surroundings` turns on
    "nvml_success ==",  # torch asks whose the memory is, and a MIG slice does not say (pytorch#112377)
    "cudaerrormemoryallocation",  # thrust in CTranslate2; through pybind11 a MemoryError
    "get_temporary_buffer failed",  # thrust, when a sort finds no room
    "cufft_alloc_failed",  # torch's FFT, in the voice network's filterbank
    "cublas_status_alloc_failed",  # CTranslate2 and torch, when a handle is made
    "cublas_status_not_initialized",  # the same in older cuBLAS: a handle that found no memory
    "cudnn_status_alloc_failed",
    "cudnn_status_internal_error",
    "cudnn_status_not_supported",  # Lightning counts it too (`is_cudnn_snafu`)
)
"""GPU memory. Lightning's `is_oom_error`
and accelerate's `find_executable_batch_size` know three of these."""

_PYANNOTE: Final = "is probably too large"
"""pyannote.audio (`core/inference.py`) hides the engine's error in
`MemoryError("batch_size (32) is probably too large ...")`."""


def classify(error: BaseException) -> Reason | None:
    """The reason of an engine's exception about memory or the GPU; None for everything else.

    Causes and contexts are searched too, the innermost first: pyannote wraps both kinds of memory in one
    text, and only the exception inside distinguishes them. A sticky error anywhere outweighs all others,
    because nothing after it can be trusted.

    Returns:
        `GPU_BROKEN`, `GPU_UNAVAILABLE`, `COMPUTE_TYPE_UNSUPPORTED`, `HOST_OUT_OF_MEMORY`,
        `GPU_OUT_OF_MEMORY` or None.
    """
    found = [reason for link in _chain(error) if (reason := _classify_one(link)) is not None]
    if Reason.GPU_BROKEN in found:
        return Reason.GPU_BROKEN
    return found[-1] if found else None


def _chain(error: BaseException) -> list[BaseException]:
    """The exception, what it was raised from or while handling, and so on inwards."""
    links: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and all(link is not seen for seen in links):  # a chain can be circular
        links.append(link)
        link = link.__cause__ if link.__cause__ is not None or link.__suppress_context__ else link.__context__
    return links


def _classify_one(error: BaseException) -> Reason | None:
    names = {base.__name__ for base in type(error).__mro__}
    if not names & _SPEAKERS:
        return None
    text = str(error).lower()
    for reason, marks in (
        (Reason.GPU_BROKEN, _BROKEN),
        (Reason.GPU_UNAVAILABLE, _UNAVAILABLE),
        (Reason.COMPUTE_TYPE_UNSUPPORTED, _UNFIT),
        (Reason.GPU_OUT_OF_MEMORY, _GPU),  # before the host's: thrust writes "std::bad_alloc: cudaError..."
        (Reason.HOST_OUT_OF_MEMORY, _HOST),
    ):
        if any(mark in text for mark in marks):
            return reason
    if "OutOfMemoryError" in names or ("MemoryError" in names and _PYANNOTE in text):
        return Reason.GPU_OUT_OF_MEMORY
    if "MemoryError" in names or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return Reason.HOST_OUT_OF_MEMORY
    return None


def _alike(_: object) -> int:
    return 1


class BatchRunner:
    """Runs one stage's work in batches and makes them smaller if the GPU is full. One per stage: the batch
    size that it learns is the stage's."""

    def __init__(self, batch: int, *, free: Callable[[], None] | None = None) -> None:
        """`batch` as in `map`; `free` gives cached memory back before a retry (for torch:
        `torch.cuda.empty_cache`)."""
        self.batch = batch
        """The batch size for the next work, after the last halving. For the Receipt."""
        self.halvings = 0
        """How often it was halved. For the Receipt."""
        self._free = free

    def map(
        self,
        items: Sequence[Item],
        work: Callable[[Sequence[Item]], Sequence[Result]],
        *,
        size: Callable[[Item], int] = _alike,
        done: Callable[[int], None] | None = None,
    ) -> list[Result]:
        """`work` over all items, batch by batch, one result per item in the order of the items.

        Args:
            items: The work to do.
            work: Does one batch. It may be called again with part of a batch that failed, so it must leave
                nothing behind when it raises.
            size: The size of one item. A batch's number of items times its largest size is at most `batch`,
                because of padding; a single larger item gets a batch of its own. With the default, `batch` is
                a number of items.
            done: Called after every batch with the number of finished items.

        Raises:
            StageError: `GPU_OUT_OF_MEMORY` when one item alone does not fit; `HOST_OUT_OF_MEMORY`,
                `GPU_BROKEN`, `GPU_UNAVAILABLE` and `COMPUTE_TYPE_UNSUPPORTED` at once.
            Exception: any other exception that `work` raised.
        """
        results: list[Result] = []
        while len(results) < len(items):
            unit = self._next(items, len(results), size)
            if self._add(results, unit, work):
                if done is not None:
                    done(len(results))
                continue
            # half of the batch that failed: the last batch may be far smaller than allowed
            self.batch = max(1, len(unit) * max(map(size, unit)) // 2)
            self.halvings += 1
            if self._free is not None:
                self._free()
        return results

    def _next(self, items: Sequence[Item], first: int, size: Callable[[Item], int]) -> Sequence[Item]:
        largest = last = 0
        for last in range(first, len(items)):
            largest = max(largest, size(items[last]))
            if last > first and (last + 1 - first) * largest > self.batch:
                return items[first:last]
        return items[first : last + 1]

    def _add(
        self, results: list[Result], unit: Sequence[Item], work: Callable[[Sequence[Item]], Sequence[Result]]
    ) -> bool:
        """Whether the unit's results were added. False: no GPU memory, and a smaller unit may fit."""
        try:
            with computing():
                new = work(unit)
        except StageError:
            raise
        except Exception as error:
            reason = classify(error)
            if reason is None:
                raise
            if reason is not Reason.GPU_OUT_OF_MEMORY or len(unit) == 1:
                raise StageError(reason, f"{type(error).__name__}: {error}") from error
            return False  # this also drops the exception: its traceback holds the batch's tensors
        if len(new) != len(unit):
            raise AssertionError(f"work returned {len(new)} results for {len(unit)} items")
        results.extend(new)
        return True
