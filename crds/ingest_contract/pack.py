"""How the pod of a Job with several short recordings reports: one termination message, at most 4,096 bytes,
that grows by a line whenever a recording begins and whenever it ends.

Whatever ends the pod, what was written stays: its kubelet reads the file. The lines are one deflate stream
(RFC 1951), flushed after each of them, as base85: Receipts resemble each other, and from the second on each
takes about 250 bytes. A line that is cut, and all behind it, does not count.
"""

import base64
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from ingest_contract.base import ContractModel, Count
from ingest_contract.failures import Reason
from ingest_contract.receipt import MAX_RECEIPT_BYTES, Receipt

MAX_PACK_RECORDINGS: Final = 8
"""Recordings of one Job, at most: so many Receipts fit into one termination message."""

HEADER: Final = "video-ingest pack 1"
"""The first line of the message."""

_RESERVED_BYTES: Final = 200
"""Kept free for each recording that has not ended: enough for its beginning, and for how it ended."""

_MESSAGE_CHARACTERS: Final = 256
"""Of a Receipt's message: more is shown of none."""

_SHORT_CHARACTERS: Final = 40

_PLAIN_BYTES: Final = 1 << 17
"""More than eight Receipts have."""


class PackEntry(ContractModel):
    """One line: a recording begins, or has ended."""

    index: Count
    """Which recording of its plan."""

    ended: bool = False
    """Whether it has ended; everything below says how."""

    code: Count | None = None
    """Its exit code, as a container runtime reports it."""

    seen: Reason | None = None
    """What was done to it: `Interrupted`, `DeadlineExceeded`, `HostOutOfMemory`."""

    receipt: Receipt | None = None
    """What it reports, if anything."""


class PackWriter:
    """Makes the message, line by line."""

    def __init__(self, recordings: int) -> None:
        """So many recordings will be told of."""
        self._stream = zlib.compressobj(9)
        self._used, self._left = len(HEADER) + 1, recordings
        self.header = f"{HEADER}\n"

    def begun(self, index: int) -> str:
        """The line for a recording that begins now."""
        return self._taken(*self._line(PackEntry(index=index)))

    def ended(self, entry: PackEntry) -> str:
        """The line for a recording that has ended: of its Receipt as much as there is room for. How it ended
        always stays."""
        self._left -= 1
        room = MAX_RECEIPT_BYTES - self._used - self._left * _RESERVED_BYTES
        candidates = [self._line(entry.model_copy(update={"receipt": each})) for each in _shorter(entry)]
        return self._taken(*next((each for each in candidates if len(each[0]) <= room), candidates[-1]))

    def _line(self, entry: PackEntry) -> tuple[str, "zlib._Compress"]:
        """A line, and the stream behind it."""
        stream = self._stream.copy()
        text = entry.model_dump_json(exclude_none=True, exclude_defaults=True) + "\n"
        data = stream.compress(text.encode()) + stream.flush(zlib.Z_SYNC_FLUSH)
        return base64.b85encode(data).decode() + "\n", stream

    def _taken(self, line: str, stream: "zlib._Compress") -> str:
        self._stream, self._used = stream, self._used + len(line)
        return line


def _shorter(entry: PackEntry) -> Iterator[Receipt | None]:
    """The Receipt, with less and less of it."""
    receipt = entry.receipt
    if receipt is None:
        yield None
        return
    yield (brief := receipt.model_copy(update={"message": receipt.message[:_MESSAGE_CHARACTERS]}))
    yield brief.model_copy(update={"effective": None, "run_id": None, "tracks": None})
    kept = ("result", "reason", "stage", "retry_after_seconds", "seconds", "media_seconds")
    bare = {name: getattr(receipt, name) for name in kept}
    yield Receipt(**bare, message=receipt.message[:_SHORT_CHARACTERS])
    yield Receipt(**bare)


@dataclass(frozen=True, slots=True)
class PackReport:
    """What a message says."""

    begun: frozenset[int]
    """Recordings that began, by index; those that have ended are among them."""
    ended: Mapping[int, PackEntry]


def read_pack(message: str | None) -> PackReport | None:
    """What a termination message says of the recordings of its Job; None for any other text."""
    first, _, rest = (message or "").partition("\n")
    if first != HEADER:
        return None
    entries = list(_entries(rest))
    ended = {each.index: each for each in entries if each.ended}
    return PackReport(frozenset(each.index for each in entries), ended)


def _entries(text: str) -> Iterator[PackEntry]:
    stream = zlib.decompressobj()
    for line in text.split("\n")[:-1]:
        try:
            plain = stream.decompress(base64.b85decode(line), _PLAIN_BYTES)
            entry = PackEntry.from_object(json.loads(plain))
        except ValidationError:
            continue  # what this program does not know, as of a newer worker; the lines behind it are whole
        except (ValueError, zlib.error):
            return
        yield entry
