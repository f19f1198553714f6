"""The frame at the head of an mp3 that counts the others: Xing's, LAME's or Fraunhofer's. Pure, over a
function that reads bytes."""

from typing import Final

from ingest_worker.audio.reading import Read

_SEARCHED: Final = 256
"""Bytes behind the tag in which the mark stands: behind a frame's head and at most 32 bytes of side
information."""

_FRAMES_TOLD, _BYTES_TOLD = 1, 2
"""Flags of a Xing header: which fields follow (`libavformat/mp3dec.c`, `mp3_parse_info_tag`)."""

_VBRI_BYTES: Final = 10
"""Where the byte count of a VBRI header stands (`mp3_parse_vbri_tag`)."""


def counting_frame(read: Read) -> int | None:
    """Where the mark of the frame that counts the others stands; None where there is no such frame."""
    start = _id3_length(read(0, 10))
    head = read(start, _SEARCHED)
    places = [head.find(mark) for mark in (b"Xing", b"Info", b"VBRI")]
    return min((start + place for place in places if place >= 0), default=None)


def told_bytes(read: Read) -> int | None:
    """Where the stream ends as its own byte count says, counted from the file's beginning; None where it does
    not say."""
    mark = counting_frame(read)
    if mark is None:
        return None
    head = read(mark, 16)
    if head[:4] == b"VBRI":
        count = int.from_bytes(head[_VBRI_BYTES : _VBRI_BYTES + 4], "big")
    else:
        flags = int.from_bytes(head[4:8], "big")
        place = 12 if flags & _FRAMES_TOLD else 8
        count = int.from_bytes(head[place : place + 4], "big") if flags & _BYTES_TOLD else 0
    return _id3_length(read(0, 10)) + count if count else None


def _id3_length(head: bytes) -> int:
    """Bytes of the ID3v2 tag that the file begins with (id3.org, 3.1: a size of 7-bit bytes behind a head of
    10)."""
    if head[:3] != b"ID3" or len(head) < 10:  # noqa: PLR2004 -- the length of the tag's head
        return 0
    size = 0
    for byte in head[6:10]:
        size = size << 7 | byte & 0x7F
    return size + 10
