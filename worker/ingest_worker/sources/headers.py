"""The length of a media file on a web server, from a few ranges of it: the plan puts the longest first, and
nothing else gives the length.

The ranges come over the guarded connection and are put together into an outline of the file, which the
limited child probes like any file. PyAV never gets an address: it would connect by itself.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

from ingest_worker.audio.containers import boxes
from ingest_worker.audio.probe import announced_lengths

Ranged = Callable[[int, int], tuple[bytes, int | None]]
"""(offset, count) to bytes and the file's whole size."""

_HEAD_BYTES: Final = 256 * 1024
_TAIL_BYTES: Final = 64 * 1024
"""An Ogg page is at most 65,307 bytes (RFC 3533), and the last one gives the stream's length."""

_LARGEST_INDEX_BYTES: Final = 16 * 1024 * 1024
"""Bytes of an mp4's index that are worth fetching: an hour of AAC at 48 kHz has 0.68 MB of index, a picture
about twice as much in addition."""

_FIRST_BOXES: Final = 8
"""Boxes that are read, each with a request: an index lies after `ftyp`, `free` and `mdat`, or before them."""

_LARGEST_FILE_BYTES: Final = 1 << 40


def announced_length(read: Ranged, scratch: Path) -> float | None:
    """The length in seconds that the container announces; None if it announces none or reading it is
    expensive. Raises what `read` raises."""
    head, size = read(0, _HEAD_BYTES)
    if not head or size is None or size > _LARGEST_FILE_BYTES:
        return None
    with _outline(read, head, size, scratch) as path:
        return announced_lengths([path])[0]


@contextmanager
def _outline(read: Ranged, head: bytes, size: int, scratch: Path) -> Iterator[Path]:
    """A file of the parts that give a length:
    the index of an mp4, the two ends of an Ogg file, otherwise the beginning."""
    scratch.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=scratch, prefix="outline-") as file:
        file.write(_index(read, head, size) or head)
        if head.startswith(b"OggS") and size > len(head):
            file.write(read(max(len(head), size - _TAIL_BYTES), _TAIL_BYTES)[0])
        elif head.startswith(b"RIFF"):
            file.truncate(size)  # sparse in place of the samples: the length is the file's
        file.flush()
        yield Path(file.name)


def _index(read: Ranged, head: bytes, size: int) -> bytes:
    """The index of an mp4;
    empty for any other file and for an index that is too large or after too many boxes."""

    def near(offset: int, count: int) -> bytes:
        return head[offset : offset + count] if offset + count <= len(head) else read(offset, count)[0]

    for box in islice(boxes(near, size), _FIRST_BOXES):
        if box.kind == b"moov" and box.end <= size and box.end - box.start <= _LARGEST_INDEX_BYTES:
            return near(box.start, box.end - box.start)
    return b""
