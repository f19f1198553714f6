"""A soft voice among loud ones, and a codec that drowns one: voice activity finds both, and nothing else."""

from pathlib import Path

import numpy as np
import pytest

from ingest_worker.domain import SAMPLE_RATE, Audio
from ingest_worker.engines.chunks import FRAME_SAMPLES, voiced
from ingest_worker.engines.gain import Amplified
from ingest_worker.engines.soft import Levelled, Lift, _lasting, listened
from testkit.speech.coding import Sound, coded, levelled
from tests.worker.transcription.conftest import Cut, Make, spelling

PAUSE = np.zeros(SAMPLE_RATE, np.int16)


def speech_in(folder: Path, sound: Sound, start: float = 0.0, end: float | None = None) -> float:
    """Seconds of speech that voice activity finds between two times."""
    probabilities = listened(audio_of(folder, sound), quiet)[1]
    frames = voiced(probabilities, sound.size)
    last = frames.size if end is None else round(end * SAMPLE_RATE) // FRAME_SAMPLES
    return float(
        frames[round(start * SAMPLE_RATE) // FRAME_SAMPLES : last].sum() * FRAME_SAMPLES / SAMPLE_RATE
    )


def audio_of(folder: Path, sound: Sound) -> Amplified:
    return Amplified(stored(folder, sound))


def stored(folder: Path, sound: Sound) -> Audio:
    path = folder / "sound.pcm"
    path.write_bytes(sound.astype("<i2").tobytes())
    return Audio(path, sound.size)


def quiet(_: float) -> None:
    pass


def noise(seconds: float, amplitude: float) -> Sound:
    drawn = np.random.default_rng(4).normal(0, amplitude, round(seconds * SAMPLE_RATE))
    return np.round(drawn).astype(np.int16)


@pytest.mark.parametrize("decibels", [-20, -30, -40, -50])
@pytest.mark.parametrize("amplitude", [0, 3])
def test_a_soft_voice_between_loud_ones_is_found(
    decibels: int, amplitude: float, cut: Cut, tmp_path: Path
) -> None:
    loud, soft = cut("voice-joe").pcm(), cut("voice-mina").pcm()
    sound = np.concatenate([loud, PAUSE, levelled(soft, decibels), PAUSE, loud])
    sound = sound + noise(sound.size / SAMPLE_RATE, amplitude)
    start, end = (loud.size + PAUSE.size) / SAMPLE_RATE, (loud.size + PAUSE.size + soft.size) / SAMPLE_RATE
    alone = speech_in(tmp_path, soft)
    assert speech_in(tmp_path, sound, start, end) >= 0.93 * alone
    around = [(loud.size / SAMPLE_RATE + 0.3, start - 0.1), (end + 0.1, end + 0.9)]
    assert [speech_in(tmp_path, sound, *pause) for pause in around] == [0, 0]


def test_words_of_a_soft_voice_are_stored(transcriber: Make, cut: Cut, tmp_path: Path) -> None:
    loud, soft = cut("voice-joe", end=6.0).pcm(), cut("voice-mina", end=7.0).pcm()
    words = {}
    for decibels in (0, -40):
        sound = np.concatenate([loud, PAUSE, levelled(soft, decibels), PAUSE, loud])
        found = transcriber().transcribe(stored(tmp_path, sound), quiet)
        words[decibels] = spelling(" ".join(word.text for word in found.words))
    assert len(words[0].split()) > 50
    assert words[-40] == words[0]


def test_a_clause_that_is_left_out_where_a_soft_voice_ends_is_found(
    transcriber: Make, cut: Cut, tmp_path: Path
) -> None:
    """Of "should last for a little while. My name is Joe" tiny.en writes "My name is Joe", at times that
    leave 1.0 s of the soft voice and of the loud one bare. Which words it writes there depends on the
    processor's sums of int8."""
    soft, loud = levelled(cut("voice-mina", start=7.0).pcm(), -55), cut("voice-joe", end=6.0).pcm()
    found = transcriber().transcribe(stored(tmp_path, np.concatenate([PAUSE, soft, PAUSE, loud])), quiet)
    text = spelling(" ".join(word.text for word in found.words))
    assert "my name is joe and i am reading" in text
    assert sum(7.0 <= word.start < 8.2 for word in found.words) >= 3
    assert (found.redecoded, found.dropped) == (1, ())


@pytest.mark.parametrize(("seconds", "decibels"), [(31.0, -20), (90.0, 0), (300.0, -10)])
def test_a_short_answer_in_a_long_silence_is_found(
    seconds: float, decibels: int, cut: Cut, tmp_path: Path
) -> None:
    """The state of voice activity sinks into silence: of half a second it found 0.4 s behind half a minute,
    and 0.2 s behind a minute and a half."""
    answer, silence = levelled(cut("voice-mina", end=0.62).pcm(), decibels), noise(seconds, 0)
    sound = np.concatenate([cut("voice-joe", end=6.0).pcm(), silence, answer, PAUSE])
    assert speech_in(tmp_path, sound, 6.0 + seconds - 0.1, 7.0 + seconds) >= 0.45


def test_speech_that_a_codec_drowns_is_found(cut: Cut, tmp_path: Path) -> None:
    """ADPCM's errors have fixed sizes: of faint speech Silero takes whole sentences for noise."""
    sound = cut("dialogue", start=40.0, end=70.0).pcm()
    drowned = coded(levelled(np.concatenate([PAUSE[: SAMPLE_RATE * 883 // 1000], sound]), -30), "adpcm")
    assert speech_in(tmp_path, drowned) >= 0.98 * speech_in(tmp_path, sound)


@pytest.mark.parametrize("amplitude", [0, 2, 30, 300, 3000])
def test_the_silence_and_the_noise_around_speech_hold_none(
    amplitude: float, cut: Cut, tmp_path: Path
) -> None:
    click = noise(0.05, 8000)
    sound = np.concatenate([cut("voice-joe").pcm(), noise(20, amplitude), click, noise(20, amplitude)])
    assert speech_in(tmp_path, sound, cut("voice-joe").seconds + 0.5) == 0


def test_what_is_shorter_than_a_word_is_no_soft_voice() -> None:
    runs = [0.1, 0.2, 0.26, 1.0]
    frames = [round(seconds * SAMPLE_RATE / FRAME_SAMPLES) for seconds in runs]
    flags = np.concatenate([part for count in frames for part in (np.zeros(9), np.ones(count))]) > 0
    kept = _lasting(flags)
    assert kept.sum() == sum(frames[2:])
    assert np.array_equal(kept[-(frames[3] + 9 + frames[2]) :], flags[-(frames[3] + 9 + frames[2]) :])


def test_only_what_is_lifted_becomes_louder_and_nothing_leaves_the_range(tmp_path: Path) -> None:
    plain = audio_of(tmp_path, np.full(1000, 16_384, np.int16))
    sound = Levelled(plain, [Lift(100, 200, 1.5), Lift(300, 400, 8.0)])
    expected = np.full(1000, 0.5, np.float32)
    expected[100:200], expected[300:400] = 0.75, 1.0
    for first, last in [(0, 1000), (-5, 150), (150, 350), (399, 400), (400, 2000), (200, 300)]:
        assert np.array_equal(sound.between(first, last), expected[max(0, first) : last])
