"""A recording as networks get it: a faint one is amplified, because they know ordinary levels.

Called by the Whisper adapter, by voice activity and by speaker segmentation. One gain for all of a recording:
one that follows the sound would lift the noise in pauses.
"""

from collections.abc import Iterable, Iterator
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from ingest_worker.domain import Audio, FloatArray
from ingest_worker.engines.chunks import FRAME_SAMPLES

Samples = NDArray[np.int16]

BLOCK_FRAMES: Final = 1024
"""Frames that are measured at once: half a minute."""

LOUD_SHARE: Final = 0.99
"""Share of frames that are quieter than a recording's level: clicks do not count."""

LEVEL_AMPLITUDE: Final = 0.05
"""The level (root mean square of such a frame, of full scale) to which a fainter recording is amplified: that
of the telephone call of `bench.hearing` as it was recorded. Of this, Silero finds all of a voice at 0.002,
three quarters at 0.0007 and none at 0.0002; through ADPCM, whose errors have fixed sizes, it misses whole
sentences already at 0.006. pyannote finds 19 s instead of 32 s of `two_cities` at -60 dB, and 31 s amplified.
White noise stays noise at any level."""

LOUDEST_SHARE: Final = 0.999
"""Share of frames that are quieter than the loudest ones that count: of three hours the loudest eleven
seconds do not, and of a call of half a minute one frame."""

HEADROOM_FACTOR: Final = 4.0
"""How far above `LEVEL_AMPLITUDE` these may be lifted: in hours of quiet with a minute of ordinary speech,
the speech must not be driven out of the range that the network knows."""


class Waveform(Protocol):
    """A recording that is read in parts."""

    samples: int

    def between(self, first: int, last: int) -> FloatArray:
        """(n,) float32 in -1..1 between two samples, cut at the recording's ends."""


class Amplified:
    """A recording's sound, at an ordinary level.

    The file is mapped anew for each part that is read. Pages that were read through a mapping count as this
    process's memory for as long as it lasts: 115 MB for each hour, of a recording that is read to its end.
    """

    def __init__(self, audio: Audio) -> None:
        self.samples, self._audio = audio.samples, audio
        self.gain = gain_of(self._blocks(audio.samples // FRAME_SAMPLES * FRAME_SAMPLES))

    def between(self, first: int, last: int) -> FloatArray:
        """(n,) float32 in -1..1 between two samples, cut at the recording's ends."""
        sound = self._audio.pcm()[max(0, first) : last].astype(np.float32)
        sound *= np.float32(self.gain / 32_768)
        return np.clip(sound, -1, 1, out=sound)

    def levels(self) -> FloatArray:
        """(frames,) root mean square of each frame, relative to full scale; the last one is padded with
        silence."""
        return levels_of(self._blocks(self.samples)) * np.float32(self.gain)

    def _blocks(self, samples: int) -> Iterator[Samples]:
        size = BLOCK_FRAMES * FRAME_SAMPLES
        return (
            self._audio.pcm()[first : min(first + size, samples)].copy() for first in range(0, samples, size)
        )


def levels_of(blocks: Iterable[Samples]) -> FloatArray:
    """(frames,) root mean square of each frame, relative to full scale.

    Args:
        blocks: the sound, one stretch after another, each of whole frames; the last one is padded with
            silence.
    """
    frames = (
        np.pad(block.astype(np.float32), (0, -block.size % FRAME_SAMPLES)).reshape(-1, FRAME_SAMPLES)
        for block in blocks
    )
    squares = [np.zeros(0, np.float32), *((frame**2).mean(axis=1) for frame in frames)]
    levels: FloatArray = np.sqrt(np.concatenate(squares)) / np.float32(32_768)
    return levels


def gain_of(blocks: Iterable[Samples]) -> float:
    """The gain of a network's input; 1 except for faint recordings, and 1 for those without any sound.

    Args:
        blocks: the sound, as for `levels_of`.
    """
    levels = levels_of(blocks)
    if not levels.size:
        return 1.0
    loud, loudest = (float(each) for each in np.quantile(levels, (LOUD_SHARE, LOUDEST_SHARE)))
    if not 0 < loud < LEVEL_AMPLITUDE:
        return 1.0
    return min(LEVEL_AMPLITUDE / loud, max(1.0, HEADROOM_FACTOR * LEVEL_AMPLITUDE / loudest))
