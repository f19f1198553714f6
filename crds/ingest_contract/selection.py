"""What part of the sources a batch takes, and what it does about recordings that are stored already."""

from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from ingest_contract.base import ContractModel, Date, Seconds, cel, in_order


class Order(StrEnum):
    """In which order items are admitted."""

    LONGEST_FIRST = "LongestFirst"
    """Longest processing time first: the batch ends earliest (Graham 1969 bounds it at 4/3 of the
    optimum)."""
    SHORTEST_FIRST = "ShortestFirst"
    """Something to look at soonest."""
    NEWEST_FIRST = "NewestFirst"
    """By publication date, newest first; undated ones last."""
    SOURCE = "Source"
    """As the sources list them."""


class Include(StrEnum):
    """What is left out unless it is asked for."""

    LIVE = "Live"
    """Recordings of finished live streams."""


class Reprocess(StrEnum):
    """What counts as done already."""

    NEVER = "Never"
    """Whatever the store has counts, however it was made."""
    IF_PIPELINE_CHANGED = "IfPipelineChanged"
    """What the store has counts if today's models and parameters would make the same."""
    ALWAYS = "Always"
    """Nothing counts."""


_RULES: Final = cel(
    in_order("minDurationSeconds", "maxDurationSeconds"), in_order("publishedAfter", "publishedBefore")
)


class Select(ContractModel, json_schema_extra=_RULES):
    """Which of the recordings: filter, then drop what is stored, then order, then limit."""

    limit: Annotated[int, Field(ge=1, le=10_000)] = 10_000
    """At most so many recordings."""

    order: Order = Order.LONGEST_FIRST
    """In which order they start."""

    min_duration_seconds: Seconds = 0
    """Shorter recordings are left out. One whose length is not known stays in."""

    max_duration_seconds: Seconds | None = None
    """Longer recordings are left out."""

    published_after: Date | None = None
    """Recordings published before this day are left out. One whose date is not known stays in."""

    published_before: Date | None = None
    """Recordings published on this day or later are left out."""

    include: Annotated[tuple[Include, ...], Field(max_length=8)] = ()
    """What is otherwise left out."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        wrong = []
        if self.max_duration_seconds is not None and self.min_duration_seconds > self.max_duration_seconds:
            wrong.append("minDurationSeconds must not be above maxDurationSeconds")
        if (
            self.published_after is not None
            and self.published_before is not None
            and self.published_after > self.published_before
        ):
            wrong.append("publishedAfter must not be above publishedBefore")
        if wrong:
            raise ValueError("; ".join(wrong))
        return self
