"""The dialogue and the other recordings: what is known about them is true."""

import json
from pathlib import Path

import numpy as np
import pytest

from testkit.models.demo_set import model as model_folder
from testkit.speech import audio, catalogue, dialogue, phonemes, voices
from testkit.speech.dialogue import Turn
from testkit.speech.phonemes import ScriptError

SCRIPT = phonemes.parsed(phonemes.SCRIPT.read_text())


def tone(seconds: float, level: float = 0.5) -> audio.Samples:
    time = np.arange(int(seconds * audio.RATE), dtype=np.float32) / audio.RATE
    return (level * np.sin(2 * np.pi * 220 * time)).astype(np.float32)


def test_every_sentence_of_the_script_has_its_phonemes_and_no_other_has() -> None:
    known = phonemes.table(phonemes.TABLE.read_text())
    assert set(phonemes.pronounced(SCRIPT, known)) == set(known)


def test_a_sentence_without_phonemes_is_reported_with_the_command_that_makes_them() -> None:
    script = phonemes.parsed("joe: Something new. And more.\n")
    with pytest.raises(
        ScriptError, match=r"lacks 'Something new\.' and 1 more\. Run `python -m testkit\.speech\.phonemes`"
    ):
        phonemes.pronounced(script, {})


def test_a_line_of_the_script_that_nobody_says_is_refused_by_number() -> None:
    with pytest.raises(ScriptError, match="line 2"):
        phonemes.parsed("joe: Hello.\nHello.\n")


def test_enrolment_says_nothing_that_the_dialogue_says() -> None:
    said = {sentence for line in SCRIPT.dialogue for sentence in line.sentences}
    assert (
        set(SCRIPT.enrolment)
        == {line.voice for line in SCRIPT.dialogue}
        == set(voices.VOICES)
        == set(catalogue.VOICES)
    )
    assert not said & {sentence for line in SCRIPT.enrolment.values() for sentence in line.sentences}


def test_turns_stand_where_the_sound_is() -> None:
    whole, spans = dialogue.assembled([dialogue.joined([tone(1.0), tone(0.5)]), dialogue.joined([tone(2.0)])])
    assert [round(end - start, 6) for start, end in spans] == [1.0 + dialogue.PAUSE_SECONDS + 0.5, 2.0]
    assert dialogue.GAP_SECONDS[0] <= spans[1][0] - spans[0][1] <= dialogue.GAP_SECONDS[1]
    loud = np.abs(whole) > 10 * dialogue.NOISE
    assert np.flatnonzero(loud)[0] / audio.RATE == pytest.approx(spans[0][0], abs=0.002)
    assert np.flatnonzero(loud)[-1] / audio.RATE == pytest.approx(spans[1][1], abs=0.002)


def test_silence_at_the_ends_is_cut_off() -> None:
    quiet = np.zeros(audio.RATE, np.float32)
    assert audio.trimmed(np.concatenate([quiet, tone(1.0), quiet])).size == pytest.approx(
        1.06 * audio.RATE, abs=100
    )
    assert audio.trimmed(quiet).size == 0


def test_sound_of_another_rate_keeps_its_length_and_pitch() -> None:
    time = np.arange(48_000, dtype=np.float32) / 48_000
    found = audio.resampled(np.sin(2 * np.pi * 1000 * time).astype(np.float32), 48_000)
    assert found.size == pytest.approx(audio.RATE, abs=32)
    assert int(np.argmax(np.abs(np.fft.rfft(found[:16_000])))) == pytest.approx(1000, abs=2)


def test_written_sound_is_read_back(tmp_path: Path) -> None:
    audio.write(tmp_path / "a.wav", tone(0.5))
    np.testing.assert_allclose(audio.read(tmp_path / "a.wav"), tone(0.5), atol=1 / 32000)


def test_turns_survive_rttm_in_order_of_time() -> None:
    turns = (Turn(0.5, 1.25, "joe"), Turn(2.0, 3.5, "ken"))
    assert catalogue.parsed_rttm(dialogue.rttm("x", turns[::-1]) + dialogue.rttm("y", turns), "x") == turns


