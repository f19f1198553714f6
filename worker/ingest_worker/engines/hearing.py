"""Decodes one recording: every chunk once, and unreliable chunks again, in other ways.

Called by `whisper`. A piece that fails a gate is decoded again together with all others that failed: at
higher temperatures, then in halves. One that repeats itself is first compared with its halves: if both have
the same text, it was said. Must not drop a piece without returning it.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from ingest_worker.domain import FloatArray, Word
from ingest_worker.engines.chunks import Chunk, halves
from ingest_worker.engines.decoding import Engine, Piece, Task
from ingest_worker.engines.gain import Waveform
from ingest_worker.engines.loops import heard_alike, may_be_said
from ingest_worker.engines.quality import DEGENERATE, IN_CIRCLES, Decoded, fault_of, is_silence
from ingest_worker.engines.words import joined, timed
from ingest_worker.memory import BatchRunner
from ingest_worker.ports import Report

TEMPERATURES: Final = (0.0, 0.4, 0.8)
"""Temperatures of a piece's decodings: every other step of openai/whisper's fallback, because the same steps
are repeated for its halves."""

log = logging.getLogger(__name__)


@dataclass
class Decodings:
    """The results so far, by chunk."""

    words: dict[Chunk, list[Word]] = field(default_factory=dict)
    """Accepted words, at times of the chunk's sound."""
    doubtful: dict[Chunk, Piece] = field(default_factory=dict)
    """The best decoding of a piece that failed a gate but is not degenerate."""
    circling: dict[Chunk, Piece] = field(default_factory=dict)
    """The first decoding of a piece that repeats itself, with times for its words."""
    silent: list[Chunk] = field(default_factory=list)
    """Pieces in which the model detected no speech."""
    ballots: dict[Chunk, Mapping[str, float]] = field(default_factory=dict)
    """The language of each piece by its own sound, from the first decoding; empty if the model knows one
    language only."""


