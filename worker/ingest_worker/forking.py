"""`python -m ingest_worker.forking FD THREADS`: starts runs as forks of this process, which has imported what
they import.

A recording of half a minute costs more in imports than in work. A fork has them for nothing, shares their
memory until it writes to it, and gives everything of its own back when it exits, as a started process does.
It is one in every other respect too: a session and process group of its own, the folder, environment and
three streams that its order brings, no other open file, and `python -m ingest_worker` from its first line.

Threads do not survive a fork, nor does a CUDA context: before it says that it is ready, this process makes
sure that it has neither (`unfit`). It never computes, and opens no file that an order names.

The socket FD carries one request after another, each four bytes of length (with the three streams of a start
attached) and a JSON object; every answer is a line of JSON:

    {"start": {"folder": ..., "environment": {...}}}  ->  {"pid": 123}
    {"poll": 123}                                     ->  {"code": null}, or how it ended, once

The first line comes unasked: {"unfit": ""}, or why nothing can be forked. When the other side closes, this
process ends, and its runs go on.
"""

import gc
import importlib
import json
import os
import runpy
import signal
import socket
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

from ingest_worker.sandbox.kernel import undumpable
from ingest_worker.surroundings import settle

LENGTH_BYTES: Final = 4
STREAMS: Final = (0, 1, 2)
"""Standard input, output and error."""

_GPUS: Final = "/dev/nvidia"
"""CUDA and NVML open the devices when they start, and keep them open."""


def main() -> None:
    """Import, say how that went, and fork until the other side closes."""
    undumpable()  # orders pass through here with the store's address
    control = socket.socket(fileno=int(sys.argv[1]))
    settle(int(sys.argv[2]))
    why = imported()
    _answer(control, {"unfit": why})
    if not why:
        serve(control)


def imported() -> str:
    """Import what every run imports. Returns why this process must not fork; empty if it may."""
    importlib.import_module("ingest_worker.imports")
    _rehearse()
    gc.collect()
    gc.freeze()  # a collector that walks through shared objects in a fork would copy their pages
    return unfit()


def unfit() -> str:
    """Why this process must not fork; empty if it may."""
    threads = len(list(Path("/proc/self/task").iterdir()))
    if threads > 1:
        return f"{threads} threads run after the imports, and a fork would have one of them"
    opened = [str(each.readlink()) for each in Path("/proc/self/fd").iterdir() if each.is_symlink()]
    if devices := [each for each in opened if each.startswith(_GPUS)]:
        return f"the imports have opened {devices[0]}, and no fork can use a GPU that its parent has used"
    return ""


def _rehearse() -> None:
    """Fork once for nothing: OpenBLAS starts its threads at import, and ends them before a fork
    (`blas_thread_shutdown`, by pthread_atfork(3)) until somebody computes."""
    if (pid := os.fork()) == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def serve(control: socket.socket) -> None:
    """Answer requests until there are no more."""
    while (asked := _next(control)) is not None:
        request, streams = asked
        if "start" in request:
            _answer(control, {"pid": _forked(request["start"], streams)})
        else:
            _answer(control, {"code": _poll(request["poll"])})
        for each in streams:
            os.close(each)


def _forked(order: Mapping[str, Any], streams: Sequence[int]) -> int:
    """A new run, once it leads its own group: a signal to the group of one that does not reaches nobody, and
    its sender would wait for an end that nobody asked for. It closes all files of ours just after that."""
    ours, its = os.pipe()
    pid = os.fork() or become_run(order, streams)
    os.close(its)
    os.read(ours, 1)
    os.close(ours)
    return pid


def _next(control: socket.socket) -> tuple[dict[str, Any], Sequence[int]] | None:
    length, streams, _, _ = socket.recv_fds(control, LENGTH_BYTES, len(STREAMS))
    if not length:
        return None
    body = bytearray()
    size = int.from_bytes(length, "big")
    while len(body) < size:
        part = control.recv(size - len(body))
        if not part:
            return None
        body += part
    return json.loads(body), streams


def _answer(control: socket.socket, answer: Mapping[str, object]) -> None:
    control.sendall(json.dumps(answer).encode() + b"\n")


def _poll(pid: int) -> int | None:
    """How a run ended, as `subprocess` says it; None while it runs. Until somebody asks, its pid stays its
    own."""
    ended, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


def become_run(order: Mapping[str, Any], streams: Sequence[int]) -> NoReturn:
    """Be a run, as the interpreter would carry it out. `order` has its folder and its environment."""
    code = 1
    try:
        os.setsid()
        for here, there in zip(STREAMS, streams, strict=True):
            os.dup2(there, here)
        os.closerange(len(STREAMS), os.sysconf("SC_OPEN_MAX"))
        os.chdir(order["folder"])
        os.environ.clear()
        os.environ.update(order["environment"])
        sys.argv[:] = sys.argv[:1]
        runpy.run_module("ingest_worker", run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as end:
        code = _said(end)
    except KeyboardInterrupt:
        traceback.print_exc()
        sys.stderr.flush()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    except BaseException:  # noqa: BLE001 -- told as the interpreter tells it
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _said(end: SystemExit) -> int:
    """The exit code; whatever else an exit brings is a message."""
    if end.code is None or isinstance(end.code, int):
        return end.code or 0
    print(end.code, file=sys.stderr)
    return 1


if __name__ == "__main__":
    main()
