"""Splits a file that is several files one after the other.

A chained Ogg file (RFC 3533: every link begins with pages that say so, and nothing else does) whose links
have another format than the first: libavformat stops where they begin. The fragments of an mp4 in HLS with an
advertisement between them, which has a head of its own: libavformat reads them by the first head, and leaves
some out. Several mp4 files that somebody joined (`cat`, `copy /b`): it plays the first and says nothing of
the others. Called by `listen`. Pure, over a file.
"""

import io
import itertools
from collections.abc import Iterator
from typing import BinaryIO, Final

from ingest_worker.audio.containers import boxes
from ingest_worker.audio.reading import part_of, reader, size_of

_PAGE: Final = b"OggS"
_HEAD_BYTES: Final = 27
"""Bytes of a page's head, before its segment table."""

_BEGINS_FLAG: Final = 2
"""The flag of a page that begins a logical stream."""

_BLOCK_BYTES: Final = 1 << 20


class ChainedError(Exception):
    """The file has links after which the demuxer cannot continue."""


class EmptyLinkError(Exception):
    """A link without the track that the others have."""


def parts_of(file: BinaryIO) -> list[BinaryIO]:
    """A file for each link."""
    size = file.seek(0, io.SEEK_END)
    starts = [*(heads_of_mp4(file) or _starts(file)), size]
    return [part_of(file, start, end) for start, end in itertools.pairwise(starts)]


def heads_of_mp4(file: BinaryIO) -> list[int]:
    """Where the links of an mp4 begin, each with its own `moov`: of a fragmented one, and of files that were
    joined as they are, each of which begins with an `ftyp`. Nothing for any other file."""
    starts, begin, kinds, headless = list[int](), None, set[bytes](), 0
    for box in boxes(reader(file), size_of(file)):
        begin = box.start if box.kind == b"ftyp" else begin
        if box.kind == b"moov":
            starts.append(box.start if begin is None else begin)
            headless += begin is None
            begin = None
        kinds.add(box.kind)
    return starts if b"moof" in kinds or not headless else []


def _starts(file: BinaryIO) -> Iterator[int]:
    """Where links begin: at a page that begins a stream and follows one that does not."""
    in_head = False
    for place, flags in _pages(file):
        begins = bool(flags & _BEGINS_FLAG)
        if begins and not in_head:
            yield place
        in_head = begins


def _pages(file: BinaryIO) -> Iterator[tuple[int, int]]:
    """(offset, flags) of every page."""
    file.seek(0)
    place, kept = 0, b""
    while block := file.read(_BLOCK_BYTES):
        data = kept + block
        found = data.find(_PAGE)
        while 0 <= found <= len(data) - _HEAD_BYTES:
            if data[found + 4] == 0:  # the only version that exists
                yield place + found, data[found + 5]
            found = data.find(_PAGE, found + 1)
        rest = min(len(data), _HEAD_BYTES - 1) if found < 0 else len(data) - found
        place, kept = place + len(data) - rest, data[len(data) - rest :]
