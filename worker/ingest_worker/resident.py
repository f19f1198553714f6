"""The most resident memory that this process and its children have had, as the kernel counts it for each.

Called by `sandbox.process` for every child, and by `receipts` when a run ends. Reads `/proc`, and keeps one
number. `getrusage(2)` is not asked where there is a `/proc`: its `ru_maxrss` begins with the memory of the
process from which a program was started (Linux `exec_mmap` hands it on), so that `true`, started by a process
of 800 MiB, is told to have had 800 MiB. A decoder of 60 MiB counted with all the models that its parent held.
"""

import resource
import sys
from pathlib import Path
from typing import Final

_PEAK: Final = "VmHWM:"
"""The line of `/proc/<pid>/status` that begins anew with every program (proc(5)), in KiB."""

_children_kib = [0]


def peak_kib(pid: int | str = "self") -> int | None:
    """KiB of a process's resident memory at its highest; None where there is no `/proc`, and for a process
    that has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith(_PEAK)), None)


def count_child(pid: int) -> None:
    """Look at a child, while it lives: of one that has ended, the kernel says nothing more."""
    _children_kib[0] = max(_children_kib[0], peak_kib(pid) or 0)


def peak_mib() -> int:
    """MiB at their highest: of this process, and of the largest of the children that were counted. Without
    `/proc`, as `getrusage(2)` says it: in bytes on macOS."""
    own = peak_kib()
    if own is not None:
        return (own + _children_kib[0]) >> 10
    peaks = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(peaks) >> (20 if sys.platform == "darwin" else 10)
