"""Headers without decoding."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_worker.audio.containers import Read, announces_length, boxes, missing_bytes


def of(content: bytes) -> Read:
    return lambda offset, count: content[offset : offset + count]


def box(kind: bytes, length: int) -> bytes:
    return struct.pack(">I4s", length, kind) + bytes(length - 8)


def test_boxes_are_found_in_order_with_their_ends() -> None:
    content = box(b"ftyp", 24) + box(b"moov", 100) + struct.pack(">I4sQ", 1, b"mdat", 5000) + bytes(4984)
    assert [(each.kind, each.start, each.end) for each in boxes(of(content), len(content))] == [
        (b"ftyp", 0, 24),
        (b"moov", 24, 124),
        (b"mdat", 124, 5124),
    ]


def test_a_box_without_a_length_ends_with_the_file() -> None:
    content = box(b"ftyp", 24) + struct.pack(">I4s", 0, b"mdat") + bytes(50)
    assert [each.end for each in boxes(of(content), len(content))] == [24, len(content)]
    assert missing_bytes(of(content), len(content)) == 0


def test_what_a_cut_file_lacks_is_counted() -> None:
    content = box(b"ftyp", 24) + box(b"mdat", 1000)
    assert missing_bytes(of(content[:600]), 600) == 424
    wave = b"RIFF" + struct.pack("<I", 992) + b"WAVE" + bytes(988)
    assert missing_bytes(of(wave), len(wave)) == 0
    assert missing_bytes(of(wave[:900]), 900) == 100


@pytest.mark.parametrize("told", [0, 0xFFFFFFFF])
def test_a_wave_whose_writer_could_not_go_back_is_not_called_cut(told: int) -> None:
    assert missing_bytes(of(b"RIFF" + struct.pack("<I", told) + b"WAVE" + bytes(100)), 112) == 0


@given(content=st.binary(max_size=200))
def test_no_bytes_at_all_can_make_it_fail_or_hang(content: bytes) -> None:
    for start in (b"", b"\x00\x00\x00\x18ftyp", b"RIFF", b"ID3"):
        whole = start + content
        assert missing_bytes(of(whole), len(whole)) >= 0
        announces_length("mp3", of(whole))


def test_an_mp3_tells_its_length_only_with_a_frame_that_counts_the_others() -> None:
    tag = b"ID3\x04\x00\x00\x00\x00\x01\x00" + b"Info about the show".ljust(128)
    frame = b"\xff\xfb\x90\x64" + bytes(32)
    assert not announces_length("mp3", of(tag + frame + bytes(300)))
    assert announces_length("mp3", of(tag + frame + b"Xing" + bytes(300)))


@pytest.mark.parametrize(
    ("demuxer", "expected"),
    [("mov,mp4,m4a,3gp,3g2,mj2", True), ("matroska,webm", True), ("aac", False), ("mpegts", False)],
)
def test_raw_streams_guess_their_length(demuxer: str, expected: bool) -> None:  # noqa: FBT001 -- a table's column
    assert announces_length(demuxer, of(b"")) is expected
