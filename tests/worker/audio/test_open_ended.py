"""Files that may still be written: who says so, and who says the contrary."""

import struct
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from ingest_worker.domain import SAMPLE_RATE
from tests.worker.audio.heard import heard, mux, silence, tone, wave


class Pipe:
    """A file into which nobody can go back: what a recorder writes that is still at work."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")

    def write(self, content: bytes) -> int:
        return self._file.write(content)

    def close(self) -> None:
        self._file.close()


def piped(path: Path, seconds: float, codec: str, form: str) -> Path:
    """Written from front to back, by whatever the format leaves open then."""
    pipe = Pipe(path)
    with av.open(pipe, "w", format=form) as container:
        stream: Any = container.add_stream(codec, rate=48_000, layout="mono")
        sound = tone(seconds)
        for first in range(0, len(sound), 4800):
            part = np.ascontiguousarray(sound[None, first : first + 4800])
            frame = av.AudioFrame.from_ndarray(part, "fltp", "mono")
            frame.sample_rate, frame.pts = 48_000, first
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    pipe.close()
    return path


@pytest.mark.parametrize(
    ("name", "codec", "form"),
    [
        ("a.wav", "pcm_s16le", "wav"),
        ("a.webm", "libopus", "webm"),
        ("a.mkv", "aac", "matroska"),
        ("a.flac", "flac", "flac"),
        ("a.mp3", "libmp3lame", "mp3"),
        ("a.ts", "aac", "mpegts"),
        ("a.aac", "aac", "adts"),
    ],
)
def test_what_was_written_from_front_to_back_has_no_end_that_anybody_knows(
    name: str, codec: str, form: str, tmp_path: Path
) -> None:
    path = piped(tmp_path / name, 5, codec, form)
    assert heard(path).seconds == pytest.approx(5, abs=0.1)
    assert heard(path).told["open_ended"] is True
    assert heard(path, expected=5).told["open_ended"] is False, "its source says how long it is"


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.wav", "pcm_s16le"),
        ("a.webm", "libopus"),
        ("a.mkv", "aac"),
        ("a.flac", "flac"),
        ("a.mp3", "libmp3lame"),
        ("a.mp4", "aac"),
        ("a.ogg", "libopus"),
        ("a.aiff", "pcm_s16be"),
    ],
)
def test_a_file_that_says_how_long_it_is_is_whole(name: str, codec: str, tmp_path: Path) -> None:
    assert heard(mux(tmp_path / name, [(0, tone(5))], codec=codec)).told["open_ended"] is False


def test_an_ogg_file_without_its_last_page_goes_on(tmp_path: Path) -> None:
    path = mux(tmp_path / "a.ogg", [(0, tone(5))], codec="libopus")
    content = path.read_bytes()
    assert heard(path).told["open_ended"] is False
    path.write_bytes(content[: content.rindex(b"OggS")])
    assert heard(path).told["open_ended"] is True


def test_headers_alone_are_open_whatever_they_say(tmp_path: Path) -> None:
    whole = wave(tmp_path / "a.wav", [tone(1, rate=SAMPLE_RATE)]).read_bytes()
    for promised in (0, 0xFFFFFFFF):
        path = tmp_path / f"{promised}.wav"
        path.write_bytes(whole[:40] + struct.pack("<I", promised))
        found = heard(path)
        assert (found.pcm.tolist(), found.told["open_ended"]) == ([0], True)


def test_silence_with_an_end_is_whole(tmp_path: Path) -> None:
    assert heard(wave(tmp_path / "a.wav", [silence(5, SAMPLE_RATE)])).told["open_ended"] is False


@pytest.mark.parametrize("lost", [0, 400])
def test_packets_that_a_stream_lost_are_reported_by_the_jump_of_its_clock(lost: int, tmp_path: Path) -> None:
    """Without a picture nothing says whether sound is missing at a jump, and no silence stands in."""
    path = mux(tmp_path / "a.ts", [(0, tone(20) + tone(20, 700, peak=0.1))], codec="aac", format="mpegts")
    content = path.read_bytes()
    path.write_bytes(content[: 188 * 700] + content[188 * (700 + lost) :])
    found = heard(path)
    assert found.told["clock_jumps"] == bool(lost)
    assert (found.seconds < 19) is bool(lost)
