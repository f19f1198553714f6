"""Starts a child, sends it requests, reads no longer and no more than agreed, and ends it. Its output is
untrusted.

Called by `audio.process`, `captions.process` and `sources.apart`. The child has an environment of its own,
its own session, and no file of ours but its three streams; a compromised child can write anything, so the
length of a line is limited, and a line is parsed here and judged by the caller.
"""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping
from typing import Any, Final

from ingest_worker.resident import count_child

MAX_LINE_BYTES: Final = 1 << 20
"""Bytes of one line: a recording's description has less than 10 kB, a decoder's report less than 1 kB."""

_BLOCK_BYTES: Final = 1 << 16

_TICK_SECONDS: Final = 0.25
"""Seconds between two checks whether the caller still wants to wait."""

ONE_THREAD: Final = dict.fromkeys(("MKL_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
"""numpy's OpenBLAS starts a thread for every CPU when it is imported, each with 41 MB of address space and of
data (measured with 0.3.33): 24 of them exceed the limits of a child, and a child computes next to nothing."""

_LAST_GRACE_SECONDS: Final = 5.0
"""Seconds that a child may take to exit after it has closed its output."""

_LARGEST_NUMBER_SECONDS: Final = 1 << 40
"""More than any length, and any count of samples, that is true."""

Said = dict[str, Any]


class ChildEndedError(Exception):
    """The child ended without a last line. `code` is as `subprocess.Popen.returncode` has it."""

    def __init__(self, code: int) -> None:
        super().__init__(f"ended with {code}")
        self.code = code


class ChildGarbledError(Exception):
    """The child wrote a line that none of our children writes."""


def number(said: object) -> float | None:
    """A length, a share or a count that a child reports, if it is one."""
    if (
        isinstance(said, bool)
        or not isinstance(said, int | float)
        or not 0 <= said <= _LARGEST_NUMBER_SECONDS
    ):
        return None
    return float(said)


def nothing() -> None:
    """For callers with nothing to do while a child works."""


class Child:
    """A running child: `python -I -m MODULE`."""

    def __init__(self, module: str, environment: Mapping[str, str]) -> None:
        command = [sys.executable, "-I", "-m", module]
        self._popen = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**environment, **ONE_THREAD},
            start_new_session=True,
        )
        self._heard = bytearray()

    def ask(
        self,
        request: Said,
        *,
        seconds: float,
        last: bool = False,
        restart: bool = False,
        waiting: Callable[[], None] = nothing,
    ) -> Generator[Said, None, None]:
        """The child's answer to a request, line by line, up to the `done` or `failed` line.

        Args:
            request: For its standard input, as one line.
            seconds: The time limit.
            restart: Whether the time limit starts again with every line.
            last: Whether this is the last request: its standard input ends here.
            waiting: Called a few times a second while no line arrives; it may raise.

        Raises:
            TimeoutError: it took longer than `seconds`.
            ChildEndedError: it ended before its last line.
            ChildGarbledError: it wrote a line that is not one of ours.
        """
        until = time.monotonic() + seconds
        self.send({**request, "parent": os.getpid()}, last=last)
        while True:
            said = self._line(time.monotonic() + seconds if restart else until, waiting)
            yield said
            if "done" in said or "failed" in said:
                return

    def close(self) -> None:
        """Kill the child and everything that it started."""
        if self._popen.returncode is None:
            self._kill()
            self._popen.wait()
        for stream in (self._popen.stdin, self._popen.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()

    def _kill(self) -> None:
        """Kill the whole session, before the child is waited for:
        afterwards its process id may be another's."""
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS refuses for a group of zombies
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.kill()

    def send(self, line: Said, *, last: bool = False) -> None:
        """Write one line to its standard input, which ends after the last."""
        assert self._popen.stdin is not None  # noqa: S101 -- PIPE was requested
        text = json.dumps(line).encode() + b"\n"
        with contextlib.suppress(BrokenPipeError):  # the exit code of a dead child is reported anyway
            self._popen.stdin.write(text)
            self._popen.stdin.flush()
            if last:
                self._popen.stdin.close()

    def _line(self, until: float, waiting: Callable[[], None]) -> Said:
        assert self._popen.stdout is not None  # noqa: S101 -- likewise
        with selectors.DefaultSelector() as selector:
            selector.register(self._popen.stdout, selectors.EVENT_READ)
            while (end := self._heard.find(b"\n")) < 0:
                if len(self._heard) > MAX_LINE_BYTES:
                    raise ChildGarbledError(f"a line of more than {MAX_LINE_BYTES} bytes")
                if (left := until - time.monotonic()) <= 0:
                    raise TimeoutError
                if not selector.select(min(left, _TICK_SECONDS)):
                    count_child(self._popen.pid)
                    waiting()
                elif block := os.read(self._popen.stdout.fileno(), _BLOCK_BYTES):
                    self._heard += block
                else:
                    raise ChildEndedError(self._end())
        count_child(self._popen.pid)
        line = bytes(self._heard[:end])
        del self._heard[: end + 1]
        return _said(line)

    def _end(self) -> int:
        """The exit code of a child that has closed its output. One that lives on is killed, with everything
        that it started."""
        until = time.monotonic() + _LAST_GRACE_SECONDS
        while not self._is_over() and time.monotonic() < until:
            time.sleep(_TICK_SECONDS / 10)
        self._kill()
        return self._popen.wait()

    def _is_over(self) -> bool:
        """Whether it has ended; it is not waited for, so that its process id stays its own."""
        return os.waitid(os.P_PID, self._popen.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None


def _said(line: bytes) -> Said:
    try:
        said = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ChildGarbledError("a line that is no JSON") from error
    if not isinstance(said, dict):
        raise ChildGarbledError("a line that is no object")
    return said
