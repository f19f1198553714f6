"""Words of a voice that diarization does not hear are reported: by the real models, on real sound."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ingest_contract.order import SpeakerCount
from ingest_worker.attribution import attribute
from ingest_worker.domain import SAMPLE_RATE, Audio, Vectors
from ingest_worker.engines.diarization import PyannoteDiarizer
from ingest_worker.engines.whisper import WhisperTranscriber
from ingest_worker.receipts import coverage_of
from testkit.models.demo_set import model
from testkit.models.reference_diarization import pcm
from testkit.speech.catalogue import Recording
from testkit.speech.coding import Sound, levelled
from tests.worker.transcription.conftest import settings

pytestmark = pytest.mark.models

NO_PASSAGES = Vectors(np.ones((0, 2), np.float32), "none@0")


def quiet(_: float) -> None:
    pass


@pytest.fixture
def part(recording: Callable[[str], Recording], tmp_path: Path) -> Callable[[str, float], Sound]:
    """The first seconds of a recording."""

    def make(name: str, seconds: float) -> Sound:
        return pcm(recording(name).path, tmp_path / "part.pcm", seconds).pcm().copy()

    return make


def test_words_of_a_soft_voice_are_reported_as_nobodys_and_never_the_loud_ones(
    diarizer: PyannoteDiarizer, part: Callable[[str, float], Sound], tmp_path: Path
) -> None:
    """Of a voice 40 dB below the one around it, diarization hears a part."""
    loud, pause = part("voice-joe", 6.0), np.zeros(SAMPLE_RATE, np.int16)
    soft = levelled(part("voice-mina", 7.0), -40)
    sound = np.concatenate([loud, pause, soft, pause, loud])
    (tmp_path / "sound.pcm").write_bytes(sound.astype("<i2").tobytes())
    audio = Audio(tmp_path / "sound.pcm", sound.size)
    hearing = WhisperTranscriber(
        model("tiny.en"), device="cpu", compute_type="int8", threads=1, batch=8, settings=settings()
    )
    turns = diarizer.diarize(audio, SpeakerCount(), quiet)
    words = attribute(hearing.transcribe(audio, quiet).words, turns)
    start, end = (loud.size + pause.size) / SAMPLE_RATE, (sound.size - loud.size) / SAMPLE_RATE
    softly = [spoken for spoken in words if start < spoken.word.start < end - 1]
    around = {spoken.speaker for spoken in words if not start - 0.5 < spoken.word.start < end}
    assert (len(softly), len(around), None in around) == (23, 1, False)
    assert not around & {spoken.speaker for spoken in softly}
    nobodys = [spoken.word for spoken in softly if spoken.speaker is None]
    coverage = coverage_of(words, turns, (), NO_PASSAGES)
    assert coverage.speakerless_seconds == pytest.approx(
        sum(word.end - word.start for word in nobodys), abs=0.01
    )
    assert coverage.speakerless_seconds > 5.0
    assert coverage.attributed_words == len(words) - len(nobodys)
