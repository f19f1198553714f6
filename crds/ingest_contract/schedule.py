"""`IngestSchedule`: a batch every night, or whenever a cron expression says, and the outcome.

The fields are named as a CronJob's. docs/schedules.md lists the differences: `Forbid` is the default, and at
most one missed time is caught up.
"""

from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from ingest_contract.base import ContractModel, Count, LabelValue, ObjectName, ShortText, Timestamp, cel
from ingest_contract.batch import STORE_RULES, IngestBatchSpec
from ingest_contract.conditions import MAP_BY_TYPE, Condition
from ingest_contract.groups import ATOMIC
from ingest_contract.profile import ObjectMeta

MAX_SCHEDULE_NAME_CHARACTERS: Final = 50
"""A batch is named after its schedule and the minute it was due, and a name has at most 63 characters."""

MAX_ACTIVE_NAMES: Final = 20
"""Names in `activeBatches`."""

SHORT_NAME_RULE: Final = cel(
    (
        f"self.metadata.name.size() <= {MAX_SCHEDULE_NAME_CHARACTERS}",
        f"metadata.name must have at most {MAX_SCHEDULE_NAME_CHARACTERS} characters",
    )
)
"""A rule for the whole object: the name of a custom resource is not part of its schema."""

CronText = Annotated[
    str, StringConstraints(max_length=128, pattern=r"^[0-9A-Za-z*/,#-]+( +[0-9A-Za-z*/,#-]+){4}$")
]
"""Five fields of a cron expression."""

ZoneName = Annotated[
    str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$")
]
"""A time zone of the IANA database."""


class ConcurrencyPolicy(StrEnum):
    """What happens when a batch is due while an earlier one of the schedule is not finished."""

    FORBID = "Forbid"
    """It waits for the earlier one to finish, within `startingDeadlineSeconds`."""
    ALLOW = "Allow"
    """It starts while the earlier one still runs."""
    REPLACE = "Replace"
    """The earlier one is deleted; what it has stored stays in the store."""


class TemplateMeta(ContractModel):
    """Metadata of each batch."""

    labels: Annotated[dict[str, LabelValue], Field(max_length=32)] | None = None
    """Labels of each batch."""

    annotations: (
        Annotated[dict[str, Annotated[str, StringConstraints(max_length=4096)]], Field(max_length=32)] | None
    ) = None
    """Annotations of each batch."""


class TemplateSpec(IngestBatchSpec, json_schema_extra=cel(*STORE_RULES)):
    """The spec of a batch, without the rules about changes: a changed template applies to future batches."""


class BatchTemplate(ContractModel):
    """The template of each batch."""

    metadata: TemplateMeta = TemplateMeta()
    """Labels and annotations of each batch. The batch's name is the schedule's and the minute it was due."""

    spec: TemplateSpec
    """The spec of each batch, as in an IngestBatch. Recordings in the store are not ingested again, so the
    same spec each night ingests only new ones."""


class IngestScheduleSpec(ContractModel):
    """What is wanted, and when."""

    schedule: CronText
    """When: minute, hour, day of month, month, day of week, for example `30 2 * * *`. Also `L` for the last
    day of a month or the last such weekday (`5L`), and `MON#2` for the second Monday."""

    time_zone: ZoneName = "Etc/UTC"
    """The time zone of `schedule`, for example `Europe/Berlin`."""

    concurrency_policy: ConcurrencyPolicy = ConcurrencyPolicy.FORBID
    """What happens when a batch is due while an earlier one is not finished."""

    starting_deadline_seconds: Annotated[int, Field(ge=10, le=100_000_000)] | None = None
    """How late a batch may still start, if the operator was down or an earlier batch blocked it. Omitted:
    without a limit."""

    suspend: bool = False
    """Start no batch. When this is unset, at most one of the missed times is caught up."""

    successful_history_limit: Annotated[int, Field(ge=0, le=100)] = 3
    """How many finished batches that did not fail are kept."""

    failed_history_limit: Annotated[int, Field(ge=0, le=100)] = 3
    """How many failed batches are kept."""

    template: BatchTemplate
    """The template of each batch. A change applies to future batches."""


class LastBatch(ContractModel):
    """The batch of the latest scheduled time."""

    name: ObjectName
    """Its name. The batch may be deleted by now."""

    state: ShortText
    """Its last observed state; `Deleted` if it was deleted before it finished."""

    scheduled_time: Timestamp
    """When it was due."""


class IngestScheduleStatus(ContractModel):
    """What is observed."""

    observed_generation: Annotated[int, Field(ge=-1)] = -1
    """The generation of the spec that was last reconciled; -1 before the first reconcile."""

    conditions: Annotated[tuple[Condition, ...], Field(max_length=8, json_schema_extra=MAP_BY_TYPE)] = ()
    """Observations in the standard form: `Stalled` and `Suspended`."""

    last_scheduled_time: Timestamp | None = None
    """The latest scheduled time for which a batch was created. It never moves back."""

    next_scheduled_time: Timestamp | None = None
    """When the next batch is due; absent while the schedule is suspended or invalid."""

    last_batch: LastBatch | None = None
    """The batch of `lastScheduledTime`."""

    active: Count = 0
    """How many batches are not finished."""

    active_batches: Annotated[
        tuple[ObjectName, ...], Field(max_length=MAX_ACTIVE_NAMES, json_schema_extra=ATOMIC)
    ] = ()
    """Their names, earliest first, at most 20."""

    last_successful_time: Timestamp | None = None
    """When a batch last completed without having failed."""

    missed: Count = 0
    """Scheduled times that passed without a batch: the operator was down, the schedule was suspended, an
    earlier batch blocked it for too long, or the API server refused the batch."""

    settled_until: Timestamp | None = None
    """Scheduled times up to this one have their batch or count as missed. It never moves back."""

    timetable: ShortText | None = None
    """The schedule and time zone by which `settledUntil` was computed. After a change of either, times before
    the change do not count."""


class ScheduleMeta(ObjectMeta, extra="ignore"):
    """The part of a schedule's metadata that the command line reads."""

    name: Annotated[ObjectName, StringConstraints(max_length=MAX_SCHEDULE_NAME_CHARACTERS)]
    """The schedule's name."""


class IngestSchedule(ContractModel):
    """A batch whenever it is due."""

    api_version: Literal["video-ingest.dev/v1alpha1"]
    kind: Literal["IngestSchedule"]
    metadata: ScheduleMeta
    spec: IngestScheduleSpec
    status: IngestScheduleStatus | None = None
