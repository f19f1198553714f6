"""How long media files say they are, read from their headers by the limited child. For plans: nothing is
decoded.

Called by `sources.resolve`. A file that cannot be probed has no known length; its own run will show whether
it can be ingested.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ingest_worker.audio.process import run
from ingest_worker.errors import StageError
from ingest_worker.sandbox.limits import Limits
from ingest_worker.sandbox.process import number

_TOGETHER_FILES: Final = 200
"""Files per child: starting one takes longer than probing ten files."""

_LIMITS: Final = Limits(cpu_seconds=120, file_bytes=0, open_files=_TOGETHER_FILES + 32, processes=0)
"""Headers take milliseconds; a probe writes nothing, and opens all files before it reads one."""


def announced_lengths(files: Sequence[Path]) -> list[float | None]:
    """The length in seconds of each file's first audio track as its container announces it; None where it
    announces none, guesses or cannot be read."""
    lengths: list[float | None] = []
    while len(lengths) < len(files):
        lengths += _probed(files[len(lengths) : len(lengths) + _TOGETHER_FILES])
    return lengths


def _probed(files: Sequence[Path]) -> list[float | None]:
    """Lengths of the files up to and including the one that ended the child, if one did."""
    lengths: list[float | None] = []
    try:
        for said in run({"do": "probe", "sources": [str(file.resolve()) for file in files]}, _LIMITS):
            if said.get("probing") == len(lengths) < len(files):
                lengths.append(None)
            elif "probed" in said and lengths:
                lengths[-1] = number(said.get("seconds"))
    except StageError:
        pass
    return lengths or [None]
