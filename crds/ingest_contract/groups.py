"""Recordings in `IngestBatch.status` that need no row of their own, in groups of equal values: what must be
remembered of them."""

from typing import Annotated, Any, Final

from pydantic import Field, StringConstraints

from ingest_contract.base import MAX_RUN_NUMBER, ContractModel, Count, SumOfMany
from ingest_contract.fetch_ahead import MAX_AHEAD_RECORDINGS
from ingest_contract.intervals import Intervals
from ingest_contract.obstacles import Breaker

ATOMIC: Final[dict[str, Any]] = {"x-kubernetes-list-type": "atomic"}

Outcomes = Annotated[
    tuple[Annotated[str, StringConstraints(max_length=64)], ...],
    Field(max_length=32, json_schema_extra=ATOMIC),
]
"""Reasons of the last ends, `Succeeded` among them."""


class RunCount(ContractModel):
    """How many runs these recordings have had:
    a Job's name must never repeat, not even after a `retryFailed`."""

    run: Annotated[int, Field(ge=1, le=MAX_RUN_NUMBER)]
    """Runs so far, charged or not."""

    indexes: Intervals
    """The recordings, by index. Those that succeeded or were skipped may be among them and do not count: they
    never run again."""


class RunningRecordings(ContractModel):
    """Running recordings that have no row and share these values."""

    run: Annotated[int, Field(ge=1, le=MAX_RUN_NUMBER)]
    """Runs started for each of them so far, charged or not."""

    charged_attempts: Count = 0
    """Those that were charged: they count against `retry.maxAttempts`."""

    rung: Count | None = None
    """Their rung of the memory ladder, once they are below the top."""

    disruptions: Count | None = None
    """Forgiven interruptions of each, once there were any."""

    fetching: bool | None = None
    """Whether they are being fetched into the cache; omitted: they are being ingested."""

    cached: bool | None = None
    """Whether they are ingested from the cache; omitted: they are not."""

    indexes: Intervals
    """The recordings, by index."""


class FetchedRecordings(ContractModel):
    """Recordings that are fetched, wait for a slot, and share these values."""

    run: Annotated[int, Field(ge=1, le=MAX_RUN_NUMBER)]
    """Runs of each of them so far, charged or not."""

    charged_attempts: Count = 0
    """Those that were charged: they count against `retry.maxAttempts`."""

    rung: Count | None = None
    """Their rung of the memory ladder, once they are below the top."""

    disruptions: Count | None = None
    """Forgiven interruptions of each, once there were any."""

    indexes: Intervals
    """The recordings, by index."""

    mib: Annotated[tuple[Count, ...], Field(max_length=MAX_AHEAD_RECORDINGS, json_schema_extra=ATOMIC)]
    """Size of the audio of each in the cache, in the order of their indexes."""


class FetchStatus(ContractModel):
    """Fetching ahead: what lies in the cache, and a breaker of its own. A site that refuses us keeps nobody
    from ingesting what is fetched."""

    cached_mib: SumOfMany = 0
    """Audio of the batch in the cache, that of running recordings included; estimated from their length where
    it is not known."""

    fetched: Annotated[
        tuple[FetchedRecordings, ...], Field(max_length=MAX_AHEAD_RECORDINGS, json_schema_extra=ATOMIC)
    ] = ()
    """Recordings that are fetched and wait for a slot."""

    recent: Outcomes = ()
    """The last outcomes of fetches: if one reason prevails among them, this breaker opens."""

    breaker: Breaker | None = None
    """Why nothing more is fetched, while this breaker is open."""
