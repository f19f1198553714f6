"""What the outside of a media file says without decoding it: where an mp4's index lies, and whether the file ends too early.

Pure over a function that reads bytes, so that it serves a file on disk and a file on a web server alike. Must decode nothing.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

Read = Callable[[int, int], bytes]
"""(offset, count) to at most `count` bytes; fewer at the end."""

_MAX_BOXES: Final = 10_000
"""Top-level boxes looked at: a fragmented mp4 has two for every few seconds."""

_FIRST_BOXES: Final = frozenset({b"ftyp", b"styp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot"})
"""What an mp4 or QuickTime file begins with (ISO/IEC 14496-12; `libavformat/mov.c`, `mov_probe`)."""

_UNTOLD_SIZES: Final = frozenset({0, 0xFFFFFFFF})
"""What a RIFF header says when its writer could not go back to fill in the size."""


@dataclass(frozen=True, slots=True)
class Box:
    """A top-level box of an mp4."""

    kind: bytes
    start: int
    end: int
    """One past its last byte, as its header says; the file may end before."""


def boxes(read: Read, size: int) -> Iterator[Box]:
    """The top-level boxes of an mp4 in order; nothing for any other file. ISO/IEC 14496-12, 4.2."""
    position, count = 0, 0
    while position + 8 <= size and count < _MAX_BOXES:
        head = read(position, 16)
        if len(head) < 8 or (position == 0 and head[4:8] not in _FIRST_BOXES):  # noqa: PLR2004 -- the length of a box's head
            return
        length = int.from_bytes(head[:4], "big")
        if length == 1:  # the real one follows, in 64 bits
            length = int.from_bytes(head[8:16], "big")
        end = size if length == 0 else position + length
        if end < position + 8:
            return
        yield Box(head[4:8], position, end)
        position, count = end, count + 1


def missing_bytes(read: Read, size: int) -> int:
    """How many bytes a file's own headers promise beyond its end: more than 0 means that it was cut. mp4, QuickTime and WAV only."""
    head = read(0, 12)
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        told = int.from_bytes(head[4:8], "little")
        return 0 if told in _UNTOLD_SIZES else max(0, told + 8 - size)
    return max((box.end - size for box in boxes(read, size) if box.end > size), default=0)


def tells_its_length(demuxer: str, read: Read) -> bool:
    """Whether a container's duration is a statement and not a guess from the bit rate of its first frame.

    A guess is off by any factor for a variable bit rate, so it must not be taken for an announcement that was broken.

    Args:
        demuxer: libavformat's name.
        read: The file.
    """
    if demuxer == "mp3":
        start = _id3_length(read(0, 10))
        return any(mark in read(start, 256) for mark in (b"Xing", b"Info", b"VBRI"))  # the frame that counts the others
    return bool({"mov", "matroska", "flac", "ogg", "wav", "w64", "aiff", "caf"} & set(demuxer.split(",")))


def _id3_length(head: bytes) -> int:
    """Bytes of the ID3v2 tag that the file begins with (id3.org, 3.1: a size of 7-bit bytes behind a head of 10)."""
    if head[:3] != b"ID3" or len(head) < 10:  # noqa: PLR2004 -- the length of the tag's head
        return 0
    size = 0
    for byte in head[6:10]:
        size = size << 7 | byte & 0x7F
    return size + 10
