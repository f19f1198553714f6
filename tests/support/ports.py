"""Small ports that keep their contracts, for tests of the pipeline: they do what the real ones promise, at
once, and note who was asked.

What each would return can be changed, and each can be told to fail; nothing here knows the pipeline.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ingest_contract.order import Item, SpeakerCount
from ingest_contract.stages import Stage
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
from ingest_worker.memory import BatchRunner
from ingest_worker.ports import Report


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
    voices_known: tuple[EnrolledVoice, ...] = ()
    dimension: int = 3
    fails: dict[str, BaseException] = field(default_factory=dict)
    """What a port raises after half of its work."""
    meets: dict[str, Callable[[], None]] = field(default_factory=dict)
    """What happens in the middle of a port's work."""
    asked: list[str] = field(default_factory=list)

    def work(self, what: str, report: Report) -> None:
        self.asked.append(what)
        report(0.5)
        if what in self.meets:
            self.meets[what]()
        if what in self.fails:
            raise self.fails[what]
        report(1.0)

    def fetch(self, item: Item, into: Path, report: Report, /) -> Media:
        self.work("fetch", report)
        into.mkdir(parents=True, exist_ok=True)
        path = into / "media.bin"
        path.write_bytes(item.id.encode())
        return Media(path, "A title", self.seconds, self.captions)

    def confirm(self, _item: Item, _media: Media, /) -> None:
        if "confirm" in self.fails:
            raise self.fails["confirm"]

    def decode(self, media: Media, into: Path, report: Report, /) -> Audio:
        assert media.path.exists()
        self.work("decode", report)
        samples = round(self.seconds * SAMPLE_RATE)
        np.zeros(samples, "<i2").tofile(into / "audio.pcm")
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
    """The transcriber."""

    studio: Studio
    runner: BatchRunner = field(default_factory=lambda: BatchRunner(8))
    released: bool = False

    def transcribe(self, audio: Audio, report: Report, /) -> Transcript:
        assert not self.released
        assert audio.path.exists()
        self.studio.work("transcribe", report)
        return self.studio.transcript

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
        self.studio.work("diarize", report)
        return self.studio.diarization

    def release(self) -> None:
        self.released = True
        self.studio.asked.append("release diarizer")


@dataclass
class Writer:
    """The embedder."""

    studio: Studio
    runner: BatchRunner = field(default_factory=lambda: BatchRunner(512))

    def embed(self, texts: Sequence[str], report: Report, /) -> Vectors:
        self.studio.work("embed", report)
        return Vectors(np.eye(len(texts), self.studio.dimension, dtype=np.float32), "text@1")


@dataclass
class Shelf:
    """Keeps results as the store does: the newest per stage, found under its own hash only."""

    results: dict[Stage, tuple[str, bytes]] = field(default_factory=dict)

    def kept(self, stage: Stage, stage_hash: str, /) -> bytes | None:
        its_hash, content = self.results.get(stage, ("", b""))
        return content if its_hash == stage_hash else None

    def keep(self, stage: Stage, stage_hash: str, content: bytes, /) -> None:
        self.results[stage] = (stage_hash, content)
