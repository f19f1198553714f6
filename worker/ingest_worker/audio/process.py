"""Starts the walled child, reads its output, and translates its end into a reason of the failure table.

Called by `decode` and `probe`. Must not open media itself: this process holds the models and the store's
address. The child's output is trusted only as far as it can be true of media: their lengths, and the reasons
why media are refused.
"""

import logging
import signal
from collections.abc import Generator
from contextlib import closing
from dataclasses import asdict
from functools import cache
from typing import Any, Final

from ingest_contract.failures import Reason
from ingest_contract.receipt import MAX_MESSAGE_CHARACTERS
from ingest_worker.errors import StageError
from ingest_worker.sandbox.limits import Limits
from ingest_worker.sandbox.process import Child, ChildEndedError, ChildGarbledError
from ingest_worker.sandbox.walls import Wall

log = logging.getLogger(__name__)

_ENDINGS: Final = {
    signal.SIGXCPU: (
        Reason.UNDECODABLE,
        "decoding took more than {cpu} s of CPU, more than any recording of the permitted length needs",
    ),
    signal.SIGSYS: (
        Reason.UNDECODABLE,
        "the media made the decoder ask the system for what no decoder needs",
    ),
    signal.SIGKILL: (
        Reason.HOST_OUT_OF_MEMORY,
        "the decoder was killed from outside, as a machine without memory does",
    ),
    signal.SIGTERM: (Reason.INTERRUPTED, "the decoder was asked to end"),
    signal.SIGINT: (Reason.INTERRUPTED, "the decoder was asked to end"),
}
_CRASH: Final = (Reason.UNDECODABLE, "the media made the decoder crash")

_TELLABLE: Final = frozenset(
    {
        Reason.NO_AUDIO_TRACK,
        Reason.UNDECODABLE,
        Reason.DRM_PROTECTED,
        Reason.TRUNCATED,
        Reason.TOO_LONG,
        Reason.SCRATCH_FULL,
        Reason.NOT_FOUND,
        Reason.DOWNLOAD_FAILED,
    }
)
"""The reasons that a decoder may report.
It cannot know more, and must not be able to stop a batch with a report."""

_PATIENCE_FACTOR: Final = 4
"""Seconds of waiting for each permitted second of CPU: a busy machine gives a process a quarter of a core, a
hanging disk gives it nothing. That is not the media's fault: what these make a decoder do takes CPU."""


def run(request: dict[str, Any], limits: Limits) -> Generator[dict[str, Any], None, None]:
    """What the child reports, line by line, the `done` line last.

    The child has an empty environment and its own session. It is killed when the caller closes this
    generator, as `contextlib.closing` does.

    Raises:
        StageError: the failure that the child reports, or the meaning of its exit if it reported nothing.
    """
    wall = limits.cpu_seconds * _PATIENCE_FACTOR
    with closing(Child("ingest_worker.audio.child", {})) as child:
        try:
            for said in child.ask({**request, "limits": asdict(limits)}, seconds=wall, last=True):
                if "failed" in said:
                    raise _failed(said)
                if "lacking" in said:
                    _warn(", ".join(wall for wall in Wall if wall in str(said["lacking"])))
                else:
                    yield said
        except TimeoutError as error:
            words = f"decoding waited for {wall} s, and did not compute: does a disk hang?"
            raise StageError(Reason.DOWNLOAD_FAILED, words) from error
        except ChildEndedError as error:
            raise _ended(error.code, limits) from error
        except ChildGarbledError as error:
            raise StageError(
                Reason.UNDECODABLE, f"the media made the decoder say what no decoder says: {error}"
            ) from error


def _failed(said: dict[str, Any]) -> StageError:
    """The failure that the child itself reported."""
    reason = next((each for each in _TELLABLE if each.value == said["failed"]), Reason.UNDECODABLE)
    return StageError(reason, str(said.get("message", ""))[:MAX_MESSAGE_CHARACTERS])


@cache
def _warn(lacking: str) -> None:
    log.warning(
        "the kernel lacks what keeps the decoder in: %s",
        lacking,
        extra={"action": "lack-walls", "lacking": lacking},
    )


def _ended(code: int, limits: Limits) -> StageError:
    """The error for a child that ended without a last line."""
    if code >= 0:
        return StageError(Reason.UNKNOWN, f"the decoding process ended with code {code} and said nothing")
    name = signal.Signals(-code)
    reason, sentence = _ENDINGS.get(name, _CRASH)
    return StageError(reason, f"{sentence.format(cpu=limits.cpu_seconds)} ({name.name})")
