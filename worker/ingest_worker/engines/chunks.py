"""Pieces of speech for Whisper: at most 30 seconds each, cut where nobody speaks, without the silence between
them.

Called by the Whisper adapter with the voice activity of a whole recording. Pure: it sees probabilities and
numbers of samples, no sound.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, islice, takewhile
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ingest_worker.domain import SAMPLE_RATE, FloatArray

Span = tuple[int, int]
"""First sample and one past the last."""

Flags = NDArray[np.bool_]

FRAME_SAMPLES: Final = 512
"""Samples per probability of voice activity at 16 kHz (silero-vad v5 and v6)."""

SPEECH_PROBABILITY: Final = 0.5
"""Probability above which a frame is speech (silero-vad `get_speech_timestamps`)."""

SILENCE_PROBABILITY: Final = 0.35
"""Probability below which a frame of speech may be its end: 0.15 less (silero-vad)."""

MIN_SILENCE_FRAMES: Final = round(0.160 * SAMPLE_RATE / FRAME_SAMPLES)
"""Frames of silence that end a span: 160 ms (faster-whisper `BatchedInferencePipeline`)."""

PAD_SAMPLES: Final = round(0.4 * SAMPLE_RATE)
"""Samples kept around each span: 400 ms (faster-whisper `VadOptions`). Word ends are quiet."""

LEAD_SAMPLES: Final = round(0.2 * SAMPLE_RATE)
"""Samples of silence before each chunk. If a window begins with a word, Whisper often leaves out the first
words, and where two words are closer than two pads a chunk does begin so ("... or in short" at a joint:
neither chunk had it)."""

LONGEST_SAMPLES: Final = 30 * SAMPLE_RATE - LEAD_SAMPLES
"""Samples that one pass of Whisper takes: its encoder's window (Radford et al. 2022, 2.1), less the silence
before them."""

EARLIEST_CUT_SAMPLES: Final = LONGEST_SAMPLES * 2 // 3
"""A chunk this full ends at the longest pause in the rest, so that it ends with a sentence rather than with
the last span that fits."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Spans of one recording, in order, decoded as one piece of sound without the silence between them."""

    spans: tuple[Span, ...]

    @property
    def samples(self) -> int:
        """Length of the sound."""
        return sum(end - start for start, end in self.spans)

    @property
    def seconds(self) -> float:
        """Length of the sound."""
        return self.samples / SAMPLE_RATE

    def holds(self, second: float) -> bool:
        """Whether a time of the recording lies in the chunk's sound."""
        return self.has(round(second * SAMPLE_RATE))

    def has(self, sample: int) -> bool:
        """Whether a sample of the recording is in the chunk. A sample over the rate and back is often a
        little less than itself (256,256 at 16 kHz), and so in the chunk before."""
        return any(start <= sample < end for start, end in self.spans)

    def original(self, start: float, end: float) -> tuple[float, float]:
        """The place of a stretch of the chunk's sound in the recording, in seconds.

        A stretch across a joint is cut to the span that contains its middle: no word crosses the silence that
        was left out.
        """
        offsets = [0, *accumulate(last - first for first, last in self.spans)]
        middle = (start + end) / 2 * SAMPLE_RATE
        index = min(int(np.searchsorted(offsets, middle, side="right")) - 1, len(self.spans) - 1)
        first, last = (edge / SAMPLE_RATE for edge in self.spans[index])
        shift = first - offsets[index] / SAMPLE_RATE
        return max(first, start + shift), min(last, end + shift)


def speech_spans(probabilities: FloatArray, samples: int) -> tuple[Span, ...]:
    """Where somebody speaks: padded, disjoint, in order, each at most `LONGEST_SAMPLES`.

    Silero's hysteresis, but a span that is too long is cut at its quietest frame instead of at its last short
    pause.
    """
    bare = _hysteresis(probabilities, samples)
    starts = [max(0, start - PAD_SAMPLES) for start, _ in bare]
    ends = [min(samples, end + PAD_SAMPLES) for _, end in bare]
    for i in range(len(bare) - 1):
        if ends[i] > starts[i + 1]:  # less silence than two pads: the two spans share it
            ends[i] = starts[i + 1] = (bare[i][1] + bare[i + 1][0]) // 2
    return tuple(
        part for span in zip(starts, ends, strict=True) for part in _short_enough(span, probabilities)
    )


