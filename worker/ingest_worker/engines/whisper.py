"""The transcriber: every word of a recording, by Whisper, in batches; unreliable pieces are decoded again.

Called by the pipeline through `ports.Transcriber`. faster-whisper's `BatchedInferencePipeline.transcribe`
computes every mel of the recording first and takes each first decoding as it comes; here sound, mel and
decoding exist for one batch at a time, and pieces that fail a gate are decoded again, together, at other
temperatures and then in halves. Must not import torch.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from ingest_contract.failures import Reason
from ingest_contract.order import Settings
from ingest_worker.domain import SAMPLE_RATE, Audio, FloatArray, Transcript, Word
from ingest_worker.engines.chunks import FRAME_SAMPLES, Chunk, Flags, pack, speech_spans, voiced
from ingest_worker.engines.decoding import Engine, Task, sentence_of
from ingest_worker.engines.filling import Filling
from ingest_worker.engines.gain import Amplified, Waveform
from ingest_worker.engines.hearing import TEMPERATURES, Decodings, DecodingSession, nobody, sound_of
from ingest_worker.engines.languages import (
    Ballot,
    at_borders,
    by_language,
    contradicted,
    divided,
    elected,
    languages_of,
    pieces_of,
    several,
    sure_languages,
    tests_in_vain,
    voted_by,
)
from ingest_worker.engines.soft import listened
from ingest_worker.engines.words import collapsed, placed
from ingest_worker.errors import StageError
from ingest_worker.hearable import unsupported
from ingest_worker.memory import BatchRunner
from ingest_worker.ports import Report

MAX_DROPPED_SHARE: Final = 0.5
"""Share of speech that may be dropped as degenerate. Beyond it the transcript misses most of the speech and
is not a result."""

LISTENING_SHARE: Final = 0.1
"""Voice activity's share of the stage's progress."""

UNDETERMINED: Final = "und"
"""The language of a recording without speech (ISO 639-2)."""

log = logging.getLogger(__name__)


class WhisperTranscriber:
    """`ports.Transcriber` by a Whisper model in CTranslate2's form."""

    def __init__(
        self, folder: Path, *, device: str, compute_type: str, threads: int, batch: int, settings: Settings
    ) -> None:
        """Load the model in `folder`. Raises `StageError` as `decoding.Engine`."""
        self.runner = BatchRunner(batch)
        """The outcome of batching: `batch` and `halvings` for the Receipt."""
        self._engine = Engine(folder, device=device, compute_type=compute_type, threads=threads)
        self._settings = settings

    def release(self) -> None:
        """Free the memory of the model. The object must not be used afterwards."""
        self._engine.unload()

    def transcribe(self, audio: Audio, report: Report, /) -> Transcript:
        """Every word, in order, none overlapping another; no words where nobody speaks.

        Raises:
            StageError: `TRANSCRIPT_DEGENERATE` when more than `MAX_DROPPED_SHARE` of the speech could not be
                decoded, `LANGUAGE_UNSUPPORTED` for one that the model does not know, and every memory reason.
        """
        sound, probabilities = listened(Amplified(audio), lambda share: report(LISTENING_SHARE * share))
        spans = speech_spans(probabilities, audio.samples)
        chunks = pack(spans, probabilities)
        language, certainty = self._language(sound, chunks)
        session = DecodingSession(self._engine, self.runner, sound, self._task(language), probabilities)
        hearing = Decodings()
        failed = session.hear(
            chunks,
            hearing,
            TEMPERATURES[0],
            lambda share: report(LISTENING_SHARE + (1 - LISTENING_SHARE) * share),
        )
        votes = [voted_by(hearing.ballots[chunk]) for chunk in chunks]
        failed = _by_language(session, hearing, chunks, failed)
        lost = session.mend(failed, hearing)
        speech = sum(chunk.seconds for chunk in chunks)
        _require(sum(chunk.seconds for chunk in lost), speech)
        given_up = [*lost, *hearing.silent]
        filling = Filling(session, spans, _expected(probabilities, audio, given_up), probabilities)
        filled = filling.fill(_in_order(hearing.words), chunks)
        language, certainty = _spoken(session, hearing, (language, certainty))
        sounds_like = _contradiction(session, hearing, language)
        kept = collapsed(filled.words, [chunk.spans[0][0] / SAMPLE_RATE for chunk in chunks])
        report(1.0)
        return Transcript(
            words=tuple(
                replace(word, language=None if word.language == language else word.language) for word in kept
            ),
            language=language,
            language_probability=certainty,
            speech_seconds=speech,
            chunks=len(chunks),
            redecoded=len({*failed, *(chunk for chunk in chunks if filled.touches(chunk))}),
            dropped=tuple(sorted([*_spans(given_up), *filling.empty(filled.words)])),
            cut=len(filled.words) - len(kept),
            foreign=sum(vote not in {None, language} for vote in votes),
            sounds_like=sounds_like,
        )

    def _task(self, language: str) -> Task:
        vocabulary = self._settings.vocabulary
        fitting = self._engine.fitting(vocabulary)
        if len(fitting) < len(vocabulary):
            kept, of = len(fitting), len(vocabulary)
            log.warning(
                "Whisper takes %d of the %d words",
                kept,
                of,
                extra={"action": "shorten-vocabulary", "kept": kept, "of": of},
            )
        follow = self._settings.language is None and len(self._engine.languages) > 1
        return Task(language, sentence_of(fitting), self._settings.transcription.beam_size, follow)

    def _language(self, sound: Waveform, chunks: Sequence[Chunk]) -> tuple[str, float]:
        """The language and its probability: as ordered, the model's only one, or by a vote of pieces from the
        whole recording."""
        known = self._engine.languages
        if (ordered := self._settings.language) is not None:
            if ordered not in known:
                raise unsupported(self._settings.transcription.model, ordered, known)
            return ordered, 1.0
        if len(known) == 1:
            return known[0], 1.0
        if not chunks:
            return UNDETERMINED, 0.0
        votes = min(self._settings.transcription.language_votes, len(chunks))
        voters = [chunks[round(i)] for i in np.linspace(0, len(chunks) - 1, votes)]
        ballots = self.runner.map(
            voters, lambda unit: self._engine.language_of([sound_of(sound, chunk) for chunk in unit])
        )
        return elected(ballots) or (UNDETERMINED, 0.0)


