"""`IngestBatch.status`: what is seen. Also all that a restarted operator needs to know beside the plan and
the Jobs themselves.

Bounded at any size of batch: counts and sums are exact, interval strings name every final item, and `videos`
shows at most 100 rows. Items between tries always have a row, because their `try`, `attempts`, `rung` and
`notBefore` live nowhere else. Running ones have a row or stand in `running`: what they need to be remembered
by fits into groups.
"""

from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import Field, StringConstraints, field_validator

from ingest_contract.base import ContractModel, Count, Decimal, LongText, ShortText, SumOfMany, Timestamp
from ingest_contract.conditions import Condition
from ingest_contract.failures import Reason
from ingest_contract.figures import Rtf, Sums
from ingest_contract.intervals import Intervals
from ingest_contract.obstacles import MAX_NODES, Breaker, NodeStatus
from ingest_contract.order import MAX_NUMBER, ItemId
from ingest_contract.stages import Stage

MAX_ROWS: Final = 100
"""Rows in `videos`."""

MAX_WAITING: Final = 60
"""Items that may be between tries at once, and a probe beside them: each has a row."""

MAX_RUNNING_ROWS: Final = MAX_ROWS - MAX_WAITING - 1
"""Running items that have rows, those that started last; there is always room for them."""

MAX_RUNNING: Final = 500
"""Items that a batch may work on at once."""

MAX_GROUPS: Final = 600
"""Groups of running items: each item may be unlike all others, though in practice there are a handful."""

RTF_BUCKETS: Final = (0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 5.0, 10.0)
"""Upper bounds of the RTF histogram; the last bucket is open. Percentiles are read from it, so they survive
any restart."""

ATOMIC: Final[dict[str, Any]] = {"x-kubernetes-list-type": "atomic"}
MAP_BY_TYPE: Final[dict[str, Any]] = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}


class ItemState(StrEnum):
    """Where one recording stands."""

    PENDING = "Pending"
    RUNNING = "Running"
    WAITING = "Waiting"
    """Between tries."""
    SUCCEEDED = "Succeeded"
    SKIPPED = "Skipped"
    FAILED = "Failed"


class VideoStatus(ContractModel):
    """One recording."""

    index: Count
    """Its place in admission order."""

    id: ItemId
    """What the store knows it by."""

    state: ItemState
    """Where it stands."""

    number: Annotated[int, Field(ge=0, le=MAX_NUMBER, alias="try")] = 0
    """Processes started for it so far, charged or not."""

    attempts: Count = 0
    """Those that were charged."""

    rung: Count | None = None
    """How far down the memory ladder it stands, once it has left the top."""

    disruptions: Count | None = None
    """Forgiven interruptions, once there were any."""

    not_before: Timestamp | None = None
    """When its next try may start."""

    stage: Stage | None = None
    """The stage that runs, or that failed."""

    percent: Annotated[int, Field(ge=0, le=100)] | None = None
    """How far it is, while it runs."""

    rtf: Decimal | None = None
    """Real-time factor: processing seconds per second of media."""

    reason: Reason | None = None
    """Why its last try did not succeed."""

    message: ShortText | None = None
    """The particulars."""


class Counts(ContractModel):
    """How many recordings stand where."""

    total: Count = 0
    """Planned."""

    pending: Count = 0
    """Not tried yet, or to be tried anew since the last `retryFailed`."""

    running: Count = 0
    """With a process of their own."""

    waiting: Count = 0
    """Between two tries."""

    succeeded: Count = 0
    """In the store."""

    skipped: Count = 0
    """With nothing to ingest."""

    failed: Count = 0
    """Given up."""


class ItemIntervals(ContractModel):
    """Which recordings are final, by index: complete at any size."""

    succeeded: Intervals = ""
    """In the store."""

    skipped: Intervals = ""
    """With nothing to ingest."""

    failed: Intervals = ""
    """Given up."""


class TryCount(ContractModel):
    """How many processes the named recordings have had: a process's name must never repeat, not even after a
    `retryFailed`."""

    number: Annotated[int, Field(ge=1, le=MAX_NUMBER, alias="try")]
    """Processes so far."""

    indexes: Intervals
    """Of these recordings, those among them left aside that succeeded or were skipped: nothing is tried of
    them again."""


class RunningItems(ContractModel):
    """Running recordings that have no row, as far as they are alike."""

    number: Annotated[int, Field(ge=1, le=MAX_NUMBER, alias="try")]
    """Processes started for each of them so far."""

    attempts: Count = 0
    """Those that were charged."""

    rung: Count | None = None
    """How far down the memory ladder they stand, once they have left the top."""

    disruptions: Count | None = None
    """Forgiven interruptions of each, once there were any."""

    indexes: Intervals
    """These recordings."""


