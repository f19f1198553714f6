"""Many channels into one, without losing a voice: channels that a fixed downmix cancels or omits are mixed
another way. Pure.

Called by `pcm` block by block. A fixed mix is silent where two channels hold the same voice with opposite
signs (a microphone wired with reversed polarity), and libswresample's omits the fourth of six channels as a
cinema's subwoofer, but a recorder's fourth microphone is not one.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import numpy as np

from ingest_worker.domain import FloatArray

BLOCK_SECONDS: Final = 0.25
"""Length of one decision about the channels: a syllable or two, so that people who speak in turn each get
their own."""

_FADE_SECONDS: Final = 0.02
"""Length of the transition between two decisions: no click, and no word is lost."""

_OPPOSED_CORRELATION: Final = -0.5
"""Correlation below which a channel cancels more of the mix than it adds. Two of the demo's three voices at
once, in all pairs and at nine distances, lie between -0.22 and 0.33 in 1,301 blocks."""

_LOYALTY_RATIO: Final = 2.0
"""How much louder another channel must be before it replaces the leading one: leads that change too often
would fade through silence."""

_FRONT, _CENTRE, _ELSEWHERE = 0.7071, 1.0, 0.5

_WEIGHTS: Final[Mapping[str, float]] = MappingProxyType(
    {"FC": _CENTRE, **dict.fromkeys(("FL", "FR", "FLC", "FRC", "DL", "DR"), _FRONT)}
)
"""ITU-R BS.775's downmix as libswresample has it (`rematrix.c`): 0 dB for the centre, -3 dB in front, -6 dB
elsewhere. The subwoofer's channel counts like the other -6 dB channels: recorders with six microphones write
a cinema's layout."""

_UNTOLD: Final = frozenset({"NONE", "UNK", "UNSD"})
"""How libavutil names a channel whose position is not stated; for an ambisonic one it gives the number."""


def weights(names: Sequence[str]) -> FloatArray:
    """(channels,) shares of the channels in the mix, summing to 1. Where the file does not say what the
    channels are, all have the same.

    Args:
        names: libavutil's short names, such as `FL`.
    """
    announced = not any(name in _UNTOLD or name.startswith(("AMBI", "USR")) for name in names)
    parts = np.array([_WEIGHTS.get(name, _ELSEWHERE) if announced else 1.0 for name in names], np.float32)
    return _normalised(parts)


def _normalised(parts: FloatArray) -> FloatArray:
    shares: FloatArray = parts / parts.sum()
    return shares


class Mixer:
    """The mix of one stream of blocks; it keeps the shares of the last block."""

    def __init__(self, shares: FloatArray, rate: int) -> None:
        """`shares` as returned by `weights`; `rate` in samples per second."""
        self._shares = shares
        self._fade = round(_FADE_SECONDS * rate)
        self._now: FloatArray | None = None

    def mix(self, block: FloatArray) -> FloatArray:
        """(samples,) from (channels, samples)."""
        if len(self._shares) == 1:
            only: FloatArray = block[0]
            return only
        before, self._now = self._now, self._chosen(block)
        mixed: FloatArray = self._now @ block
        fade = min(self._fade, block.shape[1])
        if before is not None and fade and not np.array_equal(before, self._now):
            rise = np.linspace(0, 1, fade, endpoint=False, dtype=np.float32)
            mixed[:fade] = rise * mixed[:fade] + (1 - rise) * (before @ block[:, :fade])
        return mixed

    def _chosen(self, block: FloatArray) -> FloatArray:
        """The channels' shares in one block: channels are added from the loudest down, unless they cancel the
        mix so far.

        The shares of omitted channels go to the others.
        """
        loudness = np.einsum("cs,cs->c", block, block)
        ranks = (
            loudness * self._shares
            if self._now is None
            else loudness * self._shares * np.where(self._now > 0, _LOYALTY_RATIO, 1)
        )
        kept = np.zeros(len(self._shares), bool)
        mixed = np.zeros(block.shape[1], np.float32)
        for channel in np.argsort(-ranks, kind="stable"):
            size = float(np.sqrt(loudness[channel] * (mixed @ mixed)))
            if float(mixed @ block[channel]) >= _OPPOSED_CORRELATION * size:
                kept[channel] = True
                mixed += self._shares[channel] * block[channel]
        return _normalised(np.where(kept, self._shares, np.float32(0)))
