"""The environment variables that libraries read when they are imported: set before the first of them is.

Called by `__main__` with the order's number of threads, by `forking` before it imports what its runs will
use, and by `trial`. Must import nothing heavy.
"""

import os
from types import MappingProxyType
from typing import Final

from ingest_worker.cgroup import usable_cores

QUIET: Final = MappingProxyType(
    {
        # CUDA orders GPUs by speed, NVML by PCI bus: both must mean the same GPU
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        "HF_HUB_OFFLINE": "1",
        # Spinning threads all wait for one that lost its core: segmenting 299 s took 104 s next to another
        # load, and 16 s with this.
        "OMP_WAIT_POLICY": "PASSIVE",
        "PYANNOTE_METRICS_ENABLED": "0",
        # recommended by torch's own out-of-memory message
        "PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True",
        "TOKENIZERS_PARALLELISM": "false",
        "TRANSFORMERS_OFFLINE": "1",
    }
)
"""Environment that the engines read at import: no hub, no telemetry, no threads beyond those in the order."""

THREADS: Final = ("MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def settle(threads: int | None) -> None:
    """Set them; `threads` as ordered, None for an order that computes nothing."""
    os.environ.update(QUIET)
    if threads is not None:
        os.environ.update(dict.fromkeys(THREADS, str(usable_threads(threads))))


def usable_threads(ordered: int) -> int:
    """The threads of one engine: as ordered, but no more than there are cores for. More would use up the
    limit of their pod sooner, and then all be stopped (kernel `Documentation/scheduler/sched-bwc.rst`)."""
    return min(ordered, usable_cores())
