"""What the headers of AU, CAF, Wave64, AVI and Ogg files say about where their samples end. Pure, over a
function that reads bytes.

libavformat shortens the length of such a file to what is there, or announces none: of half a file it plays a
half, and says nothing.
"""

from typing import Final

from ingest_worker.audio import riff
from ingest_worker.audio.reading import Read

_WAVE64: Final = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"
"""The GUID that a Wave64 file begins with (Sony Pictures Digital, "Wave64 file format")."""

_UNKNOWN_BYTES: Final = 0xFFFFFFFF
_UNKNOWN_LONG_BYTES: Final = 1 << 63
"""From here on a size stands for "not known yet": what is written into a pipe."""

_CHUNK_BYTES: Final = 12
"""A chunk's head in a CAF file: four characters and a size of 64 bits."""

_MOST_CHUNKS: Final = 1000

_PAGE: Final = b"OggS\x00"
"""What a page of Ogg begins with: the mark and the version (RFC 3533, section 6)."""
_PAGE_HEAD_BYTES: Final = 27
"""Its head without the table of segments, which the last byte counts."""
_PAGE_KINDS: Final = frozenset(range(8))
"""The byte behind them: whether it is a continued, the first or the last page, a bit each."""
_LAST_PAGE_FLAG: Final = 4
_LARGEST_PAGE_BYTES: Final = _PAGE_HEAD_BYTES + 255 + 255 * 255


def end_of(read: Read, size: int) -> int | None:
    """Where the samples end by the header; None for any other file, and where the writer did not know it."""
    head = read(0, 24)
    if head[:4] == b".snd" and len(head) == 24:  # noqa: PLR2004 - an AU header's length
        start, length = (int.from_bytes(head[place : place + 4], "big") for place in (4, 8))
        return start + length if length != _UNKNOWN_BYTES else None
    if head[:16] == _WAVE64:
        whole = int.from_bytes(head[16:24], "little")
        return whole if 0 < whole < _UNKNOWN_LONG_BYTES else None
    if head[:4] == b"caff":
        return _end_of_caf(read, size)
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return riff.end_of_movie(read, size)
    if head[: len(_PAGE)] == _PAGE:
        return _end_of_ogg(read, size)
    return None


def _end_of_caf(read: Read, size: int) -> int | None:
    """Apple, "Core Audio Format specification 1.0": only the last chunk may have the size -1."""
    place = 8
    for _ in range(_MOST_CHUNKS):
        head = read(place, _CHUNK_BYTES)
        if place + _CHUNK_BYTES > size or len(head) < _CHUNK_BYTES:
            return None
        length = int.from_bytes(head[4:], "big")
        if head[:4] == b"data":
            return place + _CHUNK_BYTES + length if length < _UNKNOWN_LONG_BYTES else None
        place += _CHUNK_BYTES + length
    return None


def _end_of_ogg(read: Read, size: int) -> int | None:
    """Where the last page ends: a page counts its own bytes, and nothing counts the pages."""
    place, head = _last_page(read, size)
    if not head:
        return None
    segments = head[_PAGE_HEAD_BYTES - 1]
    table = head[_PAGE_HEAD_BYTES : _PAGE_HEAD_BYTES + segments]
    return place + _PAGE_HEAD_BYTES + segments + sum(table)


def lacks_last_page(read: Read, size: int) -> bool:
    """Whether an Ogg file has no page that says it is the last: what a live stream has until it ends. False
    for any other file."""
    if read(0, len(_PAGE)) != _PAGE:
        return False
    _, head = _last_page(read, size)
    return bool(head) and not head[len(_PAGE)] & _LAST_PAGE_FLAG


def _last_page(read: Read, size: int) -> tuple[int, bytes]:
    """Where the last page of an Ogg file begins, and its head; nothing where none is found."""
    start = max(0, size - _LARGEST_PAGE_BYTES)
    tail = read(start, _LARGEST_PAGE_BYTES)
    page = tail.rfind(_PAGE)
    head = tail[page : page + _PAGE_HEAD_BYTES + 255]
    is_head = page >= 0 and len(head) >= _PAGE_HEAD_BYTES and head[len(_PAGE)] in _PAGE_KINDS
    return (start + page, head) if is_head else (0, b"")
