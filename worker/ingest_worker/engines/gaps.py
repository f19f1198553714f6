"""Speech without a word: where the decoder stopped early or skipped ahead, and which sound to decode again.

Called by `filling`. Whisper without timestamps may end a piece anywhere: of a chunk with twenty-eight seconds
of speech it writes the first ten and the last word (faster-whisper#1179, vllm#53144). The mean pace of the
chunk still passes, so every stretch is checked. Pure: frames of voice activity and words at times of the
recording.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from ingest_worker.domain import SAMPLE_RATE, FloatArray, Word
from ingest_worker.engines.chunks import FRAME_SAMPLES, SILENCE_PROBABILITY, Chunk, Flags, Span, pack, within

Gap = tuple[int, int]
"""First frame of speech without a word, and one past the last."""

LONGEST_GAP_FRAMES: Final = round(0.6 * SAMPLE_RATE / FRAME_SAMPLES)
"""Frames of speech that may lie between two words: a drawn-out vowel, a breath that voice activity takes for
speech. Of a clause that is left out the alignment leaves little bare, because it lays the words beside it
over the rest: 1.4 s of five words, 1.0 s of "for a little while. My name" in a voice 50 dB below the one
before it. Of six recordings that were heard well, 0.5 s had no more parts decoded again than 1.0 s."""

SHORTEST_APART_FRAMES: Final = round(0.25 * SAMPLE_RATE / FRAME_SAMPLES)
"""Frames of speech that are a gap by themselves if no word is near: a short answer (silero-vad
`min_speech_duration_ms`)."""

NEAR_FRAMES: Final = round(0.5 * SAMPLE_RATE / FRAME_SAMPLES)
"""Frames between a word and speech that may be the word's: no alignment is further off in a pause."""

LONGEST_PAUSE_FRAMES: Final = round(1.0 * SAMPLE_RATE / FRAME_SAMPLES)
"""Frames of silence that do not count as speech without a word: people pause for less within a sentence."""

REACH_FRAMES: Final = round(4.0 * SAMPLE_RATE / FRAME_SAMPLES)
"""Frames around a gap that are searched for a pause to cut at: words next to it have uncertain times."""

INSIDE_FRAMES: Final = round(0.3 * SAMPLE_RATE / FRAME_SAMPLES)
"""Frames inside a gap in which that pause may lie."""


def covered(words: Sequence[Word], frames: int) -> Flags:
    """(frames,) whether a word lies over each frame."""
    edges = np.zeros(frames + 1, np.int64)
    for word in words:
        first = min(int(word.start * SAMPLE_RATE) // FRAME_SAMPLES, frames - 1)
        edges[first] += 1
        edges[min(frames, max(first + 1, -(-int(word.end * SAMPLE_RATE) // FRAME_SAMPLES)))] -= 1
    return np.cumsum(edges[:-1]) > 0


def gaps(words: Sequence[Word], speech: Flags, longest: int = LONGEST_GAP_FRAMES) -> list[Gap]:
    """Stretches with more than `longest` frames of speech between two words, before the first or after the
    last, in order; and shorter ones that stand alone."""
    over = covered(words, speech.size)
    bare = np.flatnonzero(speech & ~over)
    _, firsts, counts = np.unique(np.cumsum(over)[bare], return_index=True, return_counts=True)
    between = [
        (int(bare[first]), int(bare[first + count - 1]) + 1, int(count))
        for first, count in zip(firsts, counts, strict=True)
    ]
    alone = _alone(over, speech)
    return [
        gap
        for first, last, count in between
        for gap in ([(first, last)] if count > longest else [one for one in alone if first <= one[0] < last])
    ]


def _alone(over: Flags, speech: Flags) -> list[Gap]:
    """Stretches of speech that last as long as a short answer, with no word on them or near them."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], speech, [False]]).astype(np.int8)))
    return [
        (int(first), int(last))
        for first, last in edges.reshape(-1, 2)
        if last - first >= SHORTEST_APART_FRAMES
        and not over[max(0, first - NEAR_FRAMES) : last + NEAR_FRAMES].any()
    ]


def stretches(gap: Gap, speech: Flags) -> list[Gap]:
    """A gap without the longer pauses in it."""
    frames = gap[0] + np.flatnonzero(speech[gap[0] : gap[1]])
    cuts = np.flatnonzero(np.diff(frames) > LONGEST_PAUSE_FRAMES)
    firsts, lasts = frames[[0, *(cuts + 1)]], frames[[*cuts, -1]]
    return [(int(first), int(last) + 1) for first, last in zip(firsts, lasts, strict=True)]


def around(
    gap: Gap, spans: Sequence[Span], probabilities: FloatArray, reach: int = REACH_FRAMES
) -> tuple[Chunk, ...]:
    """The sound to decode again for a gap: its speech, from a pause at most `reach` frames before it to a
    pause as near after it, in pieces that fit Whisper."""
    first = _pause(gap[0], gap[0] - reach, gap[0] + INSIDE_FRAMES, probabilities)
    last = _pause(gap[1], gap[1] - INSIDE_FRAMES, gap[1] + reach, probabilities)
    return pack(within(spans, first * FRAME_SAMPLES, last * FRAME_SAMPLES), probabilities)


def _pause(frame: int, low: int, high: int, probabilities: FloatArray) -> int:
    """The quiet frame nearest to `frame` between two others, otherwise the quietest."""
    low, high = max(0, low), min(probabilities.size, high)
    near = probabilities[low:high]
    quiet = low + np.flatnonzero(near < SILENCE_PROBABILITY)
    if quiet.size:
        return int(quiet[np.argmin(np.abs(quiet - frame))])
    return low + int(np.argmin(near)) if near.size else frame
