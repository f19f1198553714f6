"""`IngestBatch.status`: what is observed, and all that a restarted operator needs besides the plan and the
Jobs.

Bounded at any size of batch: counts and sums are exact, interval strings name every final recording, and
`recordings` shows at most 100 rows. Recordings between two runs always have a row, because their `run`,
`chargedAttempts`, `rung` and `notBefore` are stored nowhere else. Running ones have a row or are in
`running`, where those with equal values share a group.
"""

from typing import Annotated, Final

from pydantic import Field, StringConstraints, field_validator

from ingest_contract.base import (
    ContractModel,
    Count,
    Decimal,
    LongText,
    ShortText,
    SumOfMany,
    Timestamp,
)
from ingest_contract.conditions import MAP_BY_TYPE, Condition
from ingest_contract.cost import CostStatus
from ingest_contract.failures import Reason
from ingest_contract.figures import Rtf, Sums
from ingest_contract.groups import ATOMIC, FetchStatus, Outcomes, RunCount, RunningRecordings
from ingest_contract.intervals import Intervals
from ingest_contract.notifications import MAX_NOTIFICATIONS, Notification
from ingest_contract.obstacles import MAX_NODES, Breaker, NodeStatus
from ingest_contract.recording_status import RecordingStatus

MAX_ROWS: Final = 100
"""Rows in `recordings`."""

MAX_WAITING_ROWS: Final = 60
"""Recordings that may be between two runs at once, besides a probe: each has a row."""

MAX_RUNNING_ROWS: Final = MAX_ROWS - MAX_WAITING_ROWS - 1
"""Running recordings that have rows, those that started last; there is always room for them."""

MAX_RUNNING_RECORDINGS: Final = 500
"""Recordings that a batch may run at once."""

MAX_GROUPS: Final = 1100
"""Groups of running recordings: in the worst case each is its own group, in practice there are a handful."""

RTF_BUCKETS: Final = (0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 5.0, 10.0)
"""Upper bounds of the RTF histogram; the last bucket is open. Percentiles are computed from it, so they
survive any restart."""


class Counts(ContractModel):
    """How many recordings are in each state."""

    total: Count = 0
    """Planned."""

    pending: Count = 0
    """Not run yet, or to run again since the last `retryFailed`."""

    fetching: Count = 0
    """Being fetched into the cache."""

    fetched: Count = 0
    """Fetched, and not run since: they wait for a slot."""

    running: Count = 0
    """Being ingested."""

    waiting: Count = 0
    """Between two runs."""

    succeeded: Count = 0
    """In the store."""

    skipped: Count = 0
    """With nothing to ingest."""

    failed: Count = 0
    """Given up."""


class RecordingIntervals(ContractModel):
    """Which recordings are final, by index: complete at any size."""

    succeeded: Intervals = ""
    """In the store."""

    skipped: Intervals = ""
    """With nothing to ingest."""

    failed: Intervals = ""
    """Given up."""


class ReasonCount(ContractModel):
    """How many recordings share a reason."""

    reason: Annotated[str, StringConstraints(max_length=64)]
    """The reason."""

    count: Count
    """How many."""

    sentence: LongText = ""
    """What it means and what to do."""

    recordings: Intervals = ""
    """Which they are, by index; for failures alone, and not where more than 400 recordings have failed."""


class PlanStatus(ContractModel):
    """The result of planning."""

    sources: Count
    """Entries of `spec.sources` that are planned; if the spec has more, another plan follows."""

    recordings: Count
    """Recordings planned."""

    media_seconds: SumOfMany
    """Their total length, as far as the sources announce it."""

    left_out: Annotated[tuple[ReasonCount, ...], Field(max_length=32, json_schema_extra=ATOMIC)] = ()
    """Recordings that the sources list and the plan leaves out, by reason."""

    digest: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$", max_length=32)] | None = None
    """Digest of the plans. It detects a status that belongs to other plans,
    such as one restored from a backup."""


class ProfileStatus(ContractModel):
    """The profile that a batch uses."""

    generation: Count
    """The generation of the profile that was last reconciled."""

    differs: bool = False
    """Whether its models or parameters differ from those that the batch was planned with. The batch keeps its
    own: a batch of which half was made one way and half another would be a corpus that no one can explain."""


