"""What the headers of a media file say without decoding it: where an mp4's index lies, and whether the file
is truncated.

Pure over a function that reads bytes, so that it serves a file on disk and a file on a web server alike. Must
decode nothing.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ingest_worker.audio import mpeg, promised, riff
from ingest_worker.audio.reading import Read

_MAX_BOXES: Final = 10_000
"""Top-level boxes that are read: a fragmented mp4 has two for every few seconds."""

_FIRST_BOXES: Final = frozenset({b"ftyp", b"styp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot"})
"""What an mp4 or QuickTime file begins with (ISO/IEC 14496-12; `libavformat/mov.c`, `mov_probe`)."""

_CONTENT: Final = frozenset({b"mdat", b"moov", b"moof"})
"""The boxes that a recording must have. Cameras write anything after them, not always boxes."""

_CLUSTER: Final = b"\x1f\x43\xb6\x75"
"""Where the content of a Matroska file begins (RFC 9559, 5.1.3)."""

_LOCKS: Final = {
    "mov": (b"drms",),
    "matroska": (b"\x47\xe1\x81\x05",),
    "asf": (
        uuid.UUID("2211b3fb-bd23-11d2-b4b7-00a0c955fc6e").bytes_le,
        uuid.UUID("298ae614-2622-4c17-b935-dae07ee9289c").bytes_le,
    ),
}
"""Demuxer to the mark of encrypted media in the head: FairPlay's sample entry; ContentEncAlgo AES (RFC 9559,
5.1.4.1.31.9); the Content Encryption Object and its extended form (ASF specification, 3.14 and 3.15)."""

_LARGEST_HEAD_BYTES: Final = 1 << 20
"""Bytes of a head that are searched."""


@dataclass(frozen=True, slots=True)
class Box:
    """A top-level box of an mp4."""

    kind: bytes
    start: int
    end: int
    """One past its last byte, as its header says; the file may end earlier."""


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
    """How many bytes a file's own headers promise beyond its end: more than 0 means that it is truncated.
    mp4, QuickTime, WAV, Wave64, AU, CAF, AVI and Ogg only."""
    if riff.is_wave(read(0, 12)):
        return riff.missing_bytes(read, size)
    if (end := promised.end_of(read, size)) is not None:
        return end - size if end - size > riff.SLACK_BYTES else 0
    return max(
        (box.end - size for box in boxes(read, size) if box.end > size and box.kind in _CONTENT), default=0
    )


def is_whole(demuxer: str, read: Read, size: int) -> bool:
    """Whether a file's own byte count shows that nothing is missing, whatever it says about seconds. mp3
    only.

    Args:
        demuxer: libavformat's name.
        read: The file.
        size: Its bytes.
    """
    announced = mpeg.announced_bytes(read) if demuxer == "mp3" else None
    return announced is not None and announced <= size


def is_locked(demuxer: str, read: Read, size: int) -> bool:
    """Whether the headers say that the content is encrypted: WebM and ASF here, mp4's old `drms`; ISO's
    `cenc` shows in the packets."""
    marks, head = _LOCKS.get(demuxer.partition(",")[0], ()), b""
    if demuxer.startswith("mov"):
        index = next((box for box in boxes(read, size) if box.kind == b"moov"), None)
        head = (
            read(index.start, min(index.end - index.start, _LARGEST_HEAD_BYTES)) if index is not None else b""
        )
    elif marks:
        head = read(0, _LARGEST_HEAD_BYTES).partition(_CLUSTER)[0]
    return any(mark in head for mark in marks)


def announces_length(demuxer: str, read: Read) -> bool:
    """Whether a container's duration is announced, and not estimated from the bit rate of its first frame.

    For a variable bit rate an estimate is off by any factor, so a shorter recording does not mean that
    anything is missing.

    Args:
        demuxer: libavformat's name.
        read: The file.
    """
    if demuxer == "mp3":
        return mpeg.counting_frame(read) is not None
    if demuxer == "wav":
        return riff.announces_length(read)
    return bool(
        {"mov", "matroska", "flac", "flv", "ogg", "wav", "w64", "aiff", "caf"} & set(demuxer.split(","))
    )
