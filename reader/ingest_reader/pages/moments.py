"""Moments of a recording as links say them: `t=90`, as YouTube's and as a media fragment's. Pure."""

import re
from typing import Final

from ingest_reader.bounds import LATEST_SECONDS

_SECONDS: Final = re.compile(r"(\d{1,8}(?:\.\d{1,6})?)s?")
_UNITS: Final = re.compile(r"(?:(\d{1,4})h)?(?:(\d{1,6})m)?(?:(\d{1,8})s)?")
_CLOCK: Final = re.compile(r"(?:(\d{1,4}):)?([0-5]?\d):([0-5]\d(?:\.\d{1,6})?)")


def moment_in(text: str) -> float | None:
    """Seconds from `90`, `90.5s`, `1h2m3s` (YouTube's links) or `1:02:03` (W3C Media Fragments 1.0, 4.2.1);
    None if it says no time, or one after `LATEST_SECONDS`."""
    plain = text.strip().lower().removeprefix("npt:")
    if found := _SECONDS.fullmatch(plain):
        parts: tuple[str | None, ...] = (None, None, found[1])
    elif found := _CLOCK.fullmatch(plain) or (plain and _UNITS.fullmatch(plain)) or None:
        parts = found.groups()
    else:
        return None
    hours, minutes, seconds = (float(each or 0) for each in parts)
    total = hours * 3_600 + minutes * 60 + seconds
    return total if total <= LATEST_SECONDS else None
