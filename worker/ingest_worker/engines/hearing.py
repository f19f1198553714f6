"""One recording being heard: every chunk once, and again, in other ways, what cannot be believed.

Called by `whisper`. A piece that fails a gate is decoded again with all the others that failed: at higher temperatures, then in halves.
Must not drop a piece without handing it back.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from ingest_worker.domain import Audio, FloatArray, Word
from ingest_worker.engines.chunks import Chunk, halves
from ingest_worker.engines.decoding import Engine, Piece, Task
from ingest_worker.engines.quality import DEGENERATE, fault_of, is_silence
from ingest_worker.engines.words import joined, timed
from ingest_worker.memory import BatchRunner
from ingest_worker.ports import Report

TEMPERATURES: Final = (0.0, 0.4, 0.8)
"""Of a piece's decodings: every other step of openai/whisper's fallback, because the same steps are taken once more in halves."""

log = logging.getLogger(__name__)


@dataclass
class Hearing:
    """What was heard so far, by chunk."""

    words: dict[Chunk, list[Word]] = field(default_factory=dict)
    """Believed; times of the chunk's sound."""
    doubtful: dict[Chunk, Piece] = field(default_factory=dict)
    """The best decoding of a piece that failed a gate without being degenerate."""
    silent: list[Chunk] = field(default_factory=list)
    """Pieces in which the model heard nobody."""


class Session:
    """One recording being heard."""

    def __init__(self, engine: Engine, runner: BatchRunner, audio: Audio, task: Task, probabilities: FloatArray) -> None:
        self._engine, self._runner, self._audio, self._task, self._probabilities = engine, runner, audio, task, probabilities

    def hear(self, chunks: Sequence[Chunk], hearing: Hearing, temperature: float, report: Report) -> list[Chunk]:
        """Decode every chunk once; what can be believed goes into `hearing`. Returns the others."""

        def work(unit: Sequence[Chunk]) -> list[Piece]:
            return self._engine.decode([sound_of(self._audio, chunk) for chunk in unit], self._task, temperature)

        pieces = self._runner.map(chunks, work, done=lambda n: report(n / len(chunks)))
        return [chunk for chunk, piece in zip(chunks, pieces, strict=True) if not self._believe(chunk, piece, hearing)]

    def mend(self, failed: Sequence[Chunk], hearing: Hearing) -> list[Chunk]:
        """Decode again what failed: at higher temperatures, then in halves. Returns what is lost."""
        for temperature in TEMPERATURES[1:]:
            failed = self.hear(failed, hearing, temperature, _nobody)
        lost: list[Chunk] = []
        for chunk in failed:
            lost += self._in_halves(chunk, hearing)
        return lost

    def _in_halves(self, chunk: Chunk, hearing: Hearing) -> list[Chunk]:
        """Hear a chunk's halves in its place. Returns the parts that stay degenerate, unless there is a doubtful decoding of the whole."""
        parts = halves(chunk, self._probabilities)
        attempt = Hearing()
        failed: Sequence[Chunk] = parts
        for temperature in TEMPERATURES if len(parts) > 1 else ():
            failed = self.hear(failed, attempt, temperature, _nobody)
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

    def _believe(self, chunk: Chunk, piece: Piece, hearing: Hearing) -> bool:
        """Whether a chunk is settled by this decoding."""
        decoded, _ = piece
        if is_silence(decoded):
            hearing.silent.append(chunk)
            return True
        fault = fault_of(decoded)
        if fault is None:
            self._accept(chunk, piece, hearing)
            return True
        log.info("action=decode-again fault=%s seconds=%.1f logprob=%.2f", fault.value, decoded.seconds, decoded.logprob)
        best = hearing.doubtful.get(chunk)
        if fault not in DEGENERATE and (best is None or decoded.logprob > best[0].logprob):
            hearing.doubtful[chunk] = piece
        return False

    def _accept(self, chunk: Chunk, piece: Piece, hearing: Hearing) -> None:
        hearing.words[chunk] = timed(joined(piece[1], self._task.language), chunk.seconds)


def sound_of(audio: Audio, chunk: Chunk) -> FloatArray:
    """(samples,) float32 in -1..1: the chunk's spans, one behind the other."""
    pcm = audio.pcm()
    return np.concatenate([pcm[start:end] for start, end in chunk.spans]).astype(np.float32) / np.float32(32_768)


def _nobody(_: float) -> None:
    """Progress of a second look is not told: the share of the work that it is cannot be known before."""
