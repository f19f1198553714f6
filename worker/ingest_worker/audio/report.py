"""The walled child's reports, checked before anybody believes them: one that was taken over says anything.

Called by `decode` and `probe`. What it says may be wrong about the media, and is never more than that:
numbers in their range, text on one line, and as many samples as it has written.
"""

from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ingest_contract.failures import Reason
from ingest_contract.foreign import ForeignLine
from ingest_contract.selection import Language
from ingest_worker.audio.limits import SAMPLE_BYTES
from ingest_worker.domain import Sound
from ingest_worker.errors import StageError

_MOST_SAMPLES: Final = 1 << 40
"""Two years of them: more than any count of samples, packets or seconds that is true."""

_Count = Annotated[int, Field(ge=0, le=_MOST_SAMPLES)]


class _Decoded(BaseModel):
    """The child's last line about a file that it has decoded."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", allow_inf_nan=False)

    samples: _Count
    tracks: Annotated[int, Field(ge=1, le=_MOST_SAMPLES)]
    track: Annotated[int, Field(ge=1, le=_MOST_SAMPLES)]
    passed_over: ForeignLine
    damaged: _Count
    filled_seconds: Annotated[float, Field(ge=0, le=_MOST_SAMPLES)]
    clock_jumps: _Count
    open_ended: bool
    language: Language | None
    gain: Annotated[float, Field(gt=0, le=_MOST_SAMPLES)]


def checked(done: object, written: Path) -> tuple[int, Sound]:
    """The number of samples in the file, and which sound they are. Raises `StageError(UNDECODABLE)` for
    anything that no decoder says of what it has written."""
    try:
        found = _Decoded.model_validate(done)
        size = written.stat().st_size
    except (ValidationError, OSError) as error:
        raise _garbled() from error
    if size != found.samples * SAMPLE_BYTES:
        raise _garbled()
    sound = Sound(
        tracks=found.tracks,
        track=found.track,
        passed_over=found.passed_over,
        damaged_packets=found.damaged,
        filled_seconds=found.filled_seconds,
        clock_jumps=found.clock_jumps,
        open_ended=found.open_ended,
        language=found.language,
        gain=found.gain,
    )
    return found.samples, sound


def _garbled() -> StageError:
    return StageError(Reason.UNDECODABLE, "the media made the decoder say what no decoder says of its work")