class ReasonCount(ContractModel):
    """How many recordings share a reason."""

    reason: Annotated[str, StringConstraints(max_length=64)]
    """The reason."""

    count: Count
    """How many."""

    sentence: LongText = ""
    """What it means and what to do."""


class PlanStatus(ContractModel):
    """What the plan found."""

    sources: Count
    """Entries of `spec.sources` that are planned; more of them mean another plan."""

    items: Count
    """Recordings planned."""

    media_seconds: SumOfMany
    """Their length, as far as sources announce it."""

    left_out: Annotated[tuple[ReasonCount, ...], Field(max_length=32, json_schema_extra=ATOMIC)] = ()
    """Recordings that were found and not planned, by reason."""

    digest: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$", max_length=32)] | None = None
    """Of what the plans say. A status that counts by other plans, as one out of a backup may, is known by
    it."""


class ProfileStatus(ContractModel):
    """Which profile a batch goes by."""

    generation: Count
    """The generation of the profile that was last looked at."""

    differs: bool = False
    """Whether its models or parameters are no longer those that the batch was planned with. The batch keeps
    those: half a batch made one way and half another would be a corpus that nobody can explain."""


class IngestBatchStatus(ContractModel):
    """What is seen."""

    observed_generation: Annotated[int, Field(ge=-1)] = -1
    """The generation of the spec that this status answers; -1 before anything was looked at."""

    conditions: Annotated[tuple[Condition, ...], Field(max_length=8, json_schema_extra=MAP_BY_TYPE)] = ()
    """Observations in the standard form."""

    state: ShortText = "Pending"
    """One word for a column, made from the conditions; programs should read those."""

    trace_id: Annotated[str, StringConstraints(max_length=32, pattern=r"^[0-9a-f]{32}$")] | None = None
    """Runs through processes, logs and rows of the store. It is the batch's uid without its dashes: a status
    that bears another one, as one out of a backup does, is not believed."""

    plan: PlanStatus | None = None
    """What the plan found."""

    profile: ProfileStatus | None = None
    """Which profile the batch goes by."""

    counts: Counts = Counts()
    """How many recordings stand where."""

    progress_percent: Annotated[int, Field(ge=0, le=100)] = 0
    """Of the media, by length."""

    eta_seconds: SumOfMany | None = None
    """Until every recording is final, at the present pace."""

    audio_hours_per_hour: Decimal | None = None
    """Throughput: media hours per hour in which something ran."""

    active_seconds: Decimal = "0"
    """Wall time in which at least one recording ran, counted when a run ends."""

    active_until: Timestamp | None = None
    """Up to when `activeSeconds` has counted."""

    rtf: Rtf | None = None
    """Real-time factors."""

    sums: Sums = Sums()
    """Totals."""

    items: ItemIntervals = ItemIntervals()
    """Which recordings are final."""

    tries: Annotated[tuple[TryCount, ...], Field(max_length=64, json_schema_extra=ATOMIC)] = ()
    """Processes of recordings that failed, those among them that `retryFailed` made pending again
    included."""

    running: Annotated[tuple[RunningItems, ...], Field(max_length=MAX_GROUPS, json_schema_extra=ATOMIC)] = ()
    """Running recordings without a row in `videos`: those that have run for longest, where there are many."""

    failures: Annotated[tuple[ReasonCount, ...], Field(max_length=64, json_schema_extra=ATOMIC)] = ()
    """Failed recordings by reason."""

    skips: Annotated[tuple[ReasonCount, ...], Field(max_length=64, json_schema_extra=ATOMIC)] = ()
    """Skipped recordings by reason."""

    recent: Annotated[
        tuple[Annotated[str, StringConstraints(max_length=64)], ...],
        Field(max_length=32, json_schema_extra=ATOMIC),
    ] = ()
    """The last outcomes: a window in which one reason prevails opens the breaker."""

    breaker: Breaker | None = None
    """Why nothing new starts, while that is so."""

    learned_rung: Count | None = None
    """The rung of the memory ladder on which recordings start, once experience has taught one."""

    nodes: Annotated[tuple[NodeStatus, ...], Field(max_length=MAX_NODES, json_schema_extra=ATOMIC)] = ()
    """Nodes that cost runs lately."""

    retry_failed: Annotated[str, StringConstraints(max_length=64)] = ""
    """The last `spec.retryFailed` that was acted on."""

    videos: Annotated[tuple[VideoStatus, ...], Field(max_length=MAX_ROWS, json_schema_extra=ATOMIC)] = ()
    """At most 100 recordings: the running ones that started last, all that wait, then failed ones, then the
    most recent."""

    @field_validator("failures", "skips")
    @classmethod
    def _of_the_table(cls, counts: tuple[ReasonCount, ...]) -> tuple[ReasonCount, ...]:
        """A reason of another version cannot be counted on: it is told, and the status kept as it is."""
        for each in counts:
            Reason(each.reason)
        return counts
