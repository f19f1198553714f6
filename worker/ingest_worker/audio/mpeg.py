"""The first frame of an mp3, which counts the others: Xing's, LAME's or Fraunhofer's. Pure, over a function
that reads bytes."""

from typing import Final

from ingest_worker.audio.reading import Read

_SEARCHED_BYTES: Final = 256
"""Bytes after the tag in which the mark is: after a frame's head and at most 32 bytes of side information."""

_FRAMES_FLAG, _BYTES_FLAG = 1, 2
"""Flags of a Xing header: which fields follow (`libavformat/mp3dec.c`, `mp3_parse_info_tag`)."""

_VBRI_COUNT_OFFSET: Final = 10
"""Offset of the byte count in a VBRI header (`mp3_parse_vbri_tag`)."""


def counting_frame(read: Read) -> int | None:
    """Offset of the mark of the frame that counts the others; None where there is no such frame."""
    start = _id3_length(read(0, 10))
    head = read(start, _SEARCHED_BYTES)
    places = [head.find(mark) for mark in (b"Xing", b"Info", b"VBRI")]
    return min((start + place for place in places if place >= 0), default=None)


def announced_bytes(read: Read) -> int | None:
    """The end of the stream by its own byte count, as an offset in the file; None where it has none."""
    mark = counting_frame(read)
    if mark is None:
        return None
    head = read(mark, 16)
    if head[:4] == b"VBRI":
        count = int.from_bytes(head[_VBRI_COUNT_OFFSET : _VBRI_COUNT_OFFSET + 4], "big")
    else:
        flags = int.from_bytes(head[4:8], "big")
        place = 12 if flags & _FRAMES_FLAG else 8
        count = int.from_bytes(head[place : place + 4], "big") if flags & _BYTES_FLAG else 0
    return _id3_length(read(0, 10)) + count if count else None


def _id3_length(head: bytes) -> int:
    """Bytes of the ID3v2 tag at the file's beginning (id3.org, 3.1:
    a size of 7-bit bytes after a head of 10)."""
    if head[:3] != b"ID3" or len(head) < 10:  # noqa: PLR2004 -- the length of the tag's head
        return 0
    size = 0
    for byte in head[6:10]:
        size = size << 7 | byte & 0x7F
    return size + 10