def pack(spans: tuple[Span, ...], probabilities: FloatArray) -> tuple[Chunk, ...]:
    """Chunks of at most `LONGEST_SAMPLES`, in order, every span in exactly one of them."""
    chunks: list[Chunk] = []
    first = 0
    while first < len(spans):
        ends = list(
            takewhile(
                lambda length: length <= LONGEST_SAMPLES,
                accumulate(end - start for start, end in islice(spans, first, None)),
            )
        )
        last = first + len(ends) - 1
        if last + 1 < len(spans):
            full = [first + i for i, length in enumerate(ends) if length >= EARLIEST_CUT_SAMPLES] or [last]
            last = max(full, key=lambda i: (_pause(spans[i][1], spans[i + 1][0], probabilities), i))
        chunks.append(Chunk(spans[first : last + 1]))
        first = last + 1
    return tuple(chunks)


def _pause(end: int, start: int, probabilities: FloatArray) -> int:
    """Frames without speech between two spans, with the silent part of their padding: most pauses are shorter
    than two pads."""
    first, last, pad = end // FRAME_SAMPLES, start // FRAME_SAMPLES, PAD_SAMPLES // FRAME_SAMPLES
    return (
        last
        - first
        + _quiet(probabilities[max(0, first - pad) : first][::-1])
        + _quiet(probabilities[last : last + pad])
    )


def _quiet(probabilities: FloatArray) -> int:
    """How many frames come before the first one that may be speech."""
    loud = np.flatnonzero(probabilities >= SILENCE_PROBABILITY)
    return int(loud[0]) if loud.size else probabilities.size


def halves(chunk: Chunk, probabilities: FloatArray) -> tuple[Chunk, ...]:
    """The chunk cut in two at its quietest frame between a quarter and three quarters; the chunk itself if it
    is shorter than four frames."""
    frames = [
        frame
        for start, end in chunk.spans
        for frame in range(-(-start // FRAME_SAMPLES), end // FRAME_SAMPLES)
    ]
    middle = frames[len(frames) // 4 : len(frames) * 3 // 4]
    if not middle:
        return (chunk,)
    cut = min(middle, key=lambda frame: float(probabilities[frame])) * FRAME_SAMPLES
    left = tuple((start, min(end, cut)) for start, end in chunk.spans if start < cut)
    right = tuple((max(start, cut), end) for start, end in chunk.spans if end > cut)
    return tuple(Chunk(part) for part in (left, right) if part)


def voiced(probabilities: FloatArray, samples: int) -> Flags:
    """(frames,) whether somebody speaks in each frame: `speech_spans` without the padding."""
    flags = np.zeros(probabilities.size, np.bool_)
    for start, end in _hysteresis(probabilities, samples):
        flags[start // FRAME_SAMPLES : -(-end // FRAME_SAMPLES)] = True
    return flags


def within(spans: Sequence[Span], first: int, last: int) -> tuple[Span, ...]:
    """The part of the spans between two samples."""
    return tuple((max(start, first), min(end, last)) for start, end in spans if start < last and end > first)


def _hysteresis(probabilities: FloatArray, samples: int) -> list[Span]:
    spans: list[Span] = []
    start = quiet = None
    for frame, probability in enumerate(probabilities.tolist()):
        if probability >= SPEECH_PROBABILITY:
            start, quiet = frame if start is None else start, None
        elif start is not None and probability < SILENCE_PROBABILITY:
            quiet = frame if quiet is None else quiet
            if frame - quiet >= MIN_SILENCE_FRAMES:
                spans.append((start * FRAME_SAMPLES, quiet * FRAME_SAMPLES))
                start = quiet = None
    if start is not None:
        spans.append((start * FRAME_SAMPLES, samples))
    return spans


def _short_enough(span: Span, probabilities: FloatArray) -> list[Span]:
    """The span, cut at quiet frames until each part fits one pass. Parts are at least half a pass long, so
    that words keep context."""
    start, end = span
    parts: list[Span] = []
    while end - start > LONGEST_SAMPLES:
        first, last = (
            -(-(start + LONGEST_SAMPLES // 2) // FRAME_SAMPLES),
            (start + LONGEST_SAMPLES) // FRAME_SAMPLES,
        )
        cut = (first + int(np.argmin(probabilities[first:last]))) * FRAME_SAMPLES
        parts.append((start, cut))
        start = cut
    return [*parts, (start, end)]
