"""Soft voices among loud ones: voice activity looks a second time where it found nobody, at an ordinary
level, and soft speech is made louder for Whisper.

Called by the Whisper adapter. Silero knows ordinary levels and carries its state along: of a voice 30 dB
below the one before it, it finds a tenth, and of one 40 dB below nothing. A gain for the whole recording
(`gain`) does not help there, and one that follows the sound would lift the noise in pauses: here each stretch
without speech has a gain of its own while voice activity looks, and only what it takes for speech keeps one.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from ingest_worker.domain import SAMPLE_RATE, FloatArray
from ingest_worker.engines.chunks import FRAME_SAMPLES, Flags, Span, voiced
from ingest_worker.engines.gain import LEVEL_AMPLITUDE, Amplified, Waveform
from ingest_worker.engines.vad import speech_probabilities
from ingest_worker.ports import Report

MIN_STRETCH_FRAMES: Final = round(0.5 * SAMPLE_RATE / FRAME_SAMPLES)
"""The shortest pause that is searched: a word with some silence around it."""

BLOCK_FRAMES: Final = round(8.0 * SAMPLE_RATE / FRAME_SAMPLES)
"""Frames that have one gain: a remark in a long silence is not measured by the silence."""

LOUD_SHARE: Final = 0.95
"""Share of a block's frames, and of a span's, that are quieter than its level."""

EDGE_FRAMES: Final = round(0.1 * SAMPLE_RATE / FRAME_SAMPLES)
"""Frames at both ends of a stretch that do not count for its level: the loud word beside it dies away there.
As many before and after soft speech are made louder with it."""

QUIETEST_AMPLITUDE: Final = 1e-4
"""Root mean square, of full scale, below which a stretch is not searched: three steps of 16 bits."""

MIN_SPEECH_FRAMES: Final = round(0.25 * SAMPLE_RATE / FRAME_SAMPLES)
"""The shortest speech that is found so (silero-vad `min_speech_duration_ms`); shorter is a word's tail."""

SOFT_FACTOR: Final = 8.0
"""How far below the recording's speech a span may stay (18 dB): the spans of two people on the telephone
differ by so much, and raising these cost `sample` words."""

RAISED_FACTOR: Final = 2.0
"""How far below it softer spans are raised to (6 dB)."""


@dataclass(frozen=True, slots=True)
class Lift:
    """Samples that are multiplied by a gain."""

    first: int
    last: int
    gain: float


class Levelled:
    """A sound in which some stretches are made louder."""

    def __init__(self, sound: Waveform, lifts: Sequence[Lift]) -> None:
        """`lifts` are in order and do not overlap."""
        self.samples = sound.samples
        self._sound, self._lifts = sound, lifts
        self._ends = [lift.last for lift in lifts]

    def between(self, first: int, last: int) -> FloatArray:
        """(n,) float32 in -1..1 between two samples, cut at the recording's ends."""
        sound, begin = self._sound.between(first, last), max(0, first)
        for lift in self._lifts[bisect_right(self._ends, begin) :]:
            if lift.first >= last:
                break
            sound[max(0, lift.first - begin) : lift.last - begin] *= np.float32(lift.gain)
        return np.clip(sound, -1, 1, out=sound)


def listened(sound: Amplified, report: Report) -> tuple[Levelled, FloatArray]:
    """The sound with soft speech made louder, and (frames,) the probability of speech in each frame."""
    first = speech_probabilities(sound, report)
    levels = sound.levels()
    loud = voiced(first, sound.samples)
    stretches = [run for run in _runs(~loud) if run[1] - run[0] >= MIN_STRETCH_FRAMES]
    again = _again(sound, stretches, levels)
    soft = _lasting(voiced(again, sound.samples))
    found = np.where(soft, np.maximum(first, again), first)
    return Levelled(sound, _lifts(_runs(loud), _runs(soft & ~loud), levels)), found


def _again(sound: Amplified, stretches: Sequence[Span], levels: FloatArray) -> FloatArray:
    """(frames,) probability of speech in stretches (first frame, one past the last) at an ordinary level; 0
    elsewhere."""
    found = np.zeros(levels.size, np.float32)
    for first, last in stretches:
        edges = (
            np.linspace(first, last, 1 + max(1, round((last - first) / BLOCK_FRAMES))).astype(int).tolist()
        )
        lifts = [
            Lift(
                begin * FRAME_SAMPLES,
                end * FRAME_SAMPLES,
                _gain(levels[max(begin, first + EDGE_FRAMES) : min(end, last - EDGE_FRAMES)], sound.gain),
            )
            for begin, end in pairwise(edges)
        ]
        if any(lift.gain > 1 for lift in lifts):
            found[first:last] = speech_probabilities(Levelled(sound, lifts), lambda _: None, first, last)
    return found


def _gain(levels: FloatArray, before: float) -> float:
    """The gain that brings a block to an ordinary level; 1 if it is there, or next to silent."""
    level = float(np.quantile(levels, LOUD_SHARE)) if levels.size else 0.0
    return max(1.0, LEVEL_AMPLITUDE / level) if level > QUIETEST_AMPLITUDE * before else 1.0


def _lifts(loud: Sequence[Span], soft: Sequence[Span], levels: FloatArray) -> list[Lift]:
    """Gains for spans of speech (first frame, one past the last) that are far softer than the recording's."""
    speech = [levels[first:last] for first, last in (loud or soft)]
    ordinary = float(np.quantile(np.concatenate(speech), LOUD_SHARE)) if speech else 0.0
    spans = sorted([*loud, *soft])
    lifts = []
    for i, (first, last) in enumerate(spans):
        level = float(np.quantile(levels[first:last], LOUD_SHARE))
        if 0 < level < ordinary / SOFT_FACTOR:
            before = spans[i - 1][1] if i else 0
            after = spans[i + 1][0] if i + 1 < len(spans) else levels.size
            begin = max(first - EDGE_FRAMES, -(-(before + first) // 2))
            end = min(last + EDGE_FRAMES, (last + after) // 2)
            lifts.append(Lift(begin * FRAME_SAMPLES, end * FRAME_SAMPLES, ordinary / RAISED_FACTOR / level))
    return lifts


def _lasting(flags: Flags) -> Flags:
    """Flags without runs that are too short for speech."""
    kept = np.zeros_like(flags)
    for first, last in _runs(flags):
        kept[first:last] = last - first >= MIN_SPEECH_FRAMES
    return kept


def _runs(flags: Flags) -> list[Span]:
    """First frame and one past the last of each run of true flags."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [(int(first), int(last)) for first, last in edges.reshape(-1, 2)]
