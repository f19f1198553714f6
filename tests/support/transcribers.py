"""Transcribers as their contract needs them: each adapter with sound that it hears, and a way into its engine
for what the contract injects there.

`tests/worker/transcription/test_any_transcriber.py` holds the contract. Another engine gets a class here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ingest_worker.domain import SAMPLE_RATE, Audio, Transcript
from ingest_worker.engines.decoding import Piece
from ingest_worker.engines.quality import Decoded
from ingest_worker.engines.whisper import WhisperTranscriber
from ingest_worker.memory import BatchRunner
from ingest_worker.ports import Transcriber
from tests.support.ports import LOUDNESS_LEVELS, Ear, Studio, words

PLAYED_WORDS = 12
SPOILT_WORDS = 2

LOOP = "we need to go " * 20
"""Text that no gate lets pass."""


@dataclass
class Engine:
    """What is injected where an adapter calls its engine, and what was seen there."""

    meets: Callable[[int, int], None] = lambda _call, _pieces: None
    """Called before each batch with its number, from 1, and how many pieces it has; may raise what engines
    raise."""
    spoils: str = ""
    """Whether the engine gives text that nobody said: for `part` of the recording, or for `all` of it."""
    calls: int = 0

    def met(self, pieces: int) -> None:
        """A batch begins."""
        self.calls += 1
        self.meets(self.calls, pieces)


class Subject(Protocol):
    """One adapter."""

    speech: Audio
    """A minute or less in which several pieces are decoded, in the language `heard`."""
    heard: str
    unheard: str
    """A language that it does not know."""

    def make(self, engine: Engine, *, batch: int, language: str | None = None) -> Transcriber:
        """The adapter, with `engine` met at each batch."""

    def runner_of(self, made: Transcriber) -> BatchRunner:
        """What runs its batches."""


class Played:
    """The transcriber of tests that inject faults, which needs no model."""

    heard, unheard = "en", "de"

    def __init__(self, folder: Path) -> None:
        self.speech = sound(folder / "speech.pcm", 8.0, LOUDNESS_LEVELS)

    def make(self, engine: Engine, *, batch: int, language: str | None = None) -> Transcriber:
        told = words(*(f"word{i}" for i in range(PLAYED_WORDS)))
        studio = Studio(
            transcript=Transcript(told, "en", 1.0, 0.4 * PLAYED_WORDS, PLAYED_WORDS, 0, ()),
            engine=lambda _, pieces: engine.met(pieces),
        )
        spoilt = {"": (), "part": told[:SPOILT_WORDS], "all": told}[engine.spoils]
        return Ear(studio, BatchRunner(batch), language, lambda word: word in spoilt)

    def runner_of(self, made: Transcriber) -> BatchRunner:
        assert isinstance(made, Ear)
        return made.runner


class OnWhisper:
    """The real one."""

    heard, unheard = "en", "de"

    def __init__(self, speech: Audio, make: Callable[..., WhisperTranscriber]) -> None:
        self.speech, self._make = speech, make

    def make(self, engine: Engine, *, batch: int, language: str | None = None) -> Transcriber:
        made = self._make(batch=batch, language=language, beam_size=1)
        made._engine = _Met(made._engine, engine)  # type: ignore[assignment]  # it hands everything on to the engine
        return made

    def runner_of(self, made: Transcriber) -> BatchRunner:
        assert isinstance(made, WhisperTranscriber)
        return made.runner


class _Met:
    """The engine of Whisper, met at each batch."""

    def __init__(self, inner: Any, engine: Engine) -> None:
        self._inner, self._engine = inner, engine
        self._spoilt: bytes | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def decode(self, sounds: Sequence[Any], *rest: Any) -> list[Piece]:
        self._engine.met(len(sounds))
        if self._spoilt is None:
            self._spoilt = sounds[0].tobytes()
        good = [each for each in sounds if not self._spoils(each)]
        heard = iter(self._inner.decode(good, *rest) if good else ())
        return [_nonsense(each) if self._spoils(each) else next(heard) for each in sounds]

    def _spoils(self, sound: Any) -> bool:
        """Whether it is of the recording's first piece: its first tenth of a second is found there."""
        if self._engine.spoils != "part":
            return self._engine.spoils == "all"
        assert self._spoilt is not None
        return self._spoilt.find(sound[: SAMPLE_RATE // 10].tobytes()) >= 0


def _nonsense(sound: Any) -> Piece:
    return Decoded(LOOP, sound.size / SAMPLE_RATE, logprob=-0.2, no_speech=0.0, complete=True), []


def sound(path: Path, seconds: float, level: int) -> Audio:
    """A file of one level throughout; 0 is silence."""
    samples = round(seconds * SAMPLE_RATE)
    np.full(samples, level, "<i2").tofile(path)
    return Audio(path, samples)
