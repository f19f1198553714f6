"""What is whole and looks cut, and what is cut."""

import struct
from pathlib import Path

import numpy as np
import pytest

from ingest_contract.failures import Reason
from ingest_worker.domain import SAMPLE_RATE
from testkit.media.tones import cut
from tests.worker.audio.heard import heard, mux, refused, tone, wave

PLACEHOLDERS = [
    0,
    0x7FFFFFFF,
    0x7FFFF000,
    0x7FFFF024,
    0x80000000,
    0x80000024,
    2_000_000_000,
    0xFFFFFFFF,
    0xFFFFFFD7,
]


def resized(path: Path, *, riff: int | None = None, data: int | None = None) -> Path:
    """Four seconds of sound under a header with other sizes."""
    content = bytearray(wave(path, [tone(4, rate=SAMPLE_RATE)]).read_bytes())
    for place, size in ((4, riff), (40, data)):
        if size is not None:
            content[place : place + 4] = struct.pack("<I", size)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("size", [*PLACEHOLDERS, 128_044])
def test_a_wave_whose_writer_did_not_know_its_size_is_whole(size: int, tmp_path: Path) -> None:
    found = [
        heard(resized(tmp_path / "riff.wav", riff=size)),
        heard(resized(tmp_path / "both.wav", riff=size, data=max(0, size - 36))),
        heard(resized(tmp_path / "data.wav", data=size if size in PLACEHOLDERS else None)),
    ]
    assert [each.seconds for each in found] == [4, 4, 4]


@pytest.mark.parametrize("joint", [b"", b"LIST\x04\x00\x00\x00INFO"])
def test_a_wave_of_which_only_a_part_would_be_decoded_is_refused(joint: bytes, tmp_path: Path) -> None:
    whole = wave(tmp_path / "a.wav", [tone(4, rate=SAMPLE_RATE)]).read_bytes()
    (tmp_path / "joined.wav").write_bytes(whole + joint + whole)
    (tmp_path / "twice.wav").write_bytes(whole + joint + whole[whole.index(b"data") :])
    assert refused(tmp_path / "joined.wav") is Reason.UNDECODABLE
    assert refused(tmp_path / "twice.wav") is Reason.UNDECODABLE


@pytest.mark.parametrize("size", [256_000, 2_500_000_000])
def test_a_wave_that_promises_more_samples_than_it_has_is_truncated(size: int, tmp_path: Path) -> None:
    assert refused(resized(tmp_path / "a.wav", riff=size + 36, data=size)) is Reason.TRUNCATED


@pytest.mark.parametrize(
    "trailer", [np.random.default_rng(3).bytes(5000), b"\x7f\x00\x00\x00skip" + bytes(4000)]
)
def test_what_a_camera_writes_behind_the_boxes_of_an_mp4_is_no_missing_content(
    trailer: bytes, tmp_path: Path
) -> None:
    path = mux(tmp_path / "a.mp4", [(0, tone(4))])
    path.write_bytes(path.read_bytes() + trailer)
    assert heard(path).seconds == pytest.approx(4, abs=0.1)


@pytest.mark.parametrize(("name", "codec"), [("a.mkv", "aac"), ("a.webm", "libopus")])
def test_a_picture_that_outlasts_its_sound_is_no_cut(name: str, codec: str, tmp_path: Path) -> None:
    path = mux(tmp_path / name, [(0, tone(4))], codec=codec, picture=(0, 20))
    assert heard(path).seconds == pytest.approx(4, abs=0.1)
    assert refused(cut(path, 0.5)) is Reason.TRUNCATED


SIZED = [
    ("a.au", "pcm_s16be", b".snd", 8, struct.pack(">I", 0xFFFFFFFF)),
    ("a.w64", "pcm_s16le", b"riff", 16, struct.pack("<q", -1)),
    ("a.caf", "pcm_s16le", b"data", 4, struct.pack(">q", -1)),
    ("a.avi", "libmp3lame", b"movi", -4, struct.pack("<I", 0)),
]
"""(name, codec, a mark and how far behind it the size of the samples stands, what stands for a size that its
writer did not know)"""


