"""Starts the child that reads captions, and believes what it says as far as it can be true of captions.

Called by `sources.apart`. A file that cannot be read costs its recording nothing but the captions.
"""

import logging
import signal
from contextlib import closing
from dataclasses import asdict
from typing import Any, Final

from ingest_contract.captions import CaptionsProblem
from ingest_contract.failures import Reason
from ingest_contract.text import legible
from ingest_worker.captions.bounds import MAX_BYTES
from ingest_worker.captions.form import cue_of
from ingest_worker.captions.values import CaptionFile, Captions, Cue, NoCaptions
from ingest_worker.errors import StageError
from ingest_worker.sandbox.limits import Limits
from ingest_worker.sandbox.process import Child, ChildEndedError, ChildGarbledError

log = logging.getLogger(__name__)

_LIMITS: Final = Limits(cpu_seconds=60, file_bytes=0, processes=0)
"""A file of `MAX_BYTES` takes ten seconds, and half of the memory."""

_PATIENCE_FACTOR: Final = 4
"""Seconds of waiting for each permitted second of CPU, as for the decoder."""

_FROM_OUTSIDE: Final = {
    signal.SIGKILL: (
        Reason.HOST_OUT_OF_MEMORY,
        "the process that reads captions was killed from outside, as a machine without memory does",
    ),
    signal.SIGTERM: (Reason.INTERRUPTED, "the process that reads captions was asked to end"),
    signal.SIGINT: (Reason.INTERRUPTED, "the process that reads captions was asked to end"),
}


def captions_in(file: CaptionFile) -> Captions | NoCaptions:
    """The captions in a file, or why there are none. Raises `StageError` if this process or the machine is
    ended, and not because of the file."""
    cues = list[Cue]()
    request = {"path": str(file.path), "limits": asdict(_LIMITS)}
    try:
        with closing(Child("ingest_worker.captions.child", {})) as child:
            for line in child.ask(request, seconds=_LIMITS.cpu_seconds * _PATIENCE_FACTOR, last=True):
                if "failed" in line:
                    return _failed(line)
                if "lacking" in line:
                    log.warning(
                        "the kernel lacks what keeps the reader of captions in: %s",
                        legible(str(line["lacking"])),
                        extra={"action": "lack-walls"},
                    )
                cues.extend(cue_of(each) for each in line.get("cues", ()))
                if len(cues) > MAX_BYTES:
                    return NoCaptions(CaptionsProblem.TOO_LARGE)
    except TimeoutError:
        return NoCaptions(CaptionsProblem.UNREADABLE, "reading them was not done in time")
    except ChildEndedError as error:
        return _ended(error.code)
    except (ChildGarbledError, TypeError, ValueError) as error:
        return NoCaptions(CaptionsProblem.UNREADABLE, f"they made the reader say what it never says: {error}")
    return Captions(tuple(cues), file.language, file.automatic)


def _failed(line: dict[str, Any]) -> NoCaptions:
    problem = next((each for each in CaptionsProblem if each.value == line["failed"]), None)
    return NoCaptions(problem or CaptionsProblem.UNREADABLE, str(line.get("message", "")))


def _ended(code: int) -> NoCaptions:
    if code < 0 and (why := _FROM_OUTSIDE.get(signal.Signals(-code))):
        raise StageError(*why)
    name = signal.Signals(-code).name if code < 0 else f"code {code}"
    return NoCaptions(CaptionsProblem.UNREADABLE, f"they made the reader crash ({name})")
