"""What a figure was measured on: said beside every table."""

import os
import platform
from pathlib import Path


def machine() -> dict[str, str]:
    """CPU, cores, memory, Python and kernel of this machine."""
    cpu = next(
        (line.split(":", 1)[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.processor(),
    )
    memory = next(
        (int(line.split()[1]) // 2**20 for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0
    )
    return {
        "cpu": cpu,
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{memory} GiB",
        "python": platform.python_version(),
        "kernel": platform.release().split("-")[0],
    }


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
