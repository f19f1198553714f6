"""Small ports that keep their contracts, for tests of the pipeline: they do what the real ones promise, at
once, and note who was asked.

What each would return can be changed, and each can be told to fail; nothing here knows the pipeline.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from ingest_contract.failures import Reason
from ingest_contract.order import Item, SpeakerCount
from ingest_contract.stages import RESTS_ON, Stage
from ingest_worker.captions.values import Captions, NoCaptions
from ingest_worker.domain import (
    SAMPLE_RATE,
    Audio,
    Diarization,
    EnrolledVoice,
    Media,
    Sound,
    Transcript,
    Turn,
    Vectors,
    Word,
)
from ingest_worker.errors import StageError
from ingest_worker.hearable import unsupported
from ingest_worker.memory import BatchRunner
from ingest_worker.ports import Report

Piece = TypeVar("Piece")

LOUDNESS_LEVELS = 1000
"""Of the sound that is decoded, of 32,768: a transcriber hears nothing in silence."""


def words(*texts: str) -> tuple[Word, ...]:
    return tuple(Word(i * 0.5, i * 0.5 + 0.4, text, 0.9) for i, text in enumerate(texts))


@dataclass
class Studio:
    """Everything that a pipeline asks for."""

    seconds: float = 4.0
    sound: Sound | None = None
    transcript: Transcript = field(
        default_factory=lambda: Transcript(
            words("Good", "morning,", "Ann.", "Hello,", "Bob."), "en", 1.0, 2.5, 1, 0, ()
        )
    )
    diarization: Diarization = field(
        default_factory=lambda: Diarization(
            (Turn(0.0, 1.45, 0), Turn(1.45, 2.5, 1)), (), np.eye(2, 4, dtype=np.float32)
        )
    )
    captions: Captions | NoCaptions | None = None
    """What is fetched with the media."""
    said_language: str | None = None
    """What the recording's page says."""
    voices_known: tuple[EnrolledVoice, ...] = ()
    dimension: int = 3
    fails: dict[str, BaseException] = field(default_factory=dict)
    """What a port raises after half of its work."""
    meets: dict[str, Callable[[], None]] = field(default_factory=dict)
    """What happens in the middle of a port's work."""
    engine: Callable[[str, int], None] = lambda _what, _pieces: None
    """Called before each batch of a port's engine, with the number of its pieces; may raise what engines
    raise."""
    asked: list[str] = field(default_factory=list)

    def work(
        self, what: str, report: Report, runner: BatchRunner | None = None, pieces: Sequence[Piece] = ()
    ) -> list[Piece]:
        """A port's work: the pieces of it that went through its engine, batch by batch."""
        self.asked.append(what)
        report(0.5)
        if what in self.meets:
            self.meets[what]()
        if what in self.fails:
            raise self.fails[what]
        computed = list(pieces)
        if runner is not None:
            computed = runner.map(
                pieces,
                lambda unit: self._computed(what, unit),
                done=lambda n: report(0.5 + n / len(pieces) / 2),
            )
        report(1.0)
        return computed

    def _computed(self, what: str, unit: Sequence[Piece]) -> Sequence[Piece]:
        self.engine(what, len(unit))
        return unit

    def fetch(self, item: Item, into: Path, report: Report, /) -> Media:
        self.work("fetch", report)
        into.mkdir(parents=True, exist_ok=True)
        path = into / "media.bin"
        path.write_bytes(item.id.encode())
        return Media(path, "A title", self.seconds, self.captions, self.said_language)

    def confirm(self, _item: Item, _media: Media, /) -> None:
        if "confirm" in self.fails:
            raise self.fails["confirm"]

    def decode(self, media: Media, into: Path, report: Report, /) -> Audio:
        assert media.path.exists()
        self.work("decode", report)
        samples = round(self.seconds * SAMPLE_RATE)
        np.full(samples, LOUDNESS_LEVELS, "<i2").tofile(into / "audio.pcm")
        return Audio(into / "audio.pcm", samples, self.sound)

    def speech(self, audio: Audio, report: Report, /) -> tuple[tuple[float, float], ...]:
        assert audio.path.exists()
        self.work("detect", report)
        return ((0.0, self.transcript.speech_seconds),)

    def voices(self) -> tuple[EnrolledVoice, ...]:
        self.work("voices", lambda _: None)
        return self.voices_known


@dataclass
class Ear:
    """The transcriber: it hears the words of the studio's transcript where there is sound. One word is one
    piece of its engine's work."""

    studio: Studio
    runner: BatchRunner = field(default_factory=lambda: BatchRunner(8))
    language: str | None = None
    """As ordered."""
    unbelievable: Callable[[Word], bool] = lambda _word: False
    """Whether the engine gives nothing for a word that can be believed."""
    released: bool = False

    def transcribe(self, audio: Audio, report: Report, /) -> Transcript:
        assert not self.released
        assert audio.path.exists()
        told = self.studio.transcript
        if self.language not in {None, told.language}:
            raise unsupported("the tests' transcriber", self.language or "", (told.language,))
        sound = audio.pcm().any()
        said = [word for word in told.words if sound and word.end <= audio.seconds]
        heard = self.studio.work("transcribe", report, self.runner, said)
        if not sound:
            return Transcript((), self.language or "und", float(self.language is not None), 0.0, 0, 0, ())
        dropped = [(word.start, word.end) for word in heard if self.unbelievable(word)]
        if 2 * sum(end - start for start, end in dropped) > told.speech_seconds:
            raise StageError(Reason.TRANSCRIPT_DEGENERATE, "Most of the speech gave no text.")
        return replace(
            told,
            words=tuple(word for word in heard if not self.unbelievable(word)),
            dropped=tuple(sorted([*told.dropped, *dropped])),
        )

    def release(self) -> None:
        self.released = True
        self.studio.asked.append("release transcriber")


@dataclass
class Judge:
    """The diarizer."""

    studio: Studio
    runner: BatchRunner = field(default_factory=lambda: BatchRunner(32))
    released: bool = False

    def diarize(self, audio: Audio, speakers: SpeakerCount, report: Report, /) -> Diarization:
        assert not self.released
        assert audio.path.exists()
        assert speakers.max is None or speakers.max >= self.studio.diarization.speakers
        turns = self.studio.work("diarize", report, self.runner, self.studio.diarization.turns)
        return replace(self.studio.diarization, turns=tuple(turns))

    def release(self) -> None:
        self.released = True
        self.studio.asked.append("release diarizer")


@dataclass
class Writer:
    """The embedder."""

    studio: Studio
    runner: BatchRunner = field(default_factory=lambda: BatchRunner(512))

    def embed(self, texts: Sequence[str], report: Report, /) -> Vectors:
        axes = list(np.eye(len(texts), self.studio.dimension, dtype=np.float32))
        rows = self.studio.work("embed", report, self.runner, axes)
        return Vectors(np.asarray(rows, np.float32).reshape(-1, self.studio.dimension), "text@1")


@dataclass
class Shelf:
    """Keeps results as the store does: the newest per stage, found under its own hash only, and none of what
    was made of the one before."""

    results: dict[Stage, tuple[str, bytes]] = field(default_factory=dict)

    def kept(self, stage: Stage, stage_hash: str, /) -> bytes | None:
        its_hash, content = self.results.get(stage, ("", b""))
        return content if its_hash == stage_hash else None

    def keep(self, stage: Stage, stage_hash: str, content: bytes, /) -> None:
        self.results[stage] = (stage_hash, content)
        for later, rests_on in RESTS_ON.items():
            if stage in rests_on:
                self.results.pop(later, None)
