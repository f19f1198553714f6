"""Words are in order, apart, inside the recording and inside their speaker's turn, whatever the engines
answer: the real transcriber over drawn speech and drawn alignments, then attribution, passages and the bytes
that are stored."""

import hashlib
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ingest_contract.failures import Reason
from ingest_contract.profile import SegmentationProfile
from ingest_worker import codec
from ingest_worker.attribution import attribute
from ingest_worker.domain import SAMPLE_RATE, Audio, Diarization, FloatArray, Transcript, Turn, Word
from ingest_worker.engines import whisper
from ingest_worker.engines.chunks import FRAME_SAMPLES
from ingest_worker.engines.decoding import Piece, Task
from ingest_worker.engines.quality import Decoded
from ingest_worker.engines.whisper import WhisperTranscriber
from ingest_worker.errors import StageError
from ingest_worker.memory import BatchRunner
from ingest_worker.segmentation import segment
from tests.support.word_times import faults_of_passages, faults_of_speakers, faults_of_times
from tests.worker.transcription.conftest import settings

LETTERS = str.maketrans("0123456789", "ghijklmnop")


class Scatterbrain:
    """Stands where the engine stands: words at any times of their sound, beyond it too, backwards, empty and
    on top of each other; some sounds it leaves half empty, some it cannot finish."""

    languages: Sequence[str] = ("en",)

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._said = 0

    def fitting(self, vocabulary: Sequence[str]) -> tuple[str, ...]:
        return tuple(vocabulary)

    def decode(self, sounds: Sequence[FloatArray], _: Task, __: float) -> list[Piece]:
        return [self._piece(sound.size / SAMPLE_RATE) for sound in sounds]

    def _piece(self, seconds: float) -> Piece:
        chance = self._chance
        until = seconds * chance.choice([1.0, 1.0, 0.4])
        words = []
        for start in np.arange(0.0, until, 0.4).tolist():
            first = max(0.0, start + chance.uniform(-1.0, 1.0)) if chance.random() < 0.3 else start
            last = max(0.0, start + chance.uniform(-0.5, 3.0)) if chance.random() < 0.3 else start + 0.3
            words.append(Word(first, last, f" {self._word()}", 0.9))
        text = " ".join(word.text.strip() for word in words)
        return Decoded(text, seconds, -0.1, 0.05, complete=chance.random() > 0.1), words

    def _word(self) -> str:
        """One that no compression finds again."""
        self._said += 1
        return hashlib.sha256(str(self._said).encode()).hexdigest()[:4].translate(LETTERS)


@st.composite
def voiced(draw: st.DrawFn) -> FloatArray:
    """(frames,) of the probability that somebody speaks: up to eight stretches of speech with silence between
    them."""
    tenths = draw(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 150)), min_size=1, max_size=8))
    per_tenth = SAMPLE_RATE / 10 / FRAME_SAMPLES
    parts = [
        np.full(round(length * per_tenth), value, np.float32)
        for silent, spoken in tenths
        for length, value in ((silent, 0.02), (spoken, 0.95))
    ]
    return np.concatenate(parts)


@st.composite
def exclusive_turns(draw: st.DrawFn) -> tuple[Turn, ...]:
    """Up to forty turns of three speakers, none over another."""
    turns, now = list[Turn](), 0.0
    for gap, length, speaker in draw(
        st.lists(st.tuples(st.integers(0, 15), st.integers(1, 60), st.integers(0, 2)), max_size=40)
    ):
        turns.append(Turn(now + gap / 10, now + (gap + length) / 10, speaker))
        now = turns[-1].end
    return tuple(turns)


class Silence:
    """A recording whose sound nobody looks at."""

    def __init__(self, audio: Audio) -> None:
        self.samples = audio.samples

    def between(self, first: int, last: int) -> FloatArray:
        return np.zeros(min(last, self.samples) - first, np.float32)


def transcribed(probabilities: FloatArray, chance: random.Random, audio: Audio) -> Transcript:
    """By the real transcriber, told where somebody speaks."""
    transcriber = object.__new__(WhisperTranscriber)  # its constructor loads a model
    transcriber.runner = BatchRunner(4)
    transcriber._engine = Scatterbrain(chance)  # type: ignore[assignment]  # the protocol is the engine's own methods
    transcriber._settings = settings()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(whisper, "Amplified", Silence)
        patch.setattr(whisper, "listened", lambda sound, _: (sound, probabilities))
        try:
            return transcriber.transcribe(audio, lambda _: None)
        except StageError as error:
            assume(error.reason is not Reason.TRANSCRIPT_DEGENERATE)
            raise


@given(voiced(), exclusive_turns(), st.randoms(use_true_random=False))
def test_stored_words_are_in_order_and_inside_their_turns_whatever_the_engines_say(
    probabilities: FloatArray, turns: tuple[Turn, ...], chance: random.Random
) -> None:
    audio = Audio(Path("nowhere"), probabilities.size * FRAME_SAMPLES)
    transcript = transcribed(probabilities, chance, audio)
    kept = codec.decode_transcript(codec.encode_transcript(transcript))
    assert faults_of_times(kept.words, audio.seconds) == []
    words = attribute(kept.words, Diarization(turns, (), np.ones((3, 4), np.float32)))
    stored = codec.decode_spoken(codec.encode_spoken(words))
    assert [each.word.start for each in stored] == [each.start for each in kept.words]
    assert faults_of_speakers(stored, turns) == []
    assert faults_of_passages(segment(words, SegmentationProfile()), stored) == []