class IngestBatchStatus(ContractModel):
    """What is observed."""

    observed_generation: Annotated[int, Field(ge=-1)] = -1
    """The generation of the spec that was last reconciled; -1 before the first reconcile."""

    conditions: Annotated[tuple[Condition, ...], Field(max_length=8, json_schema_extra=MAP_BY_TYPE)] = ()
    """Observations in the standard form."""

    state: ShortText = "Pending"
    """One word for a column, derived from the conditions; programs should read the conditions."""

    trace_id: Annotated[str, StringConstraints(max_length=32, pattern=r"^[0-9a-f]{32}$")] | None = None
    """The trace id in processes, logs and rows of the store. It is the batch's uid without its dashes: a
    status with another one, such as one restored from a backup, is ignored."""

    plan: PlanStatus | None = None
    """The result of planning."""

    profile: ProfileStatus | None = None
    """The profile that the batch uses."""

    counts: Counts = Counts()
    """How many recordings are in each state."""

    progress_percent: Annotated[int, Field(ge=0, le=100)] = 0
    """Progress of the batch, weighted by media length."""

    eta_seconds: SumOfMany | None = None
    """Estimated time until every recording is final, at the current pace."""

    audio_hours_per_hour: Decimal | None = None
    """Throughput: media hours per hour in which something ran."""

    active_seconds: Decimal = "0"
    """Wall time in which at least one recording ran, counted when a run ends."""

    active_until: Timestamp | None = None
    """The time up to which `activeSeconds` has been counted."""

    computing_percent: Annotated[int, Field(ge=0, le=100)] | None = None
    """Share of `sums.heldSeconds` in which devices computed: what is missing from 100 is time for which they
    were held and did nothing."""

    rtf: Rtf | None = None
    """Real-time factors."""

    sums: Sums = Sums()
    """Totals."""

    cost: CostStatus | None = None
    """What its GPUs have cost; only where the profile says what an hour of one costs (`cost`)."""

    final_recordings: RecordingIntervals = RecordingIntervals()
    """Which recordings are final."""

    runs: Annotated[tuple[RunCount, ...], Field(max_length=64, json_schema_extra=ATOMIC)] = ()
    """Runs of recordings that failed, including those that `retryFailed` made pending again."""

    running: Annotated[
        tuple[RunningRecordings, ...], Field(max_length=MAX_GROUPS, json_schema_extra=ATOMIC)
    ] = ()
    """Running recordings without a row in `recordings`: if there are many, those that started first."""

    fetch: FetchStatus | None = None
    """What lies in the cache, and why nothing more is fetched; only where the batch fetches ahead."""

    failures: Annotated[tuple[ReasonCount, ...], Field(max_length=64, json_schema_extra=ATOMIC)] = ()
    """Failed recordings by reason."""

    skips: Annotated[tuple[ReasonCount, ...], Field(max_length=64, json_schema_extra=ATOMIC)] = ()
    """Skipped recordings by reason."""

    recent: Outcomes = ()
    """The last outcomes of ingest runs: if one reason prevails among them, the breaker opens."""

    breaker: Breaker | None = None
    """Why nothing new is ingested, while the breaker is open."""

    learned_rung: Count | None = None
    """The rung of the memory ladder on which recordings start,
    once earlier runs have shown which one is needed."""

    nodes: Annotated[tuple[NodeStatus, ...], Field(max_length=MAX_NODES, json_schema_extra=ATOMIC)] = ()
    """Nodes on which runs failed lately."""

    retry_failed: Annotated[str, StringConstraints(max_length=64)] = ""
    """The last value of `spec.retryFailed` that was carried out."""

    notifications: Annotated[
        tuple[Notification, ...], Field(max_length=MAX_NOTIFICATIONS, json_schema_extra=ATOMIC)
    ] = ()
    """What the webhook of the installation is to be told, oldest first, and what became of it: all that
    waits, and the last ones that were told or given up. Empty where no webhook is configured."""

    recordings: Annotated[
        tuple[RecordingStatus, ...], Field(max_length=MAX_ROWS, json_schema_extra=ATOMIC)
    ] = ()
    """At most 100 recordings: the running ones that started last, all waiting ones, then failed ones, then
    the most recent."""

    @field_validator("failures", "skips")
    @classmethod
    def _of_the_table(cls, counts: tuple[ReasonCount, ...]) -> tuple[ReasonCount, ...]:
        """A reason of another version cannot be handled: this reports it, and the status stays as it is."""
        for each in counts:
            Reason(each.reason)
        return counts


def breakers_of(status: IngestBatchStatus) -> tuple[Breaker, ...]:
    """The open breakers: of ingesting, then of fetching."""
    both = (status.breaker, status.fetch.breaker if status.fetch else None)
    return tuple(each for each in both if each is not None)
