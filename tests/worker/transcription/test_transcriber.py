"""The transcriber with a real model on real speech, beyond the contract of `test_any_transcriber`."""

import ctypes
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ingest_contract.failures import Reason
from ingest_worker.domain import Audio, Transcript
from ingest_worker.engines import cublas
from ingest_worker.engines.decoding import Engine, Task
from ingest_worker.engines.whisper import WhisperTranscriber
from ingest_worker.errors import StageError
from testkit.speech.catalogue import Recording

pytestmark = pytest.mark.models

Cut = Callable[..., Audio]
Make = Callable[..., WhisperTranscriber]
Rate = Callable[[str, str], float]
Known = Callable[[str], Recording]


def quiet(_: float) -> None:
    """Nobody watches the progress."""


def text_of(transcript: Transcript) -> str:
    return " ".join(word.text for word in transcript.words)


def assert_well_formed(transcript: Transcript, audio: Audio) -> None:
    words = transcript.words
    assert all(0 <= word.start < word.end <= audio.seconds for word in words)
    assert all(here.end <= there.start + 1e-6 for here, there in pairwise(words))
    assert all(word.text == word.text.strip() != "" and 0 <= word.probability <= 1 for word in words)


@pytest.mark.parametrize(("name", "bound"), [("sample", 0.20), ("two_cities", 0.05), ("dialogue", 0.03)])
def test_known_speech_is_heard_within_its_error_rate(
    name: str, bound: float, transcriber: Make, cut: Cut, wer: Rate, recording: Known
) -> None:
    audio, shares = cut(name), list[float]()
    transcript = transcriber().transcribe(audio, shares.append)
    assert wer(recording(name).text or "", text_of(transcript)) <= bound
    assert_well_formed(transcript, audio)
    assert (transcript.language, transcript.language_probability, transcript.dropped) == ("en", 1.0, ())
    assert 0.5 * audio.seconds < transcript.speech_seconds <= audio.seconds
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


@pytest.mark.parametrize(
    ("name", "decibels", "bound"), [("sample", -40, 0.17), ("sample", -50, 0.26), ("two_cities", -50, 0.06)]
)
def test_speech_that_is_very_faint_is_heard(  # noqa: PLR0913, PLR0917 - a row of the table and its fixtures
    name: str,
    decibels: int,
    bound: float,
    transcriber: Make,
    cut: Cut,
    wer: Rate,
    recording: Known,
    tmp_path: Path,
) -> None:
    loud, path = cut(name), tmp_path / "faint.pcm"
    path.write_bytes(np.round(loud.pcm() * 10 ** (decibels / 20)).astype("<i2").tobytes())
    transcript = transcriber().transcribe(Audio(path, loud.samples), quiet)
    assert transcript.speech_seconds > 22.0
    assert wer(recording(name).text or "", text_of(transcript)) <= bound


def test_words_lie_where_they_are_said(transcriber: Make, cut: Cut, recording: Known) -> None:
    """Every utterance of the dialogue has its words within a second of its own times: nothing drifts over
    five minutes."""
    transcript = transcriber().transcribe(cut("dialogue", end=100.0), quiet)
    said = [turn for turn in recording("dialogue").utterances or () if turn.end < 100.0]
    for turn in said:
        first = (turn.text or "").split()[0].lower().strip(",.")
        near = [word for word in transcript.words if abs(word.start - turn.start) < 1.0]
        assert any(word.text.lower().strip(",.") == first for word in near), (turn, near)


BEGINNINGS = {
    (5.18, 7.56): "it was the age",
    (22.87, 26.05): "had nothing before us",
}
"""Seconds of `two_cities` that begin with the first sound of a word, and what they begin with."""


def test_sound_that_begins_with_a_word_keeps_that_word_and_its_time(tiny_en: Path, cut: Cut) -> None:
    engine = Engine(tiny_en, device="cpu", compute_type="int8", threads=2)
    sounds = [cut("two_cities", start=start, end=end).window(0.0, 9.0) for start, end in BEGINNINGS]
    for (_, words), said in zip(
        engine.decode(sounds, Task("en", None, 5), 0.0), BEGINNINGS.values(), strict=True
    ):
        assert "".join(word.text for word in words).lower().strip().startswith(said)
        assert 0.0 <= words[0].start < words[1].start < 0.35


def test_a_chunk_that_whisper_skips_through_loses_nothing(
    transcriber: Make, cut: Cut, wer: Rate, recording: Known
) -> None:
    """Cut here, tiny.en writes a third of a chunk with 28 seconds of speech, then its last word: the mean
    pace passes every gate."""
    first, last = 105.886, 164.286
    said = [turn for turn in recording("dialogue").utterances or () if first < turn.start and turn.end < last]
    audio = cut("dialogue", start=first, end=last)
    transcript = transcriber().transcribe(audio, quiet)
    text = " ".join([*(turn.text or "" for turn in said), "I am glad to hear it."])
    assert wer(text, text_of(transcript)) <= 0.08
    assert transcript.dropped == ()
    assert_well_formed(transcript, audio)


