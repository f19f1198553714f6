"""The phases of a recording: fetched into the cache without a GPU, then ingested. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import ceil
from typing import Final

from ingest_contract.fetch_ahead import FetchMode
from ingest_contract.order import Item
from ingest_contract.profile import FetchProfile

BYTES_PER_SECOND: Final = 32_000
"""16 kHz, 16 bits, mono. As FLAC it is mostly half of that, and never more than a little over it."""

BYTES_PER_MIB: Final = 1 << 20

UNKNOWN_LENGTH_SECONDS: Final = 3600
"""What a recording of unknown length counts as in the cache until it is fetched."""


class Phase(StrEnum):
    """What one run is for."""

    FETCH = "Fetch"
    """Download and decode into the cache."""
    INGEST = "Ingest"
    """All the rest; and also fetching, where the batch does not fetch ahead."""


@dataclass(frozen=True, slots=True)
class Ahead:
    """How far a batch fetches ahead of ingesting."""

    recordings: int
    """Recordings that may be fetched, or be on their way, and not be ingested yet."""
    mib: int
    """Audio in the cache."""


def ahead_of(fetch: FetchProfile, *, has_cache: bool) -> Ahead | None:
    """How far a batch of this profile fetches ahead; None if one process fetches and ingests."""
    if fetch.mode is FetchMode.INLINE or not has_cache:
        return None
    return Ahead(fetch.ahead.recordings, fetch.ahead.gib * 1024)


def cached_mib(bytes_: int) -> int:
    """The size of cached audio as the status holds it: at least 1, because 0 means unknown."""
    return max(1, ceil(bytes_ / BYTES_PER_MIB))


def estimated_mib(item: Item) -> int:
    """What the audio of a recording takes at most, by its announced length."""
    seconds = UNKNOWN_LENGTH_SECONDS if item.duration_seconds is None else item.duration_seconds
    return cached_mib(seconds * BYTES_PER_SECOND)


def sizes_of(items: Sequence[Item], known: Mapping[int, int]) -> int:
    """MiB of some recordings together: as known by index, or estimated where that is 0."""
    return sum(size or estimated_mib(items[index]) for index, size in known.items())
