"""What a row does in other processes, and the time that a row has.

Imports the standard library only.
"""

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

TOLD_LETTERS = 300
"""Of what a process said last before it failed."""


class Child:
    """A process of `bench.gpu.child`."""

    def __init__(self, words: tuple[str, ...]) -> None:
        """Start it."""
        self.what = words[0]
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - open as long as the process; `end` closes it
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.gpu.child", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def line(self) -> str:
        """The next line that it prints. Raises RuntimeError if it ends instead."""
        assert self._process.stdout is not None
        if said := self._process.stdout.readline():
            return said.strip()
        raise RuntimeError(self._ended())

    def go_on(self) -> None:
        """Let it do what it waits with. Raises RuntimeError if it has ended."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write("\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise RuntimeError(self._ended()) from None

    def figures(self) -> dict[str, Any]:
        """Its next line, as JSON, once it has ended. Raises RuntimeError if it fails."""
        found = dict(json.loads(self.line()))
        if self._process.wait() != 0:
            raise RuntimeError(self._ended())
        return found

    def end(self) -> None:
        """Kill it, whatever it does."""
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def _ended(self) -> str:
        code = self._process.wait()
        self._errors.seek(0)
        return (
            f"the process for {self.what!r} ended with {code}: {self._errors.read().strip()[-TOLD_LETTERS:]}"
        )


@contextmanager
def child(*words: str) -> Iterator[Child]:
    """A process that is gone after the block."""
    process = Child(words)
    try:
        yield process
    finally:
        process.end()


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raises TimeoutError in the block when they are over: between two calls of native code, or while it
    waits for a process. On the main thread only."""

    def over(*_: object) -> None:
        raise TimeoutError("not done when the command's time was over")

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
