"""Captions as bytes, on their way through the cache, and as JSON values. Pure.

Strictly parsed and bounded: others may be able to write to the cache, and what read the foreign file may have
been taken over by it.
"""

import json
import math
from typing import Any, Final

from ingest_contract.languages import first_part
from ingest_contract.text import legible
from ingest_worker.captions.bounds import MAX_BYTES, MAX_CUE_CHARACTERS
from ingest_worker.captions.values import Captions, Cue

MAX_FORM_BYTES: Final = 8 * MAX_BYTES
"""Of captions as bytes: JSON writes a character in six bytes at most, and two numbers with each caption."""


def encoded(captions: Captions) -> bytes:
    """Captions as bytes."""
    cues = [(cue.start, cue.end, cue.text) for cue in captions.cues]
    return json.dumps([captions.language, captions.automatic, cues], separators=(",", ":")).encode()


def decoded(content: bytes) -> Captions:
    """The inverse of `encoded`. Raises `ValueError`."""
    try:
        language, automatic, cues = json.loads(content)
        if first_part(language) != language or not isinstance(automatic, bool):
            raise ValueError("captions without a language")
        return Captions(tuple(map(cue_of, cues)), language, automatic)
    except (TypeError, AttributeError, RecursionError) as error:
        raise ValueError("no captions") from error


def cue_of(said: Any) -> Cue:
    """A caption from JSON values. Raises `ValueError` or `TypeError` for what is none."""
    start, end, text = said
    if not isinstance(text, str) or not 0 < len(text) <= MAX_CUE_CHARACTERS or text != legible(text):
        raise ValueError("a text that is none")
    if not all(math.isfinite(time) and time >= 0 for time in (start, end)):
        raise ValueError("a time that is none")
    return Cue(float(start), float(end), text)
