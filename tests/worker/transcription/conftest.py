"""A real Whisper model, real recordings, and the transcriber that the tests are about."""

import re
import wave
from collections.abc import Callable
from pathlib import Path

import jiwer
import pytest

from ingest_contract.order import Settings
from ingest_contract.profile import (
    DiarizationProfile,
    EmbeddingProfile,
    IdentificationProfile,
    SegmentationProfile,
    TranscriptionProfile,
)
from ingest_worker.domain import SAMPLE_RATE, Audio
from ingest_worker.engines.whisper import WhisperTranscriber
from testkit.models.demo_set import model
from testkit.speech.catalogue import Recording, recordings

Cut = Callable[..., Audio]
Make = Callable[..., WhisperTranscriber]


@pytest.fixture(scope="session")
def tiny_en() -> Path:
    return model("tiny.en")


@pytest.fixture(scope="session")
def recording() -> Callable[[str], Recording]:
    return recordings().__getitem__


@pytest.fixture(scope="session")
def cut(tmp_path_factory: pytest.TempPathFactory, recording: Callable[[str], Recording]) -> Cut:
    """Decoded audio of recordings: whole, the part from `start` to `end` seconds, or several times over with
    silence before it."""

    def make(
        name: str, *, start: float = 0.0, end: float | None = None, times: int = 1, silence: float = 0.0
    ) -> Audio:
        with wave.open(str(recording(name).path)) as file:
            last = file.getnframes() if end is None else round(end * SAMPLE_RATE)
            file.setpos(round(start * SAMPLE_RATE))
            sound = file.readframes(last - file.tell())
        path = tmp_path_factory.mktemp("audio") / f"{name}.pcm"
        path.write_bytes((bytes(2 * round(silence * SAMPLE_RATE)) + sound) * times)
        return Audio(path, path.stat().st_size // 2)

    return make


def settings(
    *, language: str | None = None, vocabulary: tuple[str, ...] = (), beam_size: int = 5
) -> Settings:
    return Settings(
        model_set="demo",
        transcription=TranscriptionProfile(model="tiny.en", beam_size=beam_size),
        language=language,
        vocabulary=vocabulary,
        diarization=DiarizationProfile(),
        identification=IdentificationProfile(),
        segmentation=SegmentationProfile(),
        embedding=EmbeddingProfile(),
    )


@pytest.fixture(scope="session")
def transcriber(tiny_en: Path) -> Make:
    """Makes a transcriber with the real model."""

    def make(
        *,
        batch: int = 8,
        language: str | None = None,
        vocabulary: tuple[str, ...] = (),
        beam_size: int = 5,
        compute_type: str = "int8",
    ) -> WhisperTranscriber:
        given = settings(language=language, vocabulary=vocabulary, beam_size=beam_size)
        return WhisperTranscriber(
            tiny_en, device="cpu", compute_type=compute_type, threads=2, batch=batch, settings=given
        )

    return make


def spelling(text: str) -> str:
    """Lower case, no punctuation: what word error rates compare."""
    return " ".join(re.sub(r"[^a-z0-9' ]+", " ", text.lower()).split())


@pytest.fixture(scope="session")
def wer() -> Callable[[str, str], float]:
    def rate(reference: str, hypothesis: str) -> float:
        return float(jiwer.wer(spelling(reference), spelling(hypothesis)))

    return rate
