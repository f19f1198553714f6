"""Starts operators without the seconds that their imports take: `python operator_zygote.py`, one order per
line on standard input.

Everything is imported once, here; each operator is then a fork that runs `python -m ingest_operator` as the
interpreter would: a process of its own. Orders are
`{"start": [argument, ...], "kubeconfig": path, "log": path}`, answered by a pid, and `{"kill": pid}` or
`{"look": pid}`, answered by the exit code, or null of one that runs. When standard input ends, the operators
do.
"""

import json
import os
import runpy
import signal
import sys
import traceback
from contextlib import suppress
from typing import Any, NoReturn

import ingest_operator.__main__  # noqa: F401 -- with all that it imports


def main() -> None:
    running: set[int] = set()
    try:
        for line in sys.stdin:
            order = json.loads(line)
            if "start" in order:
                answer: int | None = (started := _started(order))
                running.add(started)
            else:
                answer = _code(order)
                running -= {order.get("kill", order.get("look"))} if answer is not None else set()
            print(json.dumps(answer), flush=True)
    finally:
        for pid in running:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _started(order: dict[str, Any]) -> int:
    return os.fork() or _run(order)


def _code(order: dict[str, Any]) -> int | None:
    """Nobody else waits for the operators: until their end was told here their pid stays theirs."""
    if "kill" in order:
        os.kill(order["kill"], signal.SIGKILL)
        return os.waitstatus_to_exitcode(os.waitpid(order["kill"], 0)[1])
    ended, status = os.waitpid(order["look"], os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


def _run(order: dict[str, Any]) -> NoReturn:
    code = 1
    try:
        nothing, log = (
            os.open(os.devnull, os.O_RDONLY),
            os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
        )
        for here, there in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(here, there)
        os.environ["KUBECONFIG"] = order["kubeconfig"]
        sys.argv[1:] = order["start"]
        del sys.modules["ingest_operator.__main__"]
        runpy.run_module("ingest_operator", run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001 -- told as the interpreter tells it
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
