"""A sound that is far too quiet for 16 bits, and one that is too short for the resampler."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ingest_contract.failures import Reason
from ingest_worker.domain import SAMPLE_RATE
from tests.worker.audio.heard import RATE, Sound, heard, mux, refused, tone


def noise_share(found: NDArray[np.int16], voice: Sound) -> float:
    """Energy of what is not the voice, whatever its level, in dB."""
    pcm, wanted = found[1600:-1600].astype(float), voice[1600 : len(found) - 1600].astype(float)
    scale = float(pcm @ wanted / (wanted @ wanted))
    rest = pcm - scale * wanted
    return float(10 * np.log10((rest @ rest) / (scale**2 * (wanted @ wanted))))


def voice(peak: float, rate: int, seconds: float = 3.0) -> Sound:
    """Two tones; the same sound at either rate."""
    return tone(seconds, 440, rate=rate, peak=0.7 * peak) + tone(seconds, 1500, rate=rate, peak=0.3 * peak)


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.wav", "pcm_s24le"), ("a.wav", "pcm_f32le"), ("a.mkv", "pcm_s32le"), ("a.mov", "pcm_s24be")],
)
def test_what_a_faint_sound_has_beyond_16_bits_is_kept(name: str, codec: str, tmp_path: Path) -> None:
    peak = 10 ** (-78 / 20)
    found = heard(mux(tmp_path / name, [(0.0, voice(peak, RATE))], codec=codec))
    assert noise_share(found.pcm, voice(peak, SAMPLE_RATE)) < -40
    assert 4_000 < np.abs(found.pcm.astype(int)).max() <= 8_300
    assert found.told["gain"] > 1_000


@pytest.mark.parametrize(
    ("name", "codec", "most"),
    [("a.m4a", "aac", -40), ("a.mp3", "libmp3lame", -60), ("a.webm", "libopus", -20)],
)
def test_what_a_lossy_codec_keeps_of_a_faint_sound_is_kept(
    name: str, codec: str, most: float, tmp_path: Path
) -> None:
    """Rounded to 16 bits as it is, each of them has -17 dB."""
    peak = 10 ** (-78 / 20)
    found = heard(mux(tmp_path / name, [(0.0, voice(peak, RATE))], codec=codec))
    assert noise_share(found.pcm[: 3 * SAMPLE_RATE], voice(peak, SAMPLE_RATE)) < most
    assert found.told["gain"] > 1_000


def test_a_click_in_a_faint_sound_is_not_clipped_and_bounds_its_gain(tmp_path: Path) -> None:
    sound = voice(2**-12, RATE, 12.0)
    sound[RATE : RATE + 24] = 0.02
    found = heard(mux(tmp_path / "a.wav", [(0.0, sound)], codec="pcm_f32le"))
    assert found.told["gain"] == pytest.approx(50)
    assert np.abs(found.pcm.astype(int)).max() > 30_000


@pytest.mark.parametrize(
    ("peak", "codec"), [(10 ** (-78 / 20), "pcm_s16le"), (0.01, "pcm_s24le"), (0.5, "pcm_f32le")]
)
def test_a_sound_of_16_bits_and_an_ordinary_one_are_left_as_they_are(
    peak: float, codec: str, tmp_path: Path
) -> None:
    assert heard(mux(tmp_path / "a.wav", [(0.0, voice(peak, RATE))], codec=codec)).told["gain"] == 1


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.wav", "pcm_s16le"),
        ("a.flac", "flac"),
        ("a.ogg", "libopus"),
        ("a.webm", "libopus"),
        ("a.mp3", "libmp3lame"),
        ("a.m4a", "aac"),
        ("a.mkv", "pcm_s24le"),
        ("a.aiff", "pcm_s16be"),
    ],
)
@pytest.mark.parametrize("samples", [1, 48])
def test_a_sound_of_one_sample_or_a_millisecond_is_as_short_and_no_damaged_file(
    name: str, codec: str, samples: int, tmp_path: Path
) -> None:
    found = heard(mux(tmp_path / name, [(0.0, tone(0.1)[1 : 1 + samples])], codec=codec))
    assert 1 <= len(found.pcm) <= SAMPLE_RATE // 20
    assert found.told["damaged"] == 0


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.aiff"])
def test_headers_without_the_sound_that_they_announce_are_truncated(name: str, tmp_path: Path) -> None:
    codec, before = {
        "a.wav": ("pcm_s16le", b"data"),
        "a.flac": ("flac", b"\xff\xf8"),
        "a.aiff": ("pcm_s16be", b"SSND"),
    }[name]
    content = mux(tmp_path / name, [(0.0, tone(5))], codec=codec).read_bytes()
    headers = content.index(before) + (0 if name == "a.flac" else 8)
    (tmp_path / name).write_bytes(content[:headers])
    assert refused(tmp_path / name) is Reason.TRUNCATED
