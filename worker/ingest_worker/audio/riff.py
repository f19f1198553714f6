"""What a WAV file says about its own length, and when that means nothing. Pure, over a function that reads
bytes.

A header is written before the samples. Browsers, phones and programs that write into a pipe cannot go back to
fill in the sizes, and leave a placeholder there that is as large as possible.
"""

from collections.abc import Iterator
from typing import Final

from ingest_worker.audio.reading import Read

_PLACEHOLDERS: Final = (0x7F000000, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFF000, 0xFFFFFFFF, 2_000_000_000)
"""Sizes that stand for "not known yet": sox's (AIFF and WAV), signed and unsigned 32 bits, arecord's, and a
round one."""

_HEADERS_BYTES: Final = 4096
"""How far a size may differ from a placeholder:
headers are included or not, or rounded down to a block of samples."""

_MOST_CHUNKS: Final = 1000

SLACK_BYTES: Final = 64
"""Bytes by which a writer may miscount: its own header of 8 or 44 bytes."""


def is_wave(head: bytes) -> bool:
    """Whether a file begins like a WAV file with 32-bit sizes."""
    return head[:4] == b"RIFF" and head[8:12] == b"WAVE"


def is_placeholder(size: int) -> bool:
    """Whether a size is the placeholder of a writer who did not know it."""
    if size == 0 or size >= 0xFFFFF000:  # noqa: PLR2004 -- 32 bits
        return True
    return any(abs(size - each) <= _HEADERS_BYTES for each in _PLACEHOLDERS)


def missing_bytes(read: Read, size: int) -> int:
    """How many bytes of samples the headers promise beyond the end. The size of the whole counts only where
    no samples are announced."""
    promised = int.from_bytes(read(4, 4), "little")
    samples = _samples(read, size)
    if samples is not None:
        start, promised = samples
        missing = start + promised - size
    else:
        missing = promised + 8 - size
    return 0 if is_placeholder(promised) or missing <= SLACK_BYTES else missing


def end_of_movie(read: Read, size: int) -> int | None:
    """Where the packets of an AVI file end by its header; None where its writer did not know it."""
    for kind, start, length in _chunks(read, size):
        if kind == b"LIST" and read(start, 4) == b"movi":
            return None if is_placeholder(length) else start + length
    return None


def announces_length(read: Read) -> bool:
    """Whether the size of the samples is announced, and not a placeholder; also true for the 64-bit forms,
    which are not read."""
    if not is_wave(read(0, 12)):
        return True
    samples = _samples(read, 1 << 32)
    return samples is not None and not is_placeholder(samples[1])


def stretches(read: Read, size: int) -> int:
    """How many chunks have samples: more than one where two files were joined as they are. Of these,
    libavformat decodes the first or the last, and says nothing."""
    return sum(kind == b"data" and length > 0 for kind, _, length in _chunks(read, size))


def _samples(read: Read, size: int) -> tuple[int, int] | None:
    """Where the samples begin, and how many bytes of them are announced; None where no chunk has samples."""
    return next(((start, length) for kind, start, length in _chunks(read, size) if kind == b"data"), None)


def _chunks(read: Read, size: int) -> Iterator[tuple[bytes, int, int]]:
    place = 12
    for _ in range(_MOST_CHUNKS):
        head = read(place, 8)
        if place + 8 > size or len(head) < 8:  # noqa: PLR2004 -- the length of a chunk's head
            return
        length = int.from_bytes(head[4:], "little")
        if head[:4] == b"RIFF":  # another file behind this one
            place += 12
            continue
        yield head[:4], place + 8, length
        place += 8 + length + length % 2
