"""The sound that a site serves: small real m4a files, made once per process."""

import tempfile
from functools import cache
from pathlib import Path
from typing import Final

from testkit.media.tones import make
from testkit.site.entries import Entry

LONGEST_SECONDS: Final = 20
"""A longer recording is served with this length."""


def tone_of(entry: Entry) -> bytes:
    """A tone of the recording's length."""
    return _tone(min(entry.seconds, LONGEST_SECONDS))


@cache
def _tone(seconds: int) -> bytes:
    with tempfile.TemporaryDirectory(prefix="site-") as folder:
        return make(Path(folder) / "tone.m4a", "aac", seconds=seconds).read_bytes()
