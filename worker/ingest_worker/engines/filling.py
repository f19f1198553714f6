"""Decodes speech without words again by itself, in ever smaller parts, until there are words or it is given
up and reported.

Called by `whisper` when every chunk is settled. Must not remove a word without one in its place.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from ingest_worker.domain import SAMPLE_RATE, FloatArray, Word
from ingest_worker.engines.chunks import FRAME_SAMPLES, Chunk, Flags, Span, halves
from ingest_worker.engines.decoding import Piece
from ingest_worker.engines.gaps import REACH_FRAMES, around, covered, gaps, stretches
from ingest_worker.engines.hearing import TEMPERATURES, DecodingSession, nobody
from ingest_worker.engines.loops import units
from ingest_worker.engines.quality import MAX_NO_SPEECH_PROBABILITY, fault_of
from ingest_worker.engines.words import apart, placed

ATTEMPTS: Final = 3
"""How often a gap is decoded again: with the words around it, by itself, in halves."""

SPARE_FACTOR: Final = 1.0
SPARE_PARTS: Final = 8
"""The most parts that are decoded for gaps: one for each chunk of the recording, and some. Each costs Whisper
as much as a chunk, however short it is, and an hour of songs is full of gaps; the longest come first, and
gaps that are not decoded again are reported."""

MIN_SECONDS: Final = 1.0
"""The shortest part that is worth decoding by itself."""

MORE_FRAMES: Final = round(0.25 * SAMPLE_RATE / FRAME_SAMPLES)
"""Frames of speech that new words must cover beyond those that they replace: a short word."""

DOUBLE_SECONDS: Final = 1.0
"""The largest distance between two copies of one word from two decodings."""

log = logging.getLogger(__name__)


@dataclass
class Filled:
    """The words of a recording, and the sounds that were decoded again for them."""

    words: list[Word]
    """In order, at times of the recording."""
    parts: set[Chunk] = field(default_factory=set)
    """Sounds that were decoded already."""
    again: set[Chunk] = field(default_factory=set)
    """Those of them that were decoded for a gap."""

    def touches(self, chunk: Chunk) -> bool:
        """Whether a part of a chunk was decoded again."""
        return any(
            a[0] < b[1] and b[0] < a[1] for part in self.again for a in part.spans for b in chunk.spans
        )


class Filling:
    """The second check of one recording: voice activity against words."""

    def __init__(
        self, session: DecodingSession, spans: Sequence[Span], speech: Flags, probabilities: FloatArray
    ) -> None:
        """`speech`: (frames,) in which somebody speaks and a word is expected."""
        self._session, self._spans, self._speech, self._probabilities = session, spans, speech, probabilities

    def fill(self, words: list[Word], heard: Sequence[Chunk]) -> Filled:
        """Decode every gap between the words again. `heard` are the sounds that were decoded already."""
        filled = Filled(words, set(heard))
        room = round(SPARE_FACTOR * len(heard)) + SPARE_PARTS
        for _ in range(ATTEMPTS):
            longest_first = sorted(self._untried(filled), key=lambda part: -part.seconds)
            parts = longest_first[: room - len(filled.again)]
            if not parts:
                break
            seconds = round(sum(part.seconds for part in parts), 1)
            log.info(
                "gaps are heard again", extra={"action": "hear-gaps", "parts": len(parts), "seconds": seconds}
            )
            for part, piece in zip(parts, self._session.decoded(parts, TEMPERATURES[0], nobody), strict=True):
                self._take(part, piece, filled)
            filled.parts |= set(parts)
            filled.again |= set(parts)
        return filled

    def empty(self, words: Sequence[Word]) -> list[tuple[float, float]]:
        """(start, end) in seconds of speech without a word."""
        return [
            (first * FRAME_SAMPLES / SAMPLE_RATE, last * FRAME_SAMPLES / SAMPLE_RATE)
            for gap in gaps(words, self._speech)
            for first, last in stretches(gap, self._speech)
        ]

    def _untried(self, filled: Filled) -> list[Chunk]:
        """What to decode for the remaining gaps, each smaller than what was decoded before.

        First with the words around the gap; then without them, because a decoder that ends where a speaker
        does writes the words before the gap and ends again.
        """
        parts: dict[Chunk, None] = {}
        for gap in gaps(filled.words, self._speech):
            again = any(part.holds(gap[0] * FRAME_SAMPLES / SAMPLE_RATE) for part in filled.again)
            for reach in (0, REACH_FRAMES) if again else (REACH_FRAMES,):
                wanted = around(gap, self._spans, self._probabilities, reach)
                smaller = [each for part in wanted for each in self._smaller(part, gap, filled.parts)]
                parts |= dict.fromkeys(smaller)
                if smaller:
                    break
        return list(parts)

    def _smaller(self, part: Chunk, gap: tuple[int, int], tried: set[Chunk]) -> list[Chunk]:
        """The part, or those of its halves (or their halves) that contain some of the gap: the first that was
        not decoded yet."""
        waiting, found = [part], []
        while waiting:
            part = waiting.pop()
            if part.seconds < MIN_SECONDS or not any(
                start < gap[1] * FRAME_SAMPLES and end > gap[0] * FRAME_SAMPLES for start, end in part.spans
            ):
                continue
            if part not in tried:
                found.append(part)
            elif len(smaller := halves(part, self._probabilities)) > 1:
                waiting += smaller
        return found

    def _take(self, part: Chunk, piece: Piece, filled: Filled) -> None:
        """Replace the words of a part by its new ones, if these cover more of its speech."""
        decoded, _ = piece
        if fault_of(decoded) is not None or decoded.no_speech > MAX_NO_SPEECH_PROBABILITY:
            return
        new = placed(self._session.words_of(piece, part.seconds), part)
        inside = [part.holds((word.start + word.end) / 2) for word in filled.words]
        old = [word for word, its in zip(filled.words, inside, strict=True) if its]
        if self._over(part, new) - self._over(part, old) >= MORE_FRAMES:
            outside = [word for word, its in zip(filled.words, inside, strict=True) if not its]
            filled.words = apart([*_without_doubles(outside, new), *new])

    def _over(self, part: Chunk, words: Sequence[Word]) -> int:
        """Frames of a part's speech that are covered by words."""
        first, last = part.spans[0][0] // FRAME_SAMPLES, -(-part.spans[-1][1] // FRAME_SAMPLES)
        over = covered(words, self._speech.size) if words else np.zeros(self._speech.size, np.bool_)
        return int((over & self._speech)[first:last].sum())


def _without_doubles(words: Sequence[Word], new: Sequence[Word]) -> list[Word]:
    """Removes the words beside the new ones that these repeat: the same word within a second, with a higher
    score there.

    A decoder that skips ahead often writes the last word before and the first one after with times of the
    other side.
    """
    before = max(
        (word for word in words if word.start <= new[0].start), key=lambda word: word.start, default=None
    )
    after = min(
        (word for word in words if word.start > new[0].start), key=lambda word: word.start, default=None
    )
    double = [
        old
        for old, fresh in ((before, new[0]), (after, new[-1]))
        if old is not None
        and units(old.text) == units(fresh.text)
        and old.probability < fresh.probability
        and max(fresh.start - old.end, old.start - fresh.end) < DOUBLE_SECONDS
    ]
    return [word for word in words if word not in double]
