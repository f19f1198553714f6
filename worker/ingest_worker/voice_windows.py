"""What the diarizer heard before it grouped it: for each of its windows who is active, and one voice vector
for each of them.

Kept with a diarization, so that enrolled voices are judged by window and a recording can be judged again
without its audio. Pure data. An hour of talk takes about 1.5 MB.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Bits = NDArray[np.bool_]
Small = NDArray[np.int8]
Numbers = NDArray[np.int16]

NOBODY: Final = -1
"""Speaker of a slot in which nobody speaks, or that clustering gave to nobody."""

MAX_WINDOWS: Final = 50_000
"""Windows that are kept of a recording: thirteen hours, an hour more than the longest recording that a
profile allows unless it says otherwise, or about 20 MB. Of a longer recording none are kept, and its voices
are judged by speaker alone."""

LARGEST: Final = 127


@dataclass(frozen=True, slots=True, eq=False)
class VoiceWindows:
    """The windows of a recording, one after the other, each longer than the step between them."""

    active: Bits
    """(windows, frames, slots) which of a window's local speakers is active in which frame."""
    vectors: Small
    """(windows, slots, dimension) voice vectors, each scaled so that its largest number is 127: only the
    direction counts. Zeros where there is none."""
    speakers: Numbers
    """(windows, slots) speaker of each slot, or `NOBODY`."""
    step: float
    """Seconds from one window to the next."""
    frame: float
    """Seconds from one frame to the next."""
    offset: float
    """Seconds from a window's start to the middle of its first frame."""

    def first_frame(self, window: int) -> int:
        """The recording's frame with which a window begins."""
        return round(window * self.step / self.frame)

    def frame_at(self, seconds: float) -> int:
        """The recording's frame that begins at a time."""
        return max(0, round((seconds - self.offset) / self.frame))

    @property
    def frames(self) -> int:
        """Frames of the recording."""
        return self.first_frame(len(self.active) - 1) + self.active.shape[1] if len(self.active) else 0

    def clean(self) -> Bits:
        """(windows, frames, slots) as `active`, but only where nobody else is."""
        alone: Bits = np.logical_and(self.active, self.active.sum(2, keepdims=True) == 1)
        return alone

    def heard(self) -> Bits:
        """(windows, slots) whether a slot has a vector."""
        present: Bits = np.any(self.vectors, axis=2)
        return present


def scaled(vectors: NDArray[Any]) -> Small:
    """Vectors as `VoiceWindows` keeps them: rounding moves a cosine by about 0.0005. Rows that are zero or
    not finite become zeros."""
    largest = np.abs(vectors).max(-1, keepdims=True)
    usable = np.isfinite(largest) & (largest > 0)
    rows = np.where(usable, vectors, 0) * (LARGEST / np.where(usable, largest, 1))
    rounded: Small = np.rint(rows).astype(np.int8)
    return rounded
