"""The GPU as seen from outside the engines: which one, how much memory is free, how busy; and which models
may share it."""

from ingest_worker.errors import StageError


def gpu_is_present() -> bool:
    """Whether this machine has a GPU that a worker could use.
    Asks the driver only; no CUDA context is made."""
    from ingest_worker.gpu.nvml import find_gpu

    try:
        find_gpu()
    except StageError:
        return False
    return True
