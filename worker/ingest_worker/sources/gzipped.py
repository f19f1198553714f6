"""Pages that are gzip files themselves (`feed.xml.gz`), which no header of HTTP says. Called by `ytdlp`.

What is in them is bounded: a thousandth of the bytes is enough for a bomb.
"""

import zlib
from typing import Final

from ingest_contract.failures import Reason
from ingest_worker.errors import StageError
from ingest_worker.sources.budget import PAGE_BYTES

MOST_BYTES: Final = PAGE_BYTES
_AT_ONCE_BYTES: Final = 4096
"""A gzip file may be many, one after the other, and what is behind one is copied: so much at most."""

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
    if not content.startswith(_MAGIC):
        return content
    found, at, member = bytearray(), 0, None
    while at < len(content):
        if member is None and not content.startswith(_MAGIC, at):
            break  # what stands behind the last member is none
        member = member or zlib.decompressobj(_GZIP_WBITS)
        part = content[at : at + _AT_ONCE_BYTES]
        try:
            found += member.decompress(part, MOST_BYTES + 1 - len(found))
        except zlib.error as error:
            raise StageError(Reason.SOURCE_UNSUPPORTED, f"the gzip file is damaged ({error})") from error
        if len(found) > MOST_BYTES:
            raise StageError(
                Reason.SOURCE_TOO_LARGE, f"the gzip file has more than {MOST_BYTES >> 20} MiB in it"
            )
        at += len(part) - len(member.unused_data)
        member = None if member.eof else member
    if member is not None:
        raise StageError(Reason.SOURCE_UNSUPPORTED, "the gzip file ends before its end")
    return bytes(found)
