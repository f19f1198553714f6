"""The transcriber: every word of a recording, by Whisper, in batches, with a second look at what cannot be believed.

Called by the pipeline through `ports.Transcriber`. faster-whisper's `BatchedInferencePipeline.transcribe` computes every mel of the
recording first and takes each first decoding as it comes; here sound, mel and decoding exist for one batch at a time, and pieces that fail
a gate are decoded again, together, at other temperatures and then in halves. Must not import torch.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from ingest_contract.failures import Reason
from ingest_contract.order import Settings
from ingest_worker.domain import SAMPLE_RATE, Audio, FloatArray, Transcript, Word
from ingest_worker.engines.chunks import Chunk, halves, pack, speech_spans
from ingest_worker.engines.decoding import Engine, Piece, Task, sentence_of
from ingest_worker.engines.quality import DEGENERATE, fault_of, is_silence
from ingest_worker.engines.vad import speech_probabilities
from ingest_worker.engines.words import collapsed, joined, placed, timed
from ingest_worker.errors import StageError
from ingest_worker.memory import BatchRunner
from ingest_worker.ports import Report

TEMPERATURES: Final = (0.0, 0.4, 0.8)
"""Of a piece's decodings: every other step of openai/whisper's fallback, because the same steps are taken once more in halves."""

MAX_DROPPED: Final = 0.5
"""Share of speech that may be left out as degenerate. Beyond it the transcript misses most of what was said and is no result."""

LISTENING: Final = 0.1
"""Share of the stage's progress that voice activity stands for."""

UNDETERMINED: Final = "und"
"""The language of a recording without speech (ISO 639-2)."""

log = logging.getLogger(__name__)


@dataclass
class _Hearing:
    """What was heard so far, by chunk."""

    words: dict[Chunk, list[Word]] = field(default_factory=dict)
    """Believed; times of the chunk's sound."""
    doubtful: dict[Chunk, Piece] = field(default_factory=dict)
    """The best decoding of a piece that failed a gate without being degenerate."""
    silent: list[Chunk] = field(default_factory=list)
    """Pieces in which the model heard nobody."""


class WhisperTranscriber:
    """`ports.Transcriber` by a Whisper model in CTranslate2's form."""

    def __init__(self, folder: Path, *, device: str, compute_type: str, threads: int, batch: int, settings: Settings) -> None:
        """Load the model in `folder`. Raises `StageError` as `decoding.Engine`."""
        self.runner = BatchRunner(batch)
        """How the batches went: `batch` and `halvings` for the Receipt."""
        self._engine = Engine(folder, device=device, compute_type=compute_type, threads=threads)
        self._settings = settings

    def release(self) -> None:
        """Give the model's memory back. Nothing may be asked of this object afterwards."""
        self._engine.unload()

    def transcribe(self, audio: Audio, report: Report, /) -> Transcript:
        """Every word, in order, none overlapping another; no words where nobody speaks.

        Raises:
            StageError: `TRANSCRIPT_DEGENERATE` when more than `MAX_DROPPED` of the speech could not be decoded, `ORDER_INVALID` for a
                language that the model does not hear, and every memory reason.
        """
        probabilities = speech_probabilities(audio, lambda share: report(LISTENING * share))
        chunks = pack(speech_spans(probabilities, audio.samples))
        language, certainty = self._language(audio, chunks)
        session = _Session(self._engine, self.runner, audio, self._task(language), probabilities)
        hearing = _Hearing()
        failed = session.hear(chunks, hearing, TEMPERATURES[0], lambda share: report(LISTENING + (1 - LISTENING) * share))
        lost = session.mend(failed, hearing)
        speech = sum(chunk.seconds for chunk in chunks)
        _require(sum(chunk.seconds for chunk in lost), speech)
        report(1.0)
        return Transcript(
            words=tuple(collapsed(_in_order(hearing.words))),
            language=language,
            language_probability=certainty,
            speech_seconds=speech,
            chunks=len(chunks),
            redecoded=len(failed),
            dropped=_spans([*lost, *hearing.silent]),
        )

    def _task(self, language: str) -> Task:
        vocabulary = self._settings.vocabulary
        fitting = self._engine.fitting(vocabulary)
        if len(fitting) < len(vocabulary):
            log.warning("action=shorten-vocabulary kept=%d of=%d", len(fitting), len(vocabulary))
        return Task(language, sentence_of(fitting), self._settings.transcription.beam_size)

    def _language(self, audio: Audio, chunks: Sequence[Chunk]) -> tuple[str, float]:
        """The language and its probability: as ordered, the model's only one, or by a vote of pieces from all over the recording."""
        known = self._engine.languages
        if (ordered := self._settings.language) is not None:
            if ordered not in known:
                raise StageError(Reason.ORDER_INVALID, f"{self._settings.transcription.model} does not hear the language {ordered!r}.")
            return ordered, 1.0
        if len(known) == 1:
            return known[0], 1.0
        if not chunks:
            return UNDETERMINED, 0.0
        votes = min(self._settings.transcription.language_votes, len(chunks))
        voters = [chunks[round(i)] for i in np.linspace(0, len(chunks) - 1, votes)]
        ballots = self.runner.map(voters, lambda unit: self._engine.language_of([sound_of(audio, chunk) for chunk in unit]))
        return elected(ballots)


