"""A caption file's bytes as captions: WebVTT and SubRip, by webvtt-py. Called by `child`, behind walls."""

from io import StringIO
from typing import Final

import webvtt
from webvtt.errors import MalformedCaptionError, MalformedFileError

from ingest_contract.captions import CaptionsProblem
from ingest_worker.captions.bounds import MAX_BYTES, MAX_CUE_CHARACTERS
from ingest_worker.captions.cleaning import cleaned
from ingest_worker.captions.values import Cue

_MAX_LOST_SHARE: Final = 0.01
"""Share of characters that are not UTF-8, above which a file is in another encoding. WebVTT is always
UTF-8."""

_LOST: Final = "\ufffd"


class UnusableError(Exception):
    """Nothing can be taken from the file; `problem` says why, the message more."""

    def __init__(self, problem: CaptionsProblem, message: str = "") -> None:
        super().__init__(message)
        self.problem = problem


def read(content: bytes) -> tuple[Cue, ...]:
    """The captions in a file. Raises `UnusableError`, and `MemoryError`."""
    if len(content) > MAX_BYTES:
        raise UnusableError(CaptionsProblem.TOO_LARGE, f"more than {MAX_BYTES >> 20} MiB")
    text = content.decode("utf-8-sig", "replace").lstrip()
    if text.count(_LOST) > _MAX_LOST_SHARE * len(text):
        raise UnusableError(CaptionsProblem.UNREADABLE, "the text is not UTF-8")
    form = "vtt" if text.startswith("WEBVTT") else "srt"
    if not text:
        raise UnusableError(CaptionsProblem.EMPTY)
    try:
        found = webvtt.from_buffer(StringIO(text), format=form).captions
    except (MalformedFileError, MalformedCaptionError) as error:
        raise UnusableError(CaptionsProblem.UNREADABLE, str(error)) from error
    cues = cleaned(
        (each.start_time.in_milliseconds() / 1000, each.end_time.in_milliseconds() / 1000, each.lines)
        for each in found
    )
    if not cues:
        raise UnusableError(CaptionsProblem.EMPTY)
    if any(len(cue.text) > MAX_CUE_CHARACTERS for cue in cues):
        raise UnusableError(
            CaptionsProblem.UNREADABLE, f"a caption has more than {MAX_CUE_CHARACTERS} characters"
        )
    return cues
