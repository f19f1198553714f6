"""Which part of the sources a batch takes, and what it does about recordings that are stored already."""

from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import Field, StringConstraints, model_validator

from ingest_contract.base import ContractModel, Date, ObjectName, Seconds, cel, in_order


class Order(StrEnum):
    """In which order recordings are admitted."""

    LONGEST_FIRST = "LongestFirst"
    """Longest first: the batch ends earliest (Graham 1969 bounds it at 4/3 of the optimum)."""
    SHORTEST_FIRST = "ShortestFirst"
    """Shortest first: the first results come earliest."""
    NEWEST_FIRST = "NewestFirst"
    """By publication date, newest first; recordings without a date last."""
    SOURCE = "Source"
    """In the order of the sources."""


class Include(StrEnum):
    """Kinds of recordings that are left out by default."""

    LIVE = "Live"
    """Recordings of finished live streams."""


class Exclude(StrEnum):
    """Kinds of recordings that are taken by default. With both, a channel's streams alone are left."""

    REGULAR = "Regular"
    """Whatever is not called a short or a live stream."""
    SHORTS = "Shorts"
    """What its site calls a short."""


TitlePattern = Annotated[str, StringConstraints(min_length=1, max_length=128)]
"""The whole title, in whatever case: `*` is any characters, `?` is one, `[ab]` is one of these."""

Language = Annotated[str, StringConstraints(max_length=3, pattern=r"^[a-z]{2,3}$")]
"""An ISO 639 code."""


class Reprocess(StrEnum):
    """What counts as done already."""

    NEVER = "Never"
    """Every recording in the store counts, however it was made."""
    IF_PIPELINE_CHANGED = "IfPipelineChanged"
    """A recording in the store counts if the current models and parameters would produce the same."""
    ALWAYS = "Always"
    """Nothing counts."""


class StoreSource(ContractModel):
    """Recordings that the batch's namespace has ingested: of all of them, those that both lists let through.
    What was heard of them is in the store, and nothing is fetched or heard again."""

    channels: Annotated[
        tuple[Annotated[str, StringConstraints(min_length=1, max_length=256)], ...], Field(max_length=64)
    ] = ()
    """Channels, as the store calls them. Omitted: every channel."""

    batches: Annotated[tuple[ObjectName, ...], Field(max_length=64)] = ()
    """Batches of the namespace that have ingested them, now or before. Omitted: every batch."""


_RULES: Final = cel(
    in_order("minDurationSeconds", "maxDurationSeconds"), in_order("publishedAfter", "publishedBefore")
)


class Select(ContractModel, json_schema_extra=_RULES):
    """Which of the recordings: filter, then drop what is stored, then sort, then limit."""

    limit: Annotated[int, Field(ge=1, le=10_000)] = 10_000
    """At most this many recordings."""

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
    """Kinds of recordings to take that are left out by default."""

    exclude: Annotated[tuple[Exclude, ...], Field(max_length=8)] = ()
    """Kinds of recordings to leave out that are taken by default."""

    titles: Annotated[tuple[TitlePattern, ...], Field(max_length=32)] = ()
    """Recordings whose title matches none of these patterns are left out, such as `*interview*`. Omitted:
    every title. One whose title is not known stays in."""

    except_titles: Annotated[tuple[TitlePattern, ...], Field(max_length=32)] = ()
    """Recordings whose title matches one of these patterns are left out."""

    languages: Annotated[tuple[Language, ...], Field(max_length=32)] = ()
    """Recordings of which their source says another language are left out. Few sources say one; a recording
    of unknown language stays in."""

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
