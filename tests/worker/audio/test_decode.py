"""Real media through the real child: what comes out, and when it is made again."""

import json
import os
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from ingest_contract.profile import FetchProfile
from ingest_worker.audio.decode import LimitedDecoder
from ingest_worker.domain import SAMPLE_RATE, Audio, Media, Sound
from testkit.media.tones import TONE, make
from tests.worker.audio.decoding import decode

FORMATS = {
    "film.mp4": {"codec": "aac", "picture": "mpeg4"},
    "clip.webm": {"codec": "libopus", "picture": "libvpx"},
    "talk.mp3": {"codec": "libmp3lame", "rate": 44_100},
    "call.wav": {"codec": "pcm_s16le", "rate": 8_000},
    "note.flac": {"codec": "flac", "rate": 16_000},
    "cast.ts": {"codec": "aac", "picture": "mpeg2video"},
}


def pitch(audio: Audio) -> float:
    """The loudest frequency, in Hz."""
    spectrum = np.abs(np.fft.rfft(audio.window(1.0, 3.0)))
    return float(np.argmax(spectrum)) / 2.0


@pytest.mark.parametrize("name", FORMATS)
def test_every_kind_of_media_becomes_the_same_sound(name: str, tmp_path: Path) -> None:
    audio = decode(make(tmp_path / name, **FORMATS[name]), tmp_path / "scratch")  # type: ignore[arg-type]  # a table of keyword arguments
    assert audio.seconds == pytest.approx(6.0, abs=0.06)
    assert pitch(audio) == pytest.approx(TONE, abs=1)
    assert audio.path.stat().st_size == audio.samples * 2


def test_silence_is_audio(tmp_path: Path) -> None:
    path = make(tmp_path / "a.wav", "pcm_s16le", rate=SAMPLE_RATE)
    silence = bytes(6 * SAMPLE_RATE * 2)
    path.write_bytes(path.read_bytes()[: -len(silence)] + silence)
    assert decode(path, tmp_path / "scratch").samples == 6 * SAMPLE_RATE


def test_sound_that_begins_later_than_the_picture_keeps_its_time(tmp_path: Path) -> None:
    audio = decode(make(tmp_path / "late.mp4", "aac", picture="mpeg4", start=3), tmp_path / "scratch")
    assert audio.seconds == pytest.approx(9.0, abs=0.1)
    assert not audio.window(0.0, 2.9).any()
    assert np.abs(audio.window(3.1, 3.5)).max() > 0.1


def bare_mp3(path: Path, *, rate: int = 44_100, bit_rate: int = 64_000, seconds: int = 6) -> bytes:
    """Frames of one constant bit rate, without a tag or a frame that counts them."""
    with av.open(str(path), "w", options={"write_xing": "0", "id3v2_version": "0"}) as container:
        track = container.add_stream("libmp3lame", rate=rate, layout="mono", bit_rate=bit_rate)
        wave = (np.sin(2 * np.pi * TONE * np.arange(rate * seconds) / rate) * 8000).astype("<i2")
        frame = av.AudioFrame.from_ndarray(wave[None], format="s16", layout="mono")
        frame.sample_rate = rate
        container.mux(track.encode(frame))
        container.mux(track.encode(None))
    return path.read_bytes()


def test_a_length_guessed_from_the_first_frames_bit_rate_calls_nothing_truncated(tmp_path: Path) -> None:
    quiet, loud = (
        bare_mp3(tmp_path / "1.mp3", bit_rate=32_000, seconds=2),
        bare_mp3(tmp_path / "2.mp3", bit_rate=320_000, seconds=10),
    )
    path = tmp_path / "vbr.mp3"
    path.write_bytes(quiet + loud)
    with av.open(str(path)) as container:
        assert container.duration is not None
        assert container.duration / av.time_base > 60
    assert decode(path, tmp_path / "scratch").seconds == pytest.approx(12.0, abs=0.3)


def test_sound_that_changes_its_rate_in_the_middle_is_decoded_through(tmp_path: Path) -> None:
    path = tmp_path / "joined.mp3"
    path.write_bytes(bare_mp3(tmp_path / "1.mp3", rate=44_100) + bare_mp3(tmp_path / "2.mp3", rate=32_000))
    audio = decode(path, tmp_path / "scratch")
    assert audio.seconds == pytest.approx(12.0, abs=0.3)
    assert pitch(audio) == pytest.approx(TONE, abs=1)


def test_progress_rises_and_ends_at_one(tmp_path: Path) -> None:
    shares: list[float] = []
    path = make(tmp_path / "a.wav", "pcm_s16le", rate=SAMPLE_RATE, seconds=100)
    LimitedDecoder(FetchProfile()).decode(Media(path, "a", None), tmp_path / "scratch", shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert 0.1 < shares[0] < 0.3


def test_a_later_run_finds_the_audio_and_does_not_decode_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, scratch = make(tmp_path / "a.mp3", "libmp3lame"), tmp_path / "scratch"
    first = decode(path, scratch)
    monkeypatch.setattr(sys, "executable", "/nonexistent")
    assert decode(path, scratch) == first


@pytest.mark.parametrize("change", ["media", "audio cut", "note lost", "note of another version"])
@pytest.mark.slow
def test_audio_that_may_not_be_whole_or_of_this_media_is_made_again(change: str, tmp_path: Path) -> None:
    path, scratch = make(tmp_path / "a.mp3", "libmp3lame"), tmp_path / "scratch"
    first = decode(path, scratch)
    before = first.path.stat().st_ino
    if change == "media":
        make(path, "libmp3lame", seconds=4)
    elif change == "audio cut":
        os.truncate(first.path, 1000)
    elif change == "note lost":
        (scratch / "audio.json").unlink()
    else:
        note = json.loads((scratch / "audio.json").read_text())
        (scratch / "audio.json").write_text(json.dumps({**note, "version": 0}))
    again = decode(path, scratch)
    assert again.path.stat().st_ino != before
    assert again.seconds == pytest.approx(4.0 if change == "media" else 6.0, abs=0.1)


def test_what_was_heard_is_reported_now_and_when_it_is_found_again(tmp_path: Path) -> None:
    path, scratch = make(tmp_path / "a.mp3", "libmp3lame"), tmp_path / "scratch"
    assert decode(path, scratch).sound == decode(path, scratch).sound == Sound(tracks=1, track=1)
