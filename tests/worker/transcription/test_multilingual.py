"""Whisper `base` hears German, Japanese and Mandarin, and each part of a recording in its own language."""

from collections.abc import Callable, Sequence
from pathlib import Path

import jiwer
import numpy as np
import pytest

from ingest_worker.domain import SAMPLE_RATE, Audio, Word
from ingest_worker.engines.whisper import WhisperTranscriber
from testkit.models.whisper_base import base
from testkit.speech import audio
from testkit.speech.catalogue import Recording
from testkit.speech.foreign import TEXTS, sound
from tests.worker.transcription.conftest import settings, spelling

pytestmark = pytest.mark.models

Listen = Callable[..., Audio]


@pytest.fixture(scope="module")
def multilingual() -> WhisperTranscriber:
    return WhisperTranscriber(
        base(), device="cpu", compute_type="int8", threads=2, batch=8, settings=settings(beam_size=1)
    )


@pytest.fixture
def one_behind_the_other(tmp_path: Path) -> Listen:
    """A recording of sounds with half a second between them."""

    def make(*sounds: audio.Samples) -> Audio:
        pause = np.zeros(SAMPLE_RATE // 2, np.float32)
        whole = np.concatenate([part for each in sounds for part in (each, pause)])
        path = tmp_path / "sound.pcm"
        path.write_bytes(np.round(whole * 32_767).astype("<i2").tobytes())
        return Audio(path, whole.size)

    return make


def written(words: Sequence[Word]) -> str:
    return "".join(f" {word.text}" if word.spaced else word.text for word in words).strip()


def character_errors(language: str, text: str) -> float:
    """Share of letters that differ, without punctuation and spaces."""
    reference, heard = ("".join(c for c in each.lower() if c.isalnum()) for each in (TEXTS[language], text))
    return float(jiwer.cer(reference, heard))


@pytest.mark.parametrize(("language", "most"), [("de", 0.03), ("zh", 0.1)])
def test_speech_in_another_language_is_written_in_it(
    language: str, most: float, multilingual: WhisperTranscriber, one_behind_the_other: Listen
) -> None:
    transcript = multilingual.transcribe(one_behind_the_other(sound(language)), lambda _: None)
    assert (transcript.language, transcript.foreign, transcript.dropped) == (language, 0, ())
    assert transcript.language_probability > 0.9
    assert character_errors(language, written(transcript.words)) <= most


def test_two_languages_in_half_a_minute_are_both_written_as_they_were_said(
    multilingual: WhisperTranscriber,
    one_behind_the_other: Listen,
    recording: Callable[[str], Recording],
    wer: Callable[[str, str], float],
) -> None:
    joe = recording("voice-joe")
    english = audio.read(joe.path)
    transcript = multilingual.transcribe(one_behind_the_other(english, sound("ja")), lambda _: None)
    change = english.size / SAMPLE_RATE
    before = [word for word in transcript.words if word.start < change]
    after = [word for word in transcript.words if word.start >= change]
    assert wer(joe.text or "", spelling(written(before))) <= 0.03
    assert character_errors("ja", written(after)) <= 0.1
    assert (transcript.language, {word.language for word in before}, {word.language for word in after}) == (
        "en",
        {None},
        {"ja"},
    )
    assert (transcript.foreign, transcript.dropped) == (1, ())


def test_a_part_that_ends_in_a_mixed_piece_is_not_translated(
    multilingual: WhisperTranscriber, one_behind_the_other: Listen, recording: Callable[[str], Recording]
) -> None:
    """Six seconds of English with the first German word sound as much like German as like English."""
    english = audio.read(recording("voice-joe").path)[: 6 * SAMPLE_RATE]
    transcript = multilingual.transcribe(one_behind_the_other(english, sound("de")), lambda _: None)
    spoken = {word.language or transcript.language for word in transcript.words if word.end < 4.5}
    assert spoken == {"en"}
    assert transcript.language == "de" or {word.language for word in transcript.words} >= {"de"}
