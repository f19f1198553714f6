"""Decoder processes without the quarter of a second that their imports cost: each is forked from one process
that has imported what `python -I -m ingest_worker.audio.child` imports, and nothing else.

For sweeps over thousands of files. A forked child is what a started one is after its imports: it has its own
session, an empty environment, no file but its three streams; it reads one request, limits itself, raises its
walls, and decodes one file. It is a grandchild of the forking process and so becomes a child of this one
(prctl(2), `PR_SET_CHILD_SUBREAPER`), as a started one is: its end is seen here, and ours ends it.
"""

import atexit
import ctypes
import os
import signal
import socket
import subprocess
import sys
from functools import cache
from typing import Any, Final

from ingest_worker.sandbox.process import ONE_THREAD, Child

_SUBREAPER: Final = 36
"""`PR_SET_CHILD_SUBREAPER` (`include/uapi/linux/prctl.h`)."""


class ForkedChild(Child):
    """A `Child` of the audio decoder's kind that was forked instead of started."""

    def __init__(self, _module: str, _environment: object) -> None:
        self._popen: Any = _Process()
        self._heard = bytearray()


class _Process:
    """As much of `subprocess.Popen` as `Child` uses."""

    def __init__(self) -> None:
        reading, writing = os.pipe(), os.pipe()
        with _forking() as control:
            socket.send_fds(control, [b"+"], [reading[0], writing[1]])
            self.pid = int.from_bytes(control.recv(4), "big")
        os.close(reading[0])
        os.close(writing[1])
        self.stdin, self.stdout = os.fdopen(reading[1], "wb"), os.fdopen(writing[0], "rb")
        self.returncode: int | None = None

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> int:
        if self.returncode is None:
            self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.returncode


def _forking() -> socket.socket:
    """A connection to the forking process; a duplicate, so that the caller may close it."""
    return _start().dup()


@cache
def _start() -> socket.socket:
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    started = subprocess.Popen(
        [sys.executable, "-I", __file__, str(its.fileno())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=[its.fileno()],
        env=ONE_THREAD,
    )
    its.close()
    atexit.register(started.wait)
    atexit.register(ours.close)
    return ours


def _fork_for(control: socket.socket) -> None:
    """Fork one child for each pair of streams that arrives, until the other side closes."""
    from ingest_worker.audio import child  # only the forking process opens media

    while True:
        asked, streams, _, _ = socket.recv_fds(control, 1, 2)
        if not asked:
            return
        told, tell = os.pipe()
        if (between := os.fork()) == 0:
            if (pid := os.fork()) == 0:
                os.setsid()
                os.dup2(streams[0], 0)
                os.dup2(streams[1], 1)
                os.closerange(3, 256)
                os._exit(child.main())
            os.write(tell, pid.to_bytes(4, "big"))
            os._exit(0)
        os.waitpid(between, 0)  # from now on the child is the reaper's
        control.send(os.read(told, 4))
        for each in (told, tell, *streams):
            os.close(each)


if __name__ == "__main__":
    _fork_for(socket.socket(fileno=int(sys.argv[1])))
