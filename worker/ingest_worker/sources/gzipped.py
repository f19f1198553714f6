"""Pages that are gzip files themselves (`feed.xml.gz`), which no header of HTTP says. Called by `ytdlp`.

What is in them is bounded: a thousandth of the bytes is enough for a bomb.
"""

import zlib
from typing import Final

from ingest_contract.failures import Reason
from ingest_worker.errors import StageError

MOST_BYTES: Final = 64 << 20
"""The longest page inside: a feed with as many entries as are read of a list, each of 3 KiB."""

_MAGIC: Final = b"\x1f\x8b"
_GZIP_WBITS: Final = 31
"""For zlib: a gzip file, and nothing else."""


def beginning(head: bytes, most: int) -> bytes:
    """What a page begins with, at most so many bytes, of its own first ones."""
    if not head.startswith(_MAGIC):
        return head
    try:
        return zlib.decompressobj(_GZIP_WBITS).decompress(head, most)
    except zlib.error:
        return head


def plain(content: bytes) -> bytes:
    """A page as it is inside. Raises `StageError`: `SOURCE_UNSUPPORTED` if it is damaged,
    `SOURCE_TOO_LARGE`."""
    found, left = bytearray(), content
    while left.startswith(_MAGIC):  # a gzip file may be several, one after the other
        member = zlib.decompressobj(_GZIP_WBITS)
        try:
            found += member.decompress(left, MOST_BYTES + 1 - len(found))
        except zlib.error as error:
            raise StageError(Reason.SOURCE_UNSUPPORTED, f"the gzip file is damaged ({error})") from error
        if len(found) > MOST_BYTES:
            raise StageError(
                Reason.SOURCE_TOO_LARGE, f"the gzip file has more than {MOST_BYTES >> 20} MiB in it"
            )
        if not member.eof:
            raise StageError(Reason.SOURCE_UNSUPPORTED, "the gzip file ends before its end")
        left = member.unused_data
    return bytes(found) if content.startswith(_MAGIC) else content