class _Session:
    """One recording being heard."""

    def __init__(self, engine: Engine, runner: BatchRunner, audio: Audio, task: Task, probabilities: FloatArray) -> None:
        self._engine, self._runner, self._audio, self._task, self._probabilities = engine, runner, audio, task, probabilities

    def hear(self, chunks: Sequence[Chunk], hearing: _Hearing, temperature: float, report: Report) -> list[Chunk]:
        """Decode every chunk once; what can be believed goes into `hearing`. Returns the others."""

        def work(unit: Sequence[Chunk]) -> list[Piece]:
            return self._engine.decode([sound_of(self._audio, chunk) for chunk in unit], self._task, temperature)

        pieces = self._runner.map(chunks, work, done=lambda n: report(n / len(chunks)))
        return [chunk for chunk, piece in zip(chunks, pieces, strict=True) if not self._believe(chunk, piece, hearing)]

    def mend(self, failed: Sequence[Chunk], hearing: _Hearing) -> list[Chunk]:
        """Decode again what failed: at higher temperatures, then in halves. Returns what is lost."""
        for temperature in TEMPERATURES[1:]:
            failed = self.hear(failed, hearing, temperature, _nobody)
        lost: list[Chunk] = []
        for chunk in failed:
            lost += self._in_halves(chunk, hearing)
        return lost

    def _in_halves(self, chunk: Chunk, hearing: _Hearing) -> list[Chunk]:
        """Hear a chunk's halves in its place. Returns the parts that stay degenerate, unless there is a doubtful decoding of the whole."""
        parts = halves(chunk, self._probabilities)
        attempt = _Hearing()
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

    def _believe(self, chunk: Chunk, piece: Piece, hearing: _Hearing) -> bool:
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

    def _accept(self, chunk: Chunk, piece: Piece, hearing: _Hearing) -> None:
        hearing.words[chunk] = timed(joined(piece[1], self._task.language), chunk.seconds)


def sound_of(audio: Audio, chunk: Chunk) -> FloatArray:
    """(samples,) float32 in -1..1: the chunk's spans, one behind the other."""
    pcm = audio.pcm()
    return np.concatenate([pcm[start:end] for start, end in chunk.spans]).astype(np.float32) / np.float32(32_768)


def elected(ballots: Sequence[Mapping[str, float]]) -> tuple[str, float]:
    """The language with the largest sum of probabilities, and its mean. Sums and not heads: a sure piece outweighs a doubtful one."""
    sums = {language: sum(ballot.get(language, 0.0) for ballot in ballots) for language in sorted(set().union(*ballots))}
    winner = max(sums, key=lambda language: sums[language])
    return winner, sums[winner] / len(ballots)


def _in_order(words: Mapping[Chunk, Sequence[Word]]) -> list[Word]:
    return [word for chunk in sorted(words, key=lambda chunk: chunk.spans) for word in placed(words[chunk], chunk)]


def _spans(chunks: Sequence[Chunk]) -> tuple[tuple[float, float], ...]:
    return tuple(sorted((start / SAMPLE_RATE, end / SAMPLE_RATE) for chunk in chunks for start, end in chunk.spans))


def _require(lost: float, speech: float) -> None:
    if lost > MAX_DROPPED * speech:
        raise StageError(Reason.TRANSCRIPT_DEGENERATE, f"{lost:.0f} of {speech:.0f} seconds of speech gave no text that can be believed.")


def _nobody(_: float) -> None:
    """Progress of a second look is not told: the share of the work that it is cannot be known before."""
