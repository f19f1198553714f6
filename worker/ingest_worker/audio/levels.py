"""How loud a mix is, and how much louder or quieter it should be. Pure.

Called by `pcm` with every block. Samples beyond full scale would be clipped when they become integers, a
voice on one of sixty channels is sixty times too quiet, and a faint sound would lie within the last few of 16
bits, though its source has more: 24 of a recorder, or the floats that AAC, MP3 and Opus decode to. All of it
shows only at the end, and is fixed by decoding once more with the gain that is reported here.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ingest_worker.domain import FloatArray

PIECE_SECONDS: Final = 0.01
"""The length of a piece: one peak is taken of each."""

_BINS_PER_OCTAVE: Final = 4
_LOWEST, _HIGHEST = -20, 40
"""Loudness bins in powers of two: from a fifteenth of a 16-bit step to 1/1000 of `LOUDEST_AMPLITUDE`."""
_BINS: Final = (_HIGHEST - _LOWEST) * _BINS_PER_OCTAVE

LOUDEST_AMPLITUDE: Final = float(1 << 40)
"""The limit to which a sample is clipped, and the value for infinity: 1.5 dB beyond the 32-bit integers that
some files store as floats."""

_RARE_SHARE: Final = 0.001
"""Share of pieces that may be louder: a click must not make everything else inaudible."""

_HOT_AMPLITUDE: Final = 2**0.25
"""A peak of lossy codecs is often 1 dB beyond full scale, and every player clips it. More than 1.5 dB is
another matter."""

_HOT_SHARE: Final = 0.01
_FAINT_RATIO: Final = 4.0
"""A mix quieter than its loudest channel by more (12 dB) has been weakened by channels that are silent."""

_SHALLOW_AMPLITUDE: Final = 2.0**-7
"""A peak (-42 dB) below which 16 bits have fewer than 9 for a sound: what the source has beyond them is kept
by a gain before they are rounded."""

_KEPT_AMPLITUDE: Final = 0.25
"""The peak that such a sound gets."""

_SILENT_AMPLITUDE: Final = 2.0**-14
"""Two steps of 16 bits: encoded zeros stay below it."""


class Levels:
    """Peaks of the mix and of its loudest channel, counted by loudness."""

    def __init__(self) -> None:
        self._mix: NDArray[np.int64] = np.zeros(_BINS, np.int64)
        self._channel: NDArray[np.int64] = np.zeros(_BINS, np.int64)
        self._peak = self._mix_peak = 0.0
        self.is_deep = False
        """Whether any of it was decoded to more than 16 bits. What a lossy codec keeps of a faint sound lies
        below them too: at -78 dB rounding leaves 17 dB to the voice, and before it there are 21 by Opus, 44
        by AAC and 73 by MP3."""

    @property
    def silent(self) -> bool:
        """Whether every channel contained nothing but digital silence."""
        return self._peak <= _SILENT_AMPLITUDE

    def heard(self, mixed: FloatArray, loudest: FloatArray, rate: int) -> None:
        """Count a block: (samples,) of the mix, and (samples,) of the largest magnitude in any channel."""
        self._peak = max(self._peak, float(loudest.max(initial=0.0)))
        piece = max(1, round(PIECE_SECONDS * rate))
        self._mix_peak = max(self._mix_peak, float(np.abs(mixed).max(initial=0.0)))
        self._mix += _counted(np.abs(mixed), piece)
        self._channel += _counted(loudest, piece)

    @property
    def gain(self) -> float:
        """The gain that the mix should get; 1 if it is right as it is."""
        mix, channel = _loud(self._mix), _loud(self._channel)
        if not mix:
            return 1.0
        if mix > _HOT_AMPLITUDE and _share_above(self._mix, _HOT_AMPLITUDE) > _HOT_SHARE:
            return 1 / mix
        lift = min(channel, 1.0) / mix if min(channel, 1.0) > _FAINT_RATIO * mix else 1.0
        if self.is_deep and lift * mix < _SHALLOW_AMPLITUDE:
            return max(lift, min(_KEPT_AMPLITUDE / mix, 1 / self._mix_peak))  # not even a click is clipped
        return lift


def _counted(samples: FloatArray, piece: int) -> NDArray[np.int64]:
    """(bins,) pieces by their peaks, without pieces of zeros."""
    peaks = np.maximum.reduceat(samples, np.arange(0, len(samples), piece))
    octaves = np.log2(np.maximum(peaks[peaks > 0], 2.0**_LOWEST))
    places = np.clip(np.ceil((octaves - _LOWEST) * _BINS_PER_OCTAVE), 0, _BINS - 1).astype(np.int64)
    return np.bincount(places, minlength=_BINS)


def _loud(counts: NDArray[np.int64]) -> float:
    """The peak that only a few pieces exceed, rounded up; 0 where there is no sound."""
    total = int(counts.sum())
    if not total:
        return 0.0
    place = int(np.searchsorted(np.cumsum(counts), np.ceil((1 - _RARE_SHARE) * total)))
    return float(2.0 ** (_LOWEST + place / _BINS_PER_OCTAVE))


def _share_above(counts: NDArray[np.int64], level: float) -> float:
    first = int(np.ceil((np.log2(level) - _LOWEST) * _BINS_PER_OCTAVE)) + 1
    return float(counts[first:].sum() / counts.sum())
