"""How a process of this machine is started: what it gets, and how it is asked whether it has ended."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psutil


@dataclass(frozen=True, slots=True)
class Launch:
    """What a worker gets, besides a session of its own."""

    folder: Path
    """Its working folder."""
    environment: Mapping[str, str]
    """All of it."""
    output: Path
    """Its standard output, written anew."""
    log: Path
    """Its standard error, appended to."""

    @contextmanager
    def streams(self) -> Iterator[tuple[int, int, int]]:
        """Descriptors of its standard input, output and error, for the length of the block."""
        with (
            Path(os.devnull).open("rb") as nothing,
            self.output.open("wb") as output,
            self.log.open("ab") as log,
        ):
            yield nothing.fileno(), output.fileno(), log.fileno()


@dataclass(frozen=True, slots=True)
class Exit:
    """How a process ended."""

    code: int | None
    """As `subprocess` says it, negative for a signal; None where nobody could learn it."""


class Process(Protocol):
    """A worker that was started."""

    pid: int
    """Also the id of its group."""

    def ended(self) -> Exit | None:
        """How it ended; None while it runs. Until it has said so once, its pid stays its own."""


class Alone:
    """A worker that was started by itself."""

    def __init__(self, launch: Launch) -> None:
        with launch.streams() as (nothing, output, log):
            self._popen = subprocess.Popen(
                [sys.executable, "-m", "ingest_worker"],
                stdin=nothing,
                stdout=output,
                stderr=log,
                env=launch.environment,
                cwd=launch.folder,
                start_new_session=True,
            )
        self.pid = self._popen.pid

    def ended(self) -> Exit | None:
        """How it ended."""
        code = self._popen.poll()
        return None if code is None else Exit(code)


def born_at(pid: int) -> float | None:
    """The kernel's creation time of a process: a pid is reused, a pair of both is not."""
    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:
        return None
