"""Where files of the cache lie: what a folder and an object store have in common.

Implemented by `folder` and `objects`; used by `entries` alone. A file is there whole or not at all, and is
never changed: it is replaced.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from ingest_contract.failures import Reason
from ingest_worker.errors import StageError

BLOCK_BYTES: Final = 8 << 20
"""Bytes that are read or written at once: one request to an object store."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that lies there."""

    name: str
    age_seconds: float
    """Since it was written."""


class Storage(Protocol):
    """A flat place for files. Every method raises `StageError(CACHE_UNAVAILABLE)` if the place cannot be
    read or written, or is full."""

    def size(self, name: str, /) -> int | None:
        """The size in bytes; None if it is not there."""

    def blocks(self, name: str, /) -> Iterator[bytes]:
        """The content, block by block. Raises `StageError(NOT_IN_CACHE)` if it is not there."""

    def write(self, name: str, blocks: Iterable[bytes], /) -> None:
        """Put a file there, whole, in place of one of the same name. What `blocks` raises goes on, and
        nothing is left."""

    def remove(self, name: str, /) -> None:
        """Remove a file, if it is there."""

    def stored(self, prefix: str = "", /) -> Iterator[StoredFile]:
        """The files whose names begin so, in any order: those that are being written too."""


def unavailable(what: str, why: str) -> StageError:
    """The error of a place that cannot be used."""
    return StageError(Reason.CACHE_UNAVAILABLE, f"{what}: {why}")


def missing(name: str) -> StageError:
    """The error of a file that is not there."""
    return StageError(Reason.NOT_IN_CACHE, f"{name} is not in the cache")