@pytest.mark.parametrize(("name", "codec", "mark", "behind", "unknown"), SIZED)
def test_half_of_a_file_whose_header_counts_bytes_is_truncated(
    name: str, codec: str, mark: bytes, behind: int, unknown: bytes, tmp_path: Path
) -> None:
    path = mux(tmp_path / name, [(0, tone(8))], codec=codec)
    assert heard(path).seconds == pytest.approx(8, abs=0.1)
    content = path.read_bytes()
    first = content.index(mark) + behind
    path.write_bytes(content + bytes(3))
    assert heard(path).seconds == pytest.approx(8, abs=0.1)
    path.write_bytes(content[:first] + unknown + content[first + len(unknown) :])
    assert heard(path).seconds == pytest.approx(8, abs=0.1)
    path.write_bytes(content[: len(content) // 2])
    assert refused(path) is Reason.TRUNCATED


@pytest.mark.parametrize(("name", "codec"), [("a.ogg", "flac"), ("a.opus", "libopus")])
def test_an_ogg_file_that_ends_within_a_page_is_truncated(name: str, codec: str, tmp_path: Path) -> None:
    path = mux(tmp_path / name, [(0, tone(8))], codec=codec)
    content = path.read_bytes()
    last = content.rindex(b"OggS")
    assert heard(path).seconds == pytest.approx(8, abs=0.1)
    path.write_bytes(content + bytes(200))
    assert heard(path).seconds == pytest.approx(8, abs=0.1)
    for end in (len(content) // 2, last + 40):
        path.write_bytes(content[:end])
        assert refused(path) is Reason.TRUNCATED


def test_an_ogg_file_without_the_mark_of_its_end_is_whole(tmp_path: Path) -> None:
    path = mux(tmp_path / "live.opus", [(0, tone(8))], codec="libopus")
    content = path.read_bytes()
    path.write_bytes(content[: content.rindex(b"OggS")])
    assert heard(path).seconds > 4


def test_half_of_an_flv_file_is_truncated(tmp_path: Path) -> None:
    path = mux(tmp_path / "a.flv", [(0, tone(20))], codec="aac")
    assert heard(path).seconds == pytest.approx(20, abs=0.1)
    assert refused(cut(path, 0.5)) is Reason.TRUNCATED


@pytest.mark.parametrize("uptime", [0, 5000, 777_600])
@pytest.mark.parametrize("options", [{}, {"flvflags": "no_duration_filesize"}])
def test_an_flv_of_a_camera_that_was_running_is_as_long_as_its_sound(
    uptime: int, options: dict[str, str], tmp_path: Path
) -> None:
    path = mux(tmp_path / "a.flv", [(uptime, tone(20))], codec="aac", options=options)
    assert heard(path).seconds == pytest.approx(20, abs=0.1)


def test_a_picture_that_outlasts_its_sound_is_as_long_as_its_site_says(tmp_path: Path) -> None:
    path = mux(tmp_path / "a.mp4", [(0, tone(4))], picture=(0, 20))
    assert heard(path, expected=20).seconds == pytest.approx(4, abs=0.1)
    assert refused(path, expected=40) is Reason.TRUNCATED


def xing(path: Path, frames: int) -> Path:
    """Ten seconds of mp3 whose first frame counts so many others."""
    content = bytearray(mux(path, [(0, tone(10))], codec="libmp3lame").read_bytes())
    mark = content.index(b"Info")
    content[mark + 8 : mark + 12] = struct.pack(">I", frames)
    path.write_bytes(content)
    return path


def test_an_mp3_whose_bytes_are_all_there_is_whole_whatever_it_says_about_frames(tmp_path: Path) -> None:
    path = xing(tmp_path / "a.mp3", 50_000)
    assert heard(path).seconds == pytest.approx(10, abs=0.1)
    assert refused(cut(path, 0.5)) is Reason.TRUNCATED
