"""What the process that meets sites reports, believed as far as it can be true of a source. Called by
`apart`."""

import signal
import stat
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from ingest_contract.captions import CaptionsProblem
from ingest_contract.failures import FAILURES, Kind, Reason
from ingest_contract.languages import code_of, first_part
from ingest_contract.receipt import MAX_MESSAGE_CHARACTERS
from ingest_contract.sites import SiteReport
from ingest_contract.text import legible
from ingest_worker.captions.values import CaptionFile, Captions, NoCaptions
from ingest_worker.domain import Media
from ingest_worker.errors import StageError
from ingest_worker.hiding import hidden
from ingest_worker.sandbox.process import Said, number
from ingest_worker.sources.site_secrets import Secrets

TELLABLE: Final = frozenset(
    reason
    for reason, row in FAILURES.items()
    if row.kind in (Kind.INPUT, Kind.SOURCE) or reason in (Reason.SCRATCH_FULL, Reason.UNKNOWN)
)
"""Reasons that a source can cause.
The child cannot report that the store, a machine or a batch is at fault;
only one that reads a bucket may say that its credentials were refused."""

_ENDINGS: Final = {
    signal.SIGKILL: (
        Reason.HOST_OUT_OF_MEMORY,
        "the process that fetches was killed from outside, as a machine without memory does",
    ),
    signal.SIGTERM: (Reason.INTERRUPTED, "the process that fetches was asked to end"),
    signal.SIGXCPU: (
        Reason.SOURCE_UNSUPPORTED,
        "looking at it takes more CPU than time: what is there cannot be understood",
    ),
}

_DAY_SECONDS: Final = 86_400


def garbled() -> StageError:
    """The error for what no child of ours says."""
    return StageError(Reason.EXTRACTOR_BROKEN, "the process that fetches says what it never says")


def site_met(line: Said, secrets: Secrets) -> SiteReport:
    """The site that the child is about to meet."""
    try:
        return SiteReport(name=line["site"], secrets=secrets.digests.get(str(line.get("entry"))))
    except (ValidationError, TypeError) as error:
        raise garbled() from error


def failed(line: Said, tellable: Collection[Reason]) -> StageError:
    """The failure that the child itself reported."""
    reason = next((each for each in tellable if each.value == line["failed"]), Reason.UNKNOWN)
    later = line.get("retry_after_seconds")
    seconds = min(max(later, 0), _DAY_SECONDS) if isinstance(later, int) else None
    return StageError(
        reason,
        hidden(str(line.get("message", "")))[:MAX_MESSAGE_CHARACTERS],
        retry_after_seconds=seconds,
    )


def ended(code: int) -> StageError:
    """The error for a child that ended without a last line."""
    if code >= 0:
        return StageError(Reason.UNKNOWN, f"the process that fetches ended with code {code} and said nothing")
    name = signal.Signals(-code)
    reason, sentence = _ENDINGS.get(name, (Reason.EXTRACTOR_BROKEN, "what is there made yt-dlp crash"))
    return StageError(reason, f"{sentence} ({name.name})")


def media_of(done: Any, into: Path) -> Media:
    """The fetched media, if they are a file below `into`. Raises `StageError(DOWNLOAD_FAILED)`."""
    try:
        name, title, seconds = str(done["name"]), legible(str(done["title"])), done["seconds"]
        path = into / name
        regular = name not in (".", "..") and "/" not in name and stat.S_ISREG(path.lstat().st_mode)
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise StageError(Reason.DOWNLOAD_FAILED, "the download ended without a file") from error
    if not regular:
        raise StageError(Reason.DOWNLOAD_FAILED, "the download ended without a file of its own")
    captions, language = captions_of(done.get("captions"), into), code_of(str(done.get("language") or ""))
    return Media(path, title, number(seconds) or None, captions, language)


def said_of(captions: CaptionFile | Captions | NoCaptions | None) -> Said | None:
    """Captions that were fetched, or why there are none, as the child says it."""
    if isinstance(captions, CaptionFile):
        return {
            "name": captions.path.name,
            "language": captions.language,
            "automatic": captions.automatic,
        }
    if isinstance(captions, NoCaptions):
        return {"problem": captions.problem.value, "message": captions.message}
    return None


def captions_of(said: Any, into: Path) -> CaptionFile | NoCaptions | None:
    """The inverse of `said_of`, for a file below `into`. Raises `StageError` for what no child of ours
    says."""
    if said is None:
        return None
    try:
        if "problem" in said:
            return NoCaptions(CaptionsProblem(said["problem"]), str(said["message"]))
        name, language = str(said["name"]), str(said["language"])
        path = into / name
        if "/" in name or not stat.S_ISREG(path.lstat().st_mode) or first_part(language) != language:
            raise garbled()
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise garbled() from error
    return CaptionFile(path, language, said.get("automatic") is True)
