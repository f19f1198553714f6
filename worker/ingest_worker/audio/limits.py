"""What a decoding process may take, and how it takes that upon itself before it looks at any media.

Called by `child` on itself. The alternative, `preexec_fn` in the parent, is not safe in a process with threads (CPython documentation of
`subprocess.Popen`), and the worker has many.
"""

import resource
import sys
from dataclasses import dataclass
from typing import Final

SAMPLE_BYTES: Final = 2
"""Signed 16-bit."""

ADDRESS_SPACE: Final = 1 << 30
"""Bytes of address space. Decoding takes about 150 MiB of it at any length (`tests/worker/audio/test_memory.py`); the rest is room for
large headers: the index of a 12-hour mp4 takes about 40 MB."""

OPEN_FILES: Final = 64

_CPU_FLOOR: Final = 60
"""Seconds for start-up, headers and slow machines."""

_CPU_SHARE: Final = 10
"""Decoding may take a tenth of the longest recording's length; a core that it shared with three others'
work decoded an hour of AAC 227 to 285 times faster than it lasts, so this ends only what does not end by itself."""

_GRACE: Final = 5
"""Seconds between the signal that tells the reason (SIGXCPU) and the one that does not (SIGKILL)."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Ceilings for one process."""

    cpu_seconds: int
    file_bytes: int
    address_space: int = ADDRESS_SPACE


def limits_for(max_duration_seconds: int, rate: int) -> Limits:
    """What the longest recording that a profile allows may take, as PCM at `rate` samples per second."""
    room = (max_duration_seconds + 1) * rate * SAMPLE_BYTES + 65_536
    return Limits(cpu_seconds=_CPU_FLOOR + max_duration_seconds // _CPU_SHARE, file_bytes=room)


def limit_this_process(limits: Limits) -> None:
    """Lower this process's own limits, for good. The address space is limited on Linux only; macOS refuses to (`setrlimit(2)`)."""
    wanted = {
        resource.RLIMIT_CPU: (limits.cpu_seconds, limits.cpu_seconds + _GRACE),
        resource.RLIMIT_FSIZE: (limits.file_bytes, limits.file_bytes),
        resource.RLIMIT_NOFILE: (OPEN_FILES, OPEN_FILES),
        resource.RLIMIT_CORE: (0, 0),
    }
    if sys.platform == "linux":
        wanted[resource.RLIMIT_AS] = (limits.address_space, limits.address_space)
    for which, (soft, hard) in wanted.items():
        _, ceiling = resource.getrlimit(which)
        most = hard if ceiling == resource.RLIM_INFINITY else min(hard, ceiling)
        resource.setrlimit(which, (min(soft, most), most))
