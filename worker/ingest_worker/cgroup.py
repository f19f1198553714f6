"""What the kernel says of the memory of this process's own cgroup. Reads two files at most."""

from pathlib import Path
from typing import Final

EVENTS: Final = (Path("/sys/fs/cgroup/memory.events"), Path("/sys/fs/cgroup/memory/memory.oom_control"))
"""Where the kernel counts what it has killed for memory: cgroup v2, then v1
(kernel `Documentation/admin-guide/cgroup-v2.rst`, `cgroup-v1/memory.rst`)."""


def oom_kills(files: tuple[Path, ...] = EVENTS) -> int:
    """Processes of this cgroup that the kernel has killed for memory; 0 where that cannot be read."""
    for file in files:
        try:
            words = file.read_text(encoding="ascii").split()
        except (OSError, ValueError):
            continue
        if "oom_kill" in words[:-1]:
            return int(words[words.index("oom_kill") + 1])
    return 0
