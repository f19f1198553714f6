"""How loud the networks that find speech get a recording."""

from pathlib import Path

import numpy as np
import pytest

from ingest_worker.domain import Audio
from ingest_worker.engines import gain
from ingest_worker.engines.chunks import FRAME_SAMPLES


def sound_of(*levels: tuple[float, int]) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    """So many frames of white noise at each level (root mean square, relative to full scale)."""
    chance = np.random.default_rng(1)
    parts = [chance.normal(0, level * 32_768, frames * FRAME_SAMPLES) for level, frames in levels]
    return np.concatenate(parts).clip(-32_768, 32_767).astype(np.int16)


@pytest.mark.parametrize("level", [0.0008, 0.002, 0.006, 0.02, 0.04])
def test_a_faint_recording_is_raised_to_an_ordinary_level(level: float) -> None:
    assert level * gain.gain_of([sound_of((level, 700))]) == pytest.approx(gain.LEVEL_AMPLITUDE, rel=0.1)


@pytest.mark.parametrize("level", [0.05, 0.1, 0.3])
def test_an_ordinary_recording_is_left_as_it_is(level: float) -> None:
    assert gain.gain_of([sound_of((level, 700))]) == 1


def test_a_minute_of_speech_in_hours_of_quiet_is_not_driven_out_of_range() -> None:
    quiet, speech = (0.0003, 20_000), (0.05, 160)  # speech is less than one frame in a hundred
    assert gain.gain_of([sound_of(quiet, speech)]) == pytest.approx(gain.HEADROOM_FACTOR, rel=0.1)


def test_digital_silence_has_no_level() -> None:
    assert gain.gain_of([np.zeros(10 * FRAME_SAMPLES, np.int16)]) == 1
    assert gain.gain_of([]) == 1


def test_a_frame_that_the_recording_ends_in_is_padded_with_silence() -> None:
    levels = gain.levels_of([np.full(2 * FRAME_SAMPLES + FRAME_SAMPLES // 4, 16_384, np.int16)])
    assert levels == pytest.approx([0.5, 0.5, 0.25])


def mapped_kib() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("RssFile:")[2].split()[0])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux has /proc")
def test_what_was_read_of_a_recording_is_not_held(tmp_path: Path) -> None:
    samples = 64 << 20
    with (tmp_path / "a.pcm").open("wb") as file:
        file.truncate(2 * samples)
    before = mapped_kib()
    sound = gain.Amplified(Audio(tmp_path / "a.pcm", samples))
    for first in range(0, samples, 1 << 22):
        sound.between(first, first + (1 << 22))
    sound.levels()
    assert mapped_kib() - before < 32 << 10
