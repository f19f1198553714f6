"""The limits of a child process, and how it sets them before it reads anything from outside.

Called by the children on themselves. The alternative, `preexec_fn` in the parent, is not safe in a process
with threads (CPython documentation of `subprocess.Popen`), and the worker has many.
"""

import resource
import sys
from dataclasses import dataclass
from typing import Final

_GRACE_SECONDS: Final = 5
"""Seconds between the signal that shows the reason (SIGXCPU) and the one that does not (SIGKILL)."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Ceilings for one process; None leaves what the parent has."""

    cpu_seconds: int
    file_bytes: int
    """The largest file that it may write."""
    address_space: int | None = 1 << 30
    """Bytes of address space, reserved or used. Not for programs that reserve memory that they never touch,
    as V8 does."""
    data: int | None = None
    """Bytes of private writable memory: roughly what is used (getrlimit(2), `RLIMIT_DATA`)."""
    open_files: int = 64
    processes: int | None = None
    """Processes and threads of this user. 0: none can be started. Does not apply to root."""


def limit_this_process(limits: Limits) -> None:
    """Lower this process's own limits, permanently. Memory and processes on Linux only;
    macOS refuses (`setrlimit(2)`)."""
    wanted: dict[int, tuple[int, int]] = {
        resource.RLIMIT_CPU: (limits.cpu_seconds, limits.cpu_seconds + _GRACE_SECONDS),
        resource.RLIMIT_FSIZE: (limits.file_bytes, limits.file_bytes),
        resource.RLIMIT_NOFILE: (limits.open_files, limits.open_files),
        resource.RLIMIT_CORE: (0, 0),
    }
    if sys.platform == "linux":
        given = {
            resource.RLIMIT_AS: limits.address_space,
            resource.RLIMIT_DATA: limits.data,
            resource.RLIMIT_NPROC: limits.processes,
        }
        wanted |= {which: (most, most) for which, most in given.items() if most is not None}
    for which, (soft, hard) in wanted.items():
        _, ceiling = resource.getrlimit(which)
        most = hard if ceiling == resource.RLIM_INFINITY else min(hard, ceiling)
        resource.setrlimit(which, (min(soft, most), most))
