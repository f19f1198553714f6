"""What a Receipt says of the source of its recording."""

from typing import Annotated

from pydantic import StringConstraints

from ingest_contract.base import ContractModel, SumOfMany


class Cached(ContractModel):
    """What a fetch left in the cache."""

    bytes: SumOfMany
    """Size of the audio: of twelve hours more than a billion."""

    found: bool = False
    """Whether it was there already, whole: nothing was downloaded."""


class SiteReport(ContractModel):
    """The last site that was met."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=253)]
    """Its entry in the profile, or its host."""

    secrets: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}$")] | None = None
    """A digest of the cookies and the proxy that were used: it tells that they were changed, and nothing
    else."""