class DecodingSession:
    """The decoding of one recording."""

    def __init__(
        self, engine: Engine, runner: BatchRunner, sound: Waveform, task: Task, probabilities: FloatArray
    ) -> None:
        self._engine, self._runner, self._sound, self._task, self._probabilities = (
            engine,
            runner,
            sound,
            task,
            probabilities,
        )
        self._settled: dict[Chunk, str] = {}

    @property
    def follows(self) -> bool:
        """Whether sounds that are surely in another language than the recording's are decoded in that
        language."""
        return self._task.follow

    def ballots(self, chunks: Sequence[Chunk]) -> list[Mapping[str, float]]:
        """For each chunk the probability of every language."""
        return self._runner.map(
            chunks, lambda unit: self._engine.language_of([sound_of(self._sound, chunk) for chunk in unit])
        )

    def decoded(self, chunks: Sequence[Chunk], temperature: float, report: Report) -> list[Piece]:
        """Each chunk's decoding."""

        def work(unit: Sequence[Chunk]) -> list[Piece]:
            known = {chunk: self._known(chunk) for chunk in unit}
            found: dict[Chunk, Piece] = {}
            for language in dict.fromkeys(known.values()):
                alike = [chunk for chunk in unit if known[chunk] == language]
                found |= zip(alike, self._in_language(alike, language, temperature), strict=True)
            return [found[chunk] for chunk in unit]

        return self._runner.map(chunks, work, done=lambda n: report(n / len(chunks)))

    def settle(self, chunk: Chunk, language: str) -> None:
        """Decode this sound, and every part of it, in a language that is known already: as a whole it may be
        sure of none, or of its neighbour's."""
        self._settled[chunk] = language

    def _known(self, chunk: Chunk) -> str | None:
        first = chunk.spans[0][0]
        return next((language for part, language in self._settled.items() if part.has(first)), None)

    def _in_language(self, chunks: Sequence[Chunk], language: str | None, temperature: float) -> list[Piece]:
        """Decodings in one language; None where each sound may decide."""
        task = self._task if language is None else replace(self._task, language=language, follow=False)
        pieces = self._engine.decode([sound_of(self._sound, chunk) for chunk in chunks], task, temperature)
        if language is None:
            return pieces
        ordinary = self._task.language
        return [(decoded.spoken_in(language, ordinary, decoded.ballot), words) for decoded, words in pieces]

    def hear(
        self, chunks: Sequence[Chunk], hearing: Decodings, temperature: float, report: Report
    ) -> list[Chunk]:
        """Decode every chunk once; accepted results go into `hearing`. Returns the other chunks."""
        pieces = self.decoded(chunks, temperature, report)
        for chunk, (decoded, _) in zip(chunks, pieces, strict=True):
            hearing.ballots.setdefault(chunk, decoded.ballot)
        return [
            chunk
            for chunk, piece in zip(chunks, pieces, strict=True)
            if not self._believe(chunk, piece, hearing)
        ]

    def forget(self, chunk: Chunk, hearing: Decodings) -> None:
        """Discard all results of a chunk: other results will replace them."""
        for kept in (hearing.words, hearing.doubtful, hearing.circling, hearing.ballots):
            kept.pop(chunk, None)
        hearing.silent = [silent for silent in hearing.silent if silent != chunk]

    def mend(self, failed: Sequence[Chunk], hearing: Decodings) -> list[Chunk]:
        """Decode failed chunks again: in halves those that repeat themselves, others at higher temperatures,
        then in halves. Returns the lost ones."""
        failed = [chunk for chunk in failed if not self._said_twice(chunk, hearing)]
        for temperature in TEMPERATURES[1:]:
            failed = self.hear(failed, hearing, temperature, nobody)
        lost: list[Chunk] = []
        for chunk in failed:
            lost += self._in_halves(chunk, hearing)
        return lost

    def words_of(self, piece: Piece, seconds: float) -> list[Word]:
        """A decoding's words, with corrected times, and with the language in which they were decoded."""
        language = piece[0].language or self._task.language
        return [replace(word, language=language) for word in timed(joined(piece[1], language), seconds)]

    def _said_twice(self, chunk: Chunk, hearing: Decodings) -> bool:
        """Whether a chunk that repeats itself does so in its halves too, which then replace it."""
        if chunk not in hearing.circling or not may_be_said(hearing.circling[chunk][0].text):
            return False
        parts = halves(chunk, self._probabilities)
        pieces = self.decoded(parts, TEMPERATURES[0], nobody)
        alike = all(_is_possible(decoded) for decoded, _ in pieces) and heard_alike(
            hearing.circling[chunk][0].text, " ".join(decoded.text for decoded, _ in pieces)
        )
        if alike:
            log.info(
                "a repetition is believed",
                extra={"action": "believe-repetition", "seconds": round(chunk.seconds, 1)},
            )
            for part, piece in zip(parts, pieces, strict=True):
                self._accept(part, piece, hearing)
        return alike

    def _in_halves(self, chunk: Chunk, hearing: Decodings) -> list[Chunk]:
        """Decode a chunk's halves in its place. Returns the parts that stay degenerate, unless there is a
        doubtful decoding of the whole."""
        parts = halves(chunk, self._probabilities)
        attempt = Decodings()
        failed: Sequence[Chunk] = parts
        for temperature in TEMPERATURES if len(parts) > 1 else ():
            failed = self.hear(failed, attempt, temperature, nobody)
        lost = [part for part in failed if part not in attempt.doubtful]
        if chunk in hearing.doubtful and failed:
            self._accept(chunk, hearing.doubtful[chunk], hearing)
            return []
        for part in failed:
            if part in attempt.doubtful:
                self._accept(part, attempt.doubtful[part], attempt)
        hearing.words |= attempt.words
        hearing.silent += attempt.silent
        return lost

    def _believe(self, chunk: Chunk, piece: Piece, hearing: Decodings) -> bool:
        """Whether a chunk is settled by this decoding."""
        decoded, _ = piece
        if is_silence(decoded):
            hearing.silent.append(chunk)
            return True
        fault = fault_of(decoded)
        if fault is None:
            self._accept(chunk, piece, hearing)
            return True
        facts = {
            "fault": fault.value,
            "seconds": round(decoded.seconds, 1),
            "logprob": round(decoded.logprob, 2),
        }
        log.info("a piece is decoded again: %s", fault.value, extra={"action": "decode-again", **facts})
        if fault in IN_CIRCLES:
            hearing.circling.setdefault(chunk, piece)
        best = hearing.doubtful.get(chunk)
        if fault not in DEGENERATE and (best is None or decoded.logprob > best[0].logprob):
            hearing.doubtful[chunk] = piece
        return False

    def _accept(self, chunk: Chunk, piece: Piece, hearing: Decodings) -> None:
        hearing.words[chunk] = self.words_of(piece, chunk.seconds)


def sound_of(sound: Waveform, chunk: Chunk) -> FloatArray:
    """(samples,) float32 in -1..1: the chunk's spans, one after the other."""
    return np.concatenate([sound.between(start, end) for start, end in chunk.spans])


def nobody(_: float) -> None:
    """Further decodings report no progress: their share of the work is not known in advance."""


def _is_possible(decoded: Decoded) -> bool:
    """Whether a decoding can be what was said, but for repeating itself."""
    return not is_silence(decoded) and (fault_of(decoded) is None or fault_of(decoded) in IN_CIRCLES)
