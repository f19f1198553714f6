"""A site's own captions of a recording, fetched before its media. Called by `fetcher`, in the process that
meets sites.

What is fetched is not read here: `ingest_worker.captions` does that behind walls. Captions that cannot be had
cost a recording nothing but the captions, unless the site refuses everything: then it is left alone before it
is asked for the media.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ingest_contract.captions import CaptionsProblem, CaptionsWish
from ingest_contract.failures import SITE_BREAKERS, Reason
from ingest_worker.captions.bounds import MAX_BYTES
from ingest_worker.captions.choosing import chosen
from ingest_worker.captions.values import CaptionFile, NoCaptions
from ingest_worker.errors import StageError
from ingest_worker.sources.entries import language_of
from ingest_worker.sources.ytdlp import Info, Read

_NAME: Final = "captions"


def fetched(info: Info, wish: CaptionsWish, into: Path, read: Read) -> CaptionFile | NoCaptions:
    """The captions of a recording, as a file below `into`.

    Args:
        info: yt-dlp's description of it.
        wish: Which are wanted.
        into: Where to.
        read: Reads from the site, as the session that describes the recording does.

    Raises:
        StageError: a reason of the whole site (`SITE_BREAKERS`), `SCRATCH_FULL`.
    """
    track = chosen(info, wish, language_of(info))
    if isinstance(track, NoCaptions):
        return track
    try:
        content = _content(track.form, read)
    except StageError as error:
        if error.reason in SITE_BREAKERS:
            raise
        return NoCaptions(CaptionsProblem.FETCH_FAILED, f"{error.reason}: {error}")
    if len(content) > MAX_BYTES:
        return NoCaptions(CaptionsProblem.TOO_LARGE, f"more than {MAX_BYTES >> 20} MiB")
    path = into / f"{_NAME}.{track.form['ext']}"
    try:
        path.write_bytes(content)
    except OSError as error:
        raise StageError(Reason.SCRATCH_FULL, f"{path.name}: {error.strerror}") from error
    return CaptionFile(path, track.language, track.automatic)


def _content(form: Mapping[str, Any], read: Read) -> bytes:
    """One byte more than is taken, of captions that are too large."""
    if form.get("url"):
        headers = {str(name): str(value) for name, value in (form.get("http_headers") or {}).items()}
        return read(str(form["url"]), headers, MAX_BYTES + 1)
    return str(form["data"])[: MAX_BYTES + 1].encode("utf-8", "replace")
