"""Many channels become one, and nobody on any of them is lost."""

from pathlib import Path

import numpy as np
import pytest

from ingest_worker.domain import SAMPLE_RATE
from tests.worker.audio.heard import Sound, heard, silence, tone, wave


def note(seconds: float, hertz: float = 440, peak: float = 0.25) -> Sound:
    return tone(seconds, hertz, rate=SAMPLE_RATE, peak=peak)


def rest(seconds: float) -> Sound:
    return silence(seconds, SAMPLE_RATE)


def hiss(seconds: float, seed: int) -> Sound:
    return (np.random.default_rng(seed).standard_normal(round(seconds * SAMPLE_RATE)) * 0.02).astype(
        np.float32
    )


@pytest.mark.parametrize("share", [1.0, 0.9])
def test_channels_of_opposite_sign_do_not_cancel_each_other(share: float, tmp_path: Path) -> None:
    found = heard(wave(tmp_path / "a.wav", [note(3), -share * note(3)]))
    assert found.level(0.5, 2.5) == pytest.approx(0.25 / np.sqrt(2), rel=0.02)


def test_a_channel_that_is_turned_round_in_the_middle_is_noticed_there(tmp_path: Path) -> None:
    voice = note(4) + hiss(4, 1)
    found = heard(
        wave(tmp_path / "a.wav", [voice, np.concatenate([voice[:32_000], -voice[32_000:]]) + hiss(4, 2)])
    )
    levels = [found.level(start, start + 0.1) for start in np.arange(0, 4, 0.1)]
    assert min(levels[:19] + levels[23:]) > 0.15


def test_an_ordinary_stereo_recording_stays_the_mean_of_its_channels(tmp_path: Path) -> None:
    left, right = note(2, 440) + hiss(2, 1), note(2, 660) + hiss(2, 2)
    found = heard(wave(tmp_path / "a.wav", [left, right]))
    assert np.abs(found.pcm / 32_768 - (left + right) / 2).max() < 1e-4


@pytest.mark.parametrize(("mask", "told"), [(None, "nothing"), (0x3F, "5.1")])
def test_three_people_on_the_first_fourth_and_fifth_of_six_channels_are_all_heard(
    mask: int | None, told: str, tmp_path: Path
) -> None:
    first, fourth, fifth = note(1, 440), note(1, 660), note(1, 880)
    channels = [rest(3) for _ in range(6)]
    for place, (channel, voice) in enumerate(((0, first), (3, fourth), (4, fifth))):
        channels[channel][place * SAMPLE_RATE : (place + 1) * SAMPLE_RATE] = voice
    found = heard(wave(tmp_path / f"{told}.wav", channels, mask=mask))
    assert [found.pitch(start + 0.2, start + 0.8) for start in range(3)] == [440, 660, 880]
    assert min(found.level(start + 0.2, start + 0.8) for start in range(3)) > 0.05


@pytest.mark.parametrize("count", [60, 64, 65, 120])
@pytest.mark.slow
def test_people_on_single_channels_of_very_many_are_heard_as_loud_as_they_are(
    count: int, tmp_path: Path
) -> None:
    channels = [hiss(4, channel) * 0.05 for channel in range(count)]
    channels[3][:32_000] += note(2, 440)
    channels[count - 1][32_000:] += note(2, 660)
    found = heard(wave(tmp_path / "a.wav", channels))
    assert (found.pitch(0.5, 1.5), found.pitch(2.5, 3.5)) == (440, 660)
    assert 0.1 < found.level(0.5, 1.5) < 0.3
    assert found.told["gain"] > 20


def test_a_whisper_is_not_made_louder_than_its_channel(tmp_path: Path) -> None:
    found = heard(wave(tmp_path / "a.wav", [note(3, peak=0.003), note(3, peak=0.003)]))
    assert found.level(0.5, 2.5) == pytest.approx(0.003 / np.sqrt(2), rel=0.02)
    assert found.told["gain"] == 1


@pytest.mark.parametrize("times", [2.0, 100.0, 32_768.0, 2.0**31])
def test_floats_beyond_full_scale_keep_their_shape(times: float, tmp_path: Path) -> None:
    voice = note(3, 440, 0.9) + note(3, 700, 0.05)
    found = heard(wave(tmp_path / "a.wav", [voice * np.float32(times)], floats=True))
    assert np.corrcoef(found.pcm, voice)[0, 1] > 0.9999
    assert np.abs(found.pcm).max() > 16_000
    assert found.told["gain"] < 1


def test_single_samples_that_are_no_sound_disturb_nothing_else(tmp_path: Path) -> None:
    voice = note(4)
    broken = voice.copy()
    broken[[20_000, 30_000, 31_000]] = [1e30, np.nan, np.inf]
    found = heard(wave(tmp_path / "a.wav", [broken], floats=True))
    assert found.told["gain"] == 1
    assert np.abs(found.pcm[:19_000] / 32_768 - voice[:19_000]).max() < 1e-4
    assert np.abs(found.pcm[32_000:] / 32_768 - voice[32_000:]).max() < 1e-4


def test_a_file_without_samples_is_a_moment_of_silence(tmp_path: Path) -> None:
    assert heard(wave(tmp_path / "a.wav", [rest(0)])).pcm.tolist() == [0]
