"""Fetching ahead, in a profile: whether, and how far."""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from ingest_contract.base import ContractModel

MAX_AHEAD_RECORDINGS: Final = 500
"""Recordings that a batch may have fetched and not yet ingested."""


class FetchMode(StrEnum):
    """Whether a recording is fetched and decoded before it asks for a GPU."""

    AUTO = "Auto"
    """`Ahead` where there is a cache: where `pods.cache` is set, and always on a workstation."""
    INLINE = "Inline"
    """One process per recording downloads, decodes and ingests. A GPU is held while it downloads."""
    AHEAD = "Ahead"
    """Two processes per recording: one without a GPU downloads and decodes into the cache, the next one
    ingests what lies there and reaches no network but the store's."""


class FetchAhead(ContractModel):
    """How much may lie in the cache, or be on its way there, before it is ingested. One recording may always
    be fetched."""

    recordings: Annotated[int, Field(ge=1, le=MAX_AHEAD_RECORDINGS)] | None = None
    """Recordings of a batch that are being fetched, or are fetched and wait for a slot; unset, three for each
    slot of the batch, and 8 at least."""

    gib: Annotated[int, Field(ge=1, le=1_048_576)] = 50
    """Audio of a batch in the cache, those included that are being ingested. An hour is at most 0.11 GiB; one
    of unknown length counts as an hour until it is fetched."""
