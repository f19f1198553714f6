"""The walls around a process that reads hostile content; it raises them itself when everything that it needs
is open, permanently.

Called by `audio.child` and `captions.child`; run as a program (`python -I -m ingest_worker.sandbox.walls`) it
raises them and prints those that this kernel lacks, which `ingestctl doctor` and `python -m
ingest_worker.check` show.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from enum import StrEnum
from typing import Final

from ingest_worker.sandbox import kernel, seccomp


class Wall(StrEnum):
    """A wall between code that took over the decoder and everything else."""

    PRIVILEGES = "no_new_privs"
    """Nothing that it executes gets more rights, and it has no capability."""
    LANDLOCK = "landlock"
    """No path can be opened, no TCP connection made, no other process signalled."""
    SECCOMP = "seccomp"
    """Only reading and writing open files, memory, and exit: no other system call."""


def raise_walls() -> tuple[Wall, ...]:
    """Raise every wall that this kernel has; returns the walls that it lacks. Everything that will be used
    must be open, and imported."""
    return tuple(wall for wall, raising in _RAISING if not _stands(raising))


def walls_lacking() -> tuple[Wall, ...]:
    """The walls that a child of this process would lack, found by a child that raises them."""
    result = subprocess.run(
        [sys.executable, "-I", "-m", __name__], check=True, capture_output=True, env={}, timeout=60
    )
    return tuple(Wall(name) for name in json.loads(result.stdout))


def _privileges() -> None:
    kernel.no_new_privileges()
    kernel.undumpable()
    kernel.no_capabilities()


def _seccomp() -> None:
    machine = seccomp.MACHINES.get(os.uname().machine)
    if machine is None:
        raise OSError(f"no filter is known for {os.uname().machine}")
    kernel.filter_system_calls(seccomp.program(machine, os.getpid()))


_RAISING: Final[tuple[tuple[Wall, Callable[[], object]], ...]] = (
    (Wall.PRIVILEGES, _privileges),
    (Wall.LANDLOCK, kernel.landlock),
    (Wall.SECCOMP, _seccomp),
)
"""The order matters: each of the later walls needs the first, and the last forbids the others."""


def _stands(raising: Callable[[], object]) -> bool:
    try:
        raising()
    except (OSError, AttributeError):  # another system's library has no such function
        return False
    return True


if __name__ == "__main__":
    os.write(1, json.dumps(raise_walls()).encode())
