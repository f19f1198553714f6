"""The phases of a recording: fetched into the cache without a GPU, then ingested. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import ceil
from typing import Final

from ingest_contract.fetch_ahead import MAX_AHEAD_RECORDINGS, FetchMode
from ingest_contract.order import Item
from ingest_contract.pack_short import PackShort
from ingest_contract.profile import FetchProfile

BYTES_PER_SECOND: Final = 32_000
"""16 kHz, 16 bits, mono. As FLAC it is mostly half of that, and never more than a little over it."""

BYTES_PER_MIB: Final = 1 << 20

UNKNOWN_LENGTH_SECONDS: Final = 3600
"""What a recording of unknown length counts as in the cache until it is fetched."""

LEAST_AHEAD_RECORDINGS: Final = 8
SLOT_AHEAD_RECORDINGS: Final = 3
"""Recordings ahead where the profile names no number. A fetch takes about as long as a GPU needs then: with
one per slot, eight GPUs stand idle for 6 % of a long batch; with two for 0.04 %; and some fetches fail
(`python -m bench.fetching --ahead 8 16`)."""

SLOT_LAST_RECORDINGS: Final = 3
"""The longest of the last recordings goes first once so many of them are left for each slot."""


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


def ahead_of(fetch: FetchProfile, slots: int, *, has_cache: bool) -> Ahead | None:
    """How far a batch with so many slots fetches ahead; None if one process fetches and ingests."""
    if fetch.mode is FetchMode.INLINE or not has_cache:
        return None
    enough = min(MAX_AHEAD_RECORDINGS, max(LEAST_AHEAD_RECORDINGS, SLOT_AHEAD_RECORDINGS * slots))
    return Ahead(fetch.ahead.recordings or enough, fetch.ahead.gib * 1024)


@dataclass(frozen=True, slots=True)
class Packing:
    """Which recordings share an ingest Job, and how many."""

    max_seconds: int
    recordings: int


def packing_of(wanted: PackShort | None) -> Packing | None:
    """What a profile says about it."""
    return None if wanted is None else Packing(wanted.max_seconds, wanted.recordings)


def cached_mib(bytes_: int) -> int:
    """The size of cached audio as the status holds it: at least 1, because 0 means unknown."""
    return max(1, ceil(bytes_ / BYTES_PER_MIB))


def estimated_mib(item: Item) -> int:
    """What the audio of a recording takes at most, by its announced length."""
    return cached_mib(_seconds_of(item) * BYTES_PER_SECOND)


def sizes_of(items: Sequence[Item], known: Mapping[int, int]) -> int:
    """MiB of some recordings together: as known by index, or estimated where that is 0."""
    return sum(size or estimated_mib(items[index]) for index, size in known.items())


def in_order(items: Sequence[Item], candidates: list[int], slots: int) -> list[int]:
    """Recordings in the order in which they start: that of the plan, and of the last ones the longest first
    (R. L. Graham, "Bounds on multiprocessing timing anomalies", 1969). Otherwise all slots but one wait at
    the end for a long recording that began late."""
    if len(candidates) > SLOT_LAST_RECORDINGS * slots:
        return candidates
    return sorted(candidates, key=lambda index: -_seconds_of(items[index]))


def _seconds_of(item: Item) -> int:
    return UNKNOWN_LENGTH_SECONDS if item.duration_seconds is None else item.duration_seconds
