"""Starts the limited child, listens to it, and says in the failure table's words how it ended.

Called by `decode` and `probe`. Must not open media itself: this process holds the models and the store's address.
"""

import json
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import suppress
from dataclasses import asdict
from typing import Any, Final

from ingest_contract.failures import Reason
from ingest_worker.audio.limits import Limits
from ingest_worker.errors import StageError

_ENDINGS: Final = {
    signal.SIGXCPU: (Reason.UNDECODABLE, "decoding took more than {cpu} s of CPU, more than any recording of the permitted length needs"),
    signal.SIGKILL: (Reason.HOST_OUT_OF_MEMORY, "the decoder was killed from outside, as a machine without memory does"),
    signal.SIGTERM: (Reason.INTERRUPTED, "the decoder was asked to end"),
    signal.SIGINT: (Reason.INTERRUPTED, "the decoder was asked to end"),
}
_CRASH: Final = (Reason.UNDECODABLE, "the media made the decoder crash")


def run(request: dict[str, Any], limits: Limits) -> Generator[dict[str, Any], None, None]:
    """What the child says, line by line, the `done` line last.

    The child has an empty environment and its own session. It is ended when the caller
    closes this generator, as `contextlib.closing` does.

    Raises:
        StageError: what the child reports as failed, or what its end means when it could not speak.
    """
    command = [sys.executable, "-I", "-m", "ingest_worker.audio.child"]
    child = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={}, start_new_session=True, text=True
    )
    assert child.stdin is not None  # noqa: S101 -- PIPE was asked for
    assert child.stdout is not None  # noqa: S101 -- likewise
    try:
        with suppress(BrokenPipeError), child.stdin:  # a child that is dead already tells so by its exit
            json.dump({**request, "limits": asdict(limits)}, child.stdin)
        for line in child.stdout:
            if not line.endswith("\n"):
                break  # killed while it spoke
            said = json.loads(line)
            if "failed" in said:
                raise StageError(Reason(said["failed"]), said["message"])
            yield said
            if "done" in said:
                return
        raise _ended(child.wait(), limits)
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


def _ended(code: int, limits: Limits) -> StageError:
    """What it means that the child ended without a last word."""
    if code >= 0:
        return StageError(Reason.UNKNOWN, f"the decoding process ended with code {code} and said nothing")
    name = signal.Signals(-code)
    reason, sentence = _ENDINGS.get(name, _CRASH)
    return StageError(reason, f"{sentence.format(cpu=limits.cpu_seconds)} ({name.name})")
