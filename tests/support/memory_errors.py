"""Exceptions of engines about memory, in every shape that is known, and what the worker takes each for.

Tests raise them where engines are called. One list, for what recognises them and for what injects
them.
"""

import errno

from ingest_contract.failures import Reason


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
    (RuntimeError("CUDA driver error: out of memory"), GPU),
    (
        RuntimeError(
            'NVML_SUCCESS == r INTERNAL ASSERT FAILED at "/pytorch/c10/cuda/CUDACachingAllocator.cpp":1154, '
            "please report a bug to PyTorch. "
        ),
        GPU,
    ),
    (MemoryError("std::bad_alloc: cudaErrorMemoryAllocation: out of memory"), GPU),
    (RuntimeError("parallel_for failed: cudaErrorMemoryAllocation: out of memory"), GPU),
    (RuntimeError("temporary_buffer::allocate: get_temporary_buffer failed"), GPU),
    (RuntimeError("cuFFT error: CUFFT_ALLOC_FAILED"), GPU),
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


def shapes_of(*reasons: Reason) -> list[BaseException]:
    """Those that are taken for one of these."""
    return [error for error, reason in SHAPES if reason in reasons]


def fresh(error: BaseException) -> BaseException:
    """The same once more, without the traceback and context of where it was raised before."""
    return type(error)(*error.args)
