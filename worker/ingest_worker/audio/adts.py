"""Where AAC without a container begins: recorders and web servers leave other bytes before its first frame.

Called by `listen`. Random bytes look like a frame's head every four thousand bytes, and libavformat believes
each one: it swallows the real frames that lie in what the false one claims. Pure, over a function that reads
bytes.
"""

from typing import Final

from ingest_worker.audio.reading import Read

_HEAD_BYTES: Final = 7
"""Bytes of a frame's head (ISO/IEC 13818-7, 6.2: `adts_fixed_header` and `adts_variable_header`)."""

_SYNC, _SYNC_MASK, _FIXED_MASK = 0xFFF0, 0xFFF6, 0xFFFFFDC0
"""The sync word with the layer, which is always 0, and their bits; the bits of the first four bytes that no
frame of a stream changes: not the private bit, nor what follows the channels."""

_ROW_FRAMES: Final = 5
"""Frames in a row that are believed: by chance there are so many in one of 10^30 places."""

_SEARCHED_BYTES: Final = 1 << 22


def first_frame(read: Read, size: int) -> int:
    """Offset of the first of some frames in a row; 0 where there are none."""
    data = read(0, _SEARCHED_BYTES)
    place = data.find(b"\xff")
    while place >= 0:
        if _is_row(read, size, place, data[place : place + _HEAD_BYTES]):
            return place
        place = data.find(b"\xff", place + 1)
    return 0


def _is_row(read: Read, size: int, place: int, head: bytes) -> bool:
    """Whether frames follow one another from here on, to the end of the file at the least."""
    first = head[:4]
    for _ in range(_ROW_FRAMES):
        if len(head) < _HEAD_BYTES or int.from_bytes(head[:2], "big") & _SYNC_MASK != _SYNC:
            return False
        if (int.from_bytes(head[:4], "big") ^ int.from_bytes(first, "big")) & _FIXED_MASK:
            return False
        length = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
        if length < _HEAD_BYTES:
            return False
        place += length
        if place >= size:
            return place == size
        head = read(place, _HEAD_BYTES)
    return True