def _by_language(
    session: DecodingSession, hearing: Decodings, chunks: Sequence[Chunk], failed: Sequence[Chunk]
) -> list[Chunk]:
    """Decode chunks in which the language changes in parts of one language each: all parts of the recording
    together, language by language, so that they fill batches. Returns the chunks that are now unreliable."""
    tested = _tested(session, hearing, chunks) if session.follows else {}
    every = [*hearing.ballots.values(), *(ballot for _, ballots in tested.values() for ballot in ballots)]
    known, divided_by_language, spoken = sure_languages(every), set[Chunk](), dict[Chunk, str]()
    for chunk, (pieces, ballots) in tested.items():
        parts = by_language(pieces, ballots, known)
        if len(parts) > 1:
            divided_by_language.add(chunk)
            spoken |= zip(parts, languages_of(parts, pieces, ballots), strict=True)
            session.forget(chunk, hearing)
    for part, language in spoken.items():
        session.settle(part, language)
    again = session.hear(
        sorted(spoken, key=lambda part: (spoken[part], part.spans)), hearing, TEMPERATURES[0], nobody
    )
    return [*(chunk for chunk in failed if chunk not in divided_by_language), *again]


def _tested(
    session: DecodingSession, hearing: Decodings, chunks: Sequence[Chunk]
) -> dict[Chunk, tuple[list[Chunk], list[Ballot]]]:
    """Pieces and their ballots of the chunks in which the language may change."""
    tested: dict[Chunk, tuple[list[Chunk], list[Ballot]]] = {}

    def test(chunk: Chunk) -> None:
        pieces = pieces_of(chunk)
        tested[chunk] = (pieces, session.ballots(pieces))

    for chunk in at_borders(chunks, hearing.ballots):
        test(chunk)
    left = tests_in_vain(chunks)
    for chunk in divided(chunks, hearing.ballots):
        if chunk in tested:
            continue
        if left == 0:
            break
        test(chunk)
        left -= not several(tested[chunk][1])
    return {chunk: tested[chunk] for chunk in chunks if chunk in tested}


def _spoken(session: DecodingSession, hearing: Decodings, before: tuple[str, float]) -> tuple[str, float]:
    """The language of most of the speech and the probability of that language over all speech; as ordered or
    elected before if nothing else voted."""
    if not session.follows:
        return before
    return elected(list(hearing.ballots.values()), [chunk.seconds for chunk in hearing.ballots]) or before


def _contradiction(session: DecodingSession, hearing: Decodings, language: str) -> str | None:
    """The language that the speech is in, if the order names another: under that one, Whisper translates
    or invents, and its text passes every gate."""
    if session.follows:
        return None
    found = contradicted(
        language, list(hearing.ballots.values()), [chunk.seconds for chunk in hearing.ballots]
    )
    if found is not None:
        log.warning(
            "the order says that %s is spoken, and it sounds like %s: order that, or none",
            language,
            found,
            extra={"action": "doubt-language", "ordered": language, "sounds_like": found},
        )
    return found


def _in_order(words: Mapping[Chunk, Sequence[Word]]) -> list[Word]:
    return [
        word for chunk in sorted(words, key=lambda chunk: chunk.spans) for word in placed(words[chunk], chunk)
    ]


def _expected(probabilities: FloatArray, audio: Audio, given_up: Sequence[Chunk]) -> Flags:
    """(frames,) whether somebody speaks and words are still expected."""
    flags = voiced(probabilities, audio.samples)
    for chunk in given_up:
        for start, end in chunk.spans:
            flags[start // FRAME_SAMPLES : -(-end // FRAME_SAMPLES)] = False
    return flags


def _spans(chunks: Sequence[Chunk]) -> tuple[tuple[float, float], ...]:
    return tuple(
        sorted((start / SAMPLE_RATE, end / SAMPLE_RATE) for chunk in chunks for start, end in chunk.spans)
    )


def _require(lost: float, speech: float) -> None:
    if lost > MAX_DROPPED_SHARE * speech:
        raise StageError(
            Reason.TRANSCRIPT_DEGENERATE,
            f"{lost:.0f} of {speech:.0f} seconds of speech gave no text that can be believed.",
        )