def test_listing_the_recordings_makes_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INGEST_CACHE", str(tmp_path))
    known = catalogue.recordings()
    assert {"dialogue", "sample", "two_cities", "ami-dev00", "voice-joe"} < set(known)
    assert "dialogue" in known
    assert "other" not in known
    assert list(tmp_path.iterdir()) == []


def test_the_sample_has_two_speakers_with_turns_and_words() -> None:
    sample = catalogue.recordings()["sample"]
    assert sample.seconds == 30.0
    assert sample.turns is not None
    assert sample.utterances is not None
    assert (
        {turn.speaker for turn in sample.turns}
        == {turn.speaker for turn in sample.utterances}
        == {"speaker90", "speaker91"}
    )
    assert sample.text is not None
    assert sample.text.startswith("Hello? Hello? Oh, hello.")


@pytest.mark.models
@pytest.mark.parametrize("voice", ["joe", "ken"])
def test_a_voice_says_the_same_twice_to_the_last_sample(voice: str) -> None:
    ipa = phonemes.table(phonemes.TABLE.read_text())["Good night."]
    (first,), (second,) = voices.spoken(voice, [ipa]), voices.spoken(voice, [ipa])
    assert 0.4 < first.size / audio.RATE < 2.0
    np.testing.assert_array_equal(first, second)


@pytest.mark.models
@pytest.mark.timeout(600)
def test_the_dialogue_is_five_minutes_of_three_voices_with_exact_words_and_turns() -> None:
    found = catalogue.recordings()["dialogue"]
    assert 270 <= found.seconds <= 330
    assert found.turns is not None
    assert [(turn.speaker, turn.text) for turn in found.turns] == [
        (line.voice, line.text) for line in SCRIPT.dialogue
    ]
    assert {turn.speaker for turn in found.turns} == set(catalogue.VOICES)
    assert catalogue.parsed_rttm(found.path.with_suffix(".rttm").read_text(), "dialogue")[
        0
    ].end == pytest.approx(found.turns[0].end, abs=0.001)
    assert json.loads(found.path.with_suffix(".json").read_text())[0]["speaker"] == "joe"
    samples = audio.read(found.path)
    inside = [
        np.sqrt(np.mean(samples[int(t.start * audio.RATE) : int(t.end * audio.RATE)] ** 2))
        for t in found.turns
    ]
    assert inside == pytest.approx([dialogue.LEVEL] * len(inside), rel=0.05)


@pytest.mark.models
@pytest.mark.parametrize("voice", catalogue.VOICES)
def test_each_voice_has_ten_seconds_for_enrolment(voice: str) -> None:
    assert catalogue.recordings()[f"voice-{voice}"].seconds >= 10


@pytest.mark.models
def test_meeting_clips_have_turns_inside_their_thirty_seconds() -> None:
    clip = catalogue.recordings()["ami-dev00"]
    assert clip.seconds == pytest.approx(30.0, abs=0.1)
    assert clip.turns
    assert all(0 <= turn.start < turn.end <= 30.1 for turn in clip.turns)


@pytest.mark.models
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("name", "bound"),
    [
        # `tests/journey/test_a_batch.py` hears it, too, and holds it to more
        pytest.param("dialogue", 0.08, marks=pytest.mark.nightly),
        ("two_cities", 0.08),
    ],
)
def test_whisper_tiny_follows(name: str, bound: float) -> None:
    import re

    import jiwer
    from faster_whisper import BatchedInferencePipeline, WhisperModel

    recording = catalogue.recordings()[name]
    assert recording.text is not None
    model = BatchedInferencePipeline(
        WhisperModel(str(model_folder("tiny.en")), device="cpu", compute_type="int8", cpu_threads=2)
    )
    segments, _ = model.transcribe(
        audio.read(recording.path), language="en", batch_size=8, word_timestamps=True
    )
    heard = " ".join(segment.text for segment in segments)
    plain = [" ".join(re.sub(r"[^a-z' ]", " ", text.lower()).split()) for text in (recording.text, heard)]
    assert jiwer.wer(*plain) <= bound