@pytest.mark.parametrize("times", [4, 6])
def test_a_sentence_that_is_said_several_times_is_stored_as_often(
    times: int, transcriber: Make, cut: Cut, recording: Known
) -> None:
    turn = next(
        turn for turn in recording("dialogue").utterances or () if turn.text == "Who would pay for it?"
    )
    audio = cut("dialogue", start=turn.start, end=turn.end + 0.1, times=times)
    transcript = transcriber().transcribe(audio, quiet)
    heard = text_of(transcript).lower().count("pay for it")
    assert times - 1 <= heard <= times + 1, text_of(transcript)
    assert transcript.dropped == ()


def test_silence_before_speech_moves_its_words_and_nothing_else(
    transcriber: Make, cut: Cut, wer: Rate
) -> None:
    hearing = transcriber(beam_size=1)
    plain = hearing.transcribe(cut("two_cities"), quiet)
    later = hearing.transcribe(cut("two_cities", silence=300.0), quiet)
    assert wer(text_of(plain), text_of(later)) <= 0.03
    assert later.words[0].start - 300.0 == pytest.approx(plain.words[0].start, abs=0.3)
    assert later.words[-1].end - 300.0 == pytest.approx(plain.words[-1].end, abs=0.3)


def test_a_vocabulary_teaches_a_word_and_takes_no_punctuation_away(
    transcriber: Make, cut: Cut, recording: Known
) -> None:
    turn = next(turn for turn in recording("dialogue").utterances or () if "meadow" in (turn.text or ""))
    audio = cut("dialogue", start=turn.start - 1, end=turn.end + 1)
    without, taught = (transcriber(vocabulary=words).transcribe(audio, quiet) for words in ((), ("meadow",)))
    assert "meadow" not in text_of(without).lower()
    assert "meadow" in text_of(taught).lower()
    assert text_of(taught).count(".") >= text_of(without).count(".") - 1


def test_a_vocabulary_too_long_for_the_prompt_keeps_its_first_words_whole(transcriber: Make) -> None:
    words = tuple(f"unpronounceable{i}" for i in range(100))
    kept = transcriber()._engine.fitting(words)
    assert 10 < len(kept) < 100
    assert kept == words[: len(kept)]


@pytest.mark.parametrize("missing", ["model.bin", "tokenizer.json"])
def test_a_model_with_a_missing_file_is_named(missing: str, tiny_en: Path, tmp_path: Path) -> None:
    for path in tiny_en.iterdir():
        if path.name != missing:
            (tmp_path / path.name).symlink_to(path)
    with pytest.raises(StageError, match=missing) as caught:
        Engine(tmp_path, device="cpu", compute_type="int8", threads=1)
    assert caught.value.reason is Reason.MODELS_UNAVAILABLE


def test_a_damaged_model_is_not_loaded(tiny_en: Path, tmp_path: Path) -> None:
    for path in tiny_en.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes()[:1000])
    with pytest.raises(StageError) as caught:
        Engine(tmp_path, device="cpu", compute_type="int8", threads=1)
    assert caught.value.reason is Reason.MODELS_UNAVAILABLE


@pytest.mark.parametrize("lacking", ["float16", "int8_float16"])
def test_a_number_format_that_the_device_has_not_is_named(tiny_en: Path, lacking: str) -> None:
    with pytest.raises(StageError, match=lacking) as caught:
        Engine(tiny_en, device="cpu", compute_type=lacking, threads=1)
    assert caught.value.reason is Reason.COMPUTE_TYPE_UNSUPPORTED


def test_cuda_on_a_machine_without_a_gpu_is_reported_and_nothing_runs_on_the_cpu(
    tiny_en: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(StageError) as caught:
        Engine(tiny_en, device="cuda", compute_type="int8", threads=1)
    assert caught.value.reason is Reason.GPU_UNAVAILABLE


def test_transcribing_needs_no_torch() -> None:
    program = (
        "import sys, ingest_worker.engines.whisper, faster_whisper, faster_whisper.vad, ctranslate2; "
        "from ingest_worker.engines import cublas; cublas.preload(); "
        "sys.exit('torch' in sys.modules or 'libcublas.so.12' not in open('/proc/self/maps').read())"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_missing_cublas_is_a_gpu_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str, **_: Any) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", refuse)
    with pytest.raises(StageError, match=r"libcublas\.so\.12") as caught:
        cublas.preload()
    assert caught.value.reason is Reason.GPU_UNAVAILABLE


def test_released_memory_is_not_asked_for_again(transcriber: Make) -> None:
    hearing = transcriber()
    model = hearing._engine._model.model
    assert model.model_is_loaded
    hearing.release()
    assert not model.model_is_loaded
