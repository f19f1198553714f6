"""Starts a child, asks it, listens no longer and no more than agreed, and ends it. What it says is data from
outside.

Called by `audio.process` and `sources.apart`. The child has an environment of its own, its own session, and
no file of ours but its three streams; a child that was taken over can say anything, so a line is bounded,
parsed here, and judged by the caller.
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

MOST_LINE: Final = 1 << 20
"""Bytes of one line: a recording's description has less than 10 kB, a decoder's news less than 1 kB."""

_BLOCK: Final = 1 << 16

_TICK: Final = 0.25
"""Seconds between two looks at whether the caller still wants to wait."""

_ONE_THREAD: Final = dict.fromkeys(("MKL_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
"""numpy's OpenBLAS starts a thread for every CPU when it is imported, each with 41 MB of address space and of
data (tried with 0.3.33): 24 of them fill the limits of a child, and a child computes next to nothing."""

_LAST_GRACE: Final = 5.0
"""Seconds that a child which has closed its mouth may take to be gone."""

Said = dict[str, Any]


class ChildEndedError(Exception):
    """The child ended without a last word. `code` is as `subprocess.Popen.returncode` has it."""

    def __init__(self, code: int) -> None:
        super().__init__(f"ended with {code}")
        self.code = code


class ChildGarbledError(Exception):
    """The child said what no child of ours says."""


def nothing() -> None:
    """For whoever has nothing to do while a child works."""


class Child:
    """A running child: `python -I -m MODULE`."""

    def __init__(self, module: str, environment: Mapping[str, str]) -> None:
        command = [sys.executable, "-I", "-m", module]
        self._popen = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**environment, **_ONE_THREAD},
            start_new_session=True,
        )
        self._heard = bytearray()

    def ask(
        self,
        request: Said,
        *,
        seconds: float,
        last: bool = False,
        anew: bool = False,
        waiting: Callable[[], None] = nothing,
    ) -> Generator[Said, None, None]:
        """What it says to a request, line by line, up to the `done` or `failed` line.

        Args:
            request: For its standard input, as one line.
            seconds: After which it is too late.
            anew: Whether they are counted anew from every line.
            last: Whether nothing else will be asked: its standard input ends here.
            waiting: Called a few times a second while nothing comes; it may raise.

        Raises:
            TimeoutError: it took longer than `seconds`.
            ChildEndedError: it ended before its last line.
            ChildGarbledError: what it said is no line of ours.
        """
        until = time.monotonic() + seconds
        self.tell({**request, "parent": os.getpid()}, last=last)
        while True:
            said = self._line(time.monotonic() + seconds if anew else until, waiting)
            yield said
            if "done" in said or "failed" in said:
                return

    def close(self) -> None:
        """End it and what it started, whatever they do."""
        if self._popen.returncode is None:
            self._kill()
            self._popen.wait()
        for stream in (self._popen.stdin, self._popen.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()

    def _kill(self) -> None:
        """Kill the whole session. Before the child is waited for: afterwards its number may be another's."""
        with contextlib.suppress(
            ProcessLookupError, PermissionError
        ):  # macOS refuses for a group of the dead
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.kill()

    def tell(self, line: Said, *, last: bool = False) -> None:
        """One line for its standard input, which ends after the last."""
        assert self._popen.stdin is not None  # noqa: S101 -- PIPE was asked for
        text = json.dumps(line).encode() + b"\n"
        with contextlib.suppress(BrokenPipeError):  # a child that is dead already tells so by its exit
            self._popen.stdin.write(text)
            self._popen.stdin.flush()
            if last:
                self._popen.stdin.close()

    def _line(self, until: float, waiting: Callable[[], None]) -> Said:
        assert self._popen.stdout is not None  # noqa: S101 -- likewise
        with selectors.DefaultSelector() as selector:
            selector.register(self._popen.stdout, selectors.EVENT_READ)
            while (end := self._heard.find(b"\n")) < 0:
                if len(self._heard) > MOST_LINE:
                    raise ChildGarbledError(f"a line of more than {MOST_LINE} bytes")
                if (left := until - time.monotonic()) <= 0:
                    raise TimeoutError
                if not selector.select(min(left, _TICK)):
                    waiting()
                elif block := os.read(self._popen.stdout.fileno(), _BLOCK):
                    self._heard += block
                else:
                    raise ChildEndedError(self._end())
        line = bytes(self._heard[:end])
        del self._heard[: end + 1]
        return _said(line)

    def _end(self) -> int:
        """The code of a child that has closed its mouth. One that lives on is ended, and so is what it
        started."""
        until = time.monotonic() + _LAST_GRACE
        while not self._is_over() and time.monotonic() < until:
            time.sleep(_TICK / 10)
        self._kill()
        return self._popen.wait()

    def _is_over(self) -> bool:
        """Whether it has ended; it is not waited for, so that its number stays its own."""
        return os.waitid(os.P_PID, self._popen.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None


def _said(line: bytes) -> Said:
    try:
        said = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ChildGarbledError("a line that is no JSON") from error
    if not isinstance(said, dict):
        raise ChildGarbledError("a line that is no object")
    return said
