"""Which recordings share an ingest Job."""

from typing import Annotated

from pydantic import Field

from ingest_contract.base import ContractModel
from ingest_contract.pack import MAX_PACK_RECORDINGS


class PackShort(ContractModel):
    """Which recordings share an ingest Job, and how many. Each still has a process of its own, so that all
    memory comes back after it."""

    max_seconds: Annotated[int, Field(ge=1, le=600)] = 60
    """The longest recording that shares a Job. One of unknown length does if its fetched audio is no larger
    than so many seconds of samples."""

    recordings: Annotated[int, Field(ge=2, le=MAX_PACK_RECORDINGS)] = MAX_PACK_RECORDINGS
    """Recordings of one Job, at most."""
