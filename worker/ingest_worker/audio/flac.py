"""Decoded audio as a FLAC file, and back: by the walled child, which may read one file and write one.

Called by the cache. What comes back are the same samples, byte for byte, or an error. Must not import PyAV: a
cache is a place that others can write to.
"""

from contextlib import closing
from pathlib import Path
from typing import Any

from ingest_contract.failures import Reason
from ingest_worker.audio.limits import SAMPLE_BYTES, limits_for
from ingest_worker.audio.process import run
from ingest_worker.domain import SAMPLE_RATE
from ingest_worker.errors import StageError, unreadable
from ingest_worker.ports import Report
from ingest_worker.sandbox.process import number


def pack(pcm: Path, samples: int, target: Path, report: Report) -> None:
    """The PCM file as a FLAC file.

    Raises:
        StageError: `SCRATCH_FULL`, `HOST_OUT_OF_MEMORY`, `INTERRUPTED`; `UNKNOWN` if not all of it was
            written.
    """
    done = _run({"do": "pack", "source": str(pcm.resolve())}, target, samples, report)
    if done != samples:
        raise StageError(Reason.UNKNOWN, f"{done} of {samples} samples became FLAC")


def unpack(flac: Path, samples: int, target: Path, report: Report) -> None:
    """The PCM file of which `pack` made the FLAC file.

    Raises:
        StageError: `UNDECODABLE` for a file that `pack` did not make of so many samples, `SCRATCH_FULL`,
            `HOST_OUT_OF_MEMORY`, `INTERRUPTED`.
    """
    request = {"do": "unpack", "source": str(flac.resolve()), "most": samples}
    done = _run(request, target, samples, report)
    try:
        size = target.stat().st_size
    except OSError as error:
        raise unreadable(target.name, error) from error
    if (done, size) != (samples, samples * SAMPLE_BYTES):
        raise StageError(Reason.UNDECODABLE, f"{done} samples are in it, and {samples} should be")


def _run(request: dict[str, Any], target: Path, samples: int, report: Report) -> int:
    """Carry out a request about so many samples. Returns how many the child found."""
    asked = {**request, "target": str(target.resolve()), "rate": SAMPLE_RATE}
    limits = limits_for(2 * (samples // SAMPLE_RATE + 1), SAMPLE_RATE)  # noise as FLAC is longer than as PCM
    done = 0.0
    with closing(run(asked, limits)) as lines:
        for said in lines:
            if (reached := number(said.get("samples"))) is not None:
                done = max(done, min(reached / max(1, samples), 0.99))
                report(done)
            elif "done" in said:
                content = said["done"]
                found = number(content.get("samples")) if isinstance(content, dict) else None
                return int(found) if found is not None else -1
    raise StageError(Reason.UNKNOWN, "the process that packs audio said nothing")
