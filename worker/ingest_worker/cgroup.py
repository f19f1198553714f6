"""What the kernel says of this process's own cgroup: what it has killed for memory, and how many cores it may
use. Reads a handful of small files."""

import os
from collections.abc import Iterator
from math import ceil
from pathlib import Path
from typing import Final

EVENTS: Final = (Path("/sys/fs/cgroup/memory.events"), Path("/sys/fs/cgroup/memory/memory.oom_control"))
"""Where the kernel counts what it has killed for memory: cgroup v2, then v1
(kernel `Documentation/admin-guide/cgroup-v2.rst`, `cgroup-v1/memory.rst`)."""

MOUNT: Final = Path("/sys/fs/cgroup")
OWN: Final = Path("/proc/self/cgroup")
"""Lines of `number:controllers:path` (cgroups(7)); v2's has the number 0 and no controllers."""

CONTROLLER: Final = "cpu"


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


def usable_cores(mount: Path = MOUNT, own: Path = OWN) -> int:
    """The cores that this process can keep busy, at least 1: those that it may run on, but no more than the
    limit of its cgroup and of those above it. A limit of one and a half counts as 2: with one thread a third
    of it would never be used."""
    # macOS binds no process to cores
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limits = [_limit(folder) for folder in _folders(mount, own)]
    return max(1, min([cores, *(ceil(limit) for limit in limits if limit)]))


def _folders(mount: Path, own: Path) -> Iterator[Path]:
    """The process's cgroup and all above it, in v2 and in v1's hierarchy for processors. A container sees its
    own at the mount itself; in v1 the kernel still tells it the path outside, which is not there then."""
    try:
        lines = own.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        lines = []
    for root in (mount, mount / "unified", mount / CONTROLLER, mount / "cpu,cpuacct"):
        yield root
    for line in lines:
        number, controllers, path = ([*line.split(":", 2), "", ""])[:3]
        if number == "0" and not controllers:
            roots = (mount, mount / "unified")
        elif CONTROLLER in controllers.split(","):
            roots = (mount / CONTROLLER, mount / controllers)
        else:
            continue
        parts = [part for part in path.split("/") if part not in {"", ".."}]
        for root in roots:
            for depth in range(1, len(parts) + 1):
                yield root.joinpath(*parts[:depth])


def _limit(folder: Path) -> float | None:
    """Cores that a cgroup may use at a time; None for no limit, and where there is none to read."""
    try:
        quota, period = (folder / "cpu.max").read_text(encoding="ascii").split()
    except (OSError, ValueError):
        try:
            quota, period = (
                (folder / f"cpu.cfs_{part}_us").read_text(encoding="ascii").strip()
                for part in ("quota", "period")
            )
        except (OSError, ValueError):
            return None
    try:
        share = int(quota) / int(period)
    except (ValueError, ZeroDivisionError):
        return None  # "max"
    return share if share > 0 else None  # v1 writes -1 for no limit
