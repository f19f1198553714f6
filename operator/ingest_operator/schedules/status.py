"""The status of a schedule, made from its batches and the survey. Pure: the same look always gives the same status."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ingest_contract.conditions import Condition, ConditionType, with_conditions
from ingest_contract.schedule import MAX_ACTIVE_NAMES, IngestScheduleStatus, LastBatch
from ingest_operator.conclude import Observation, as_conditions
from ingest_operator.moments import as_seconds, as_text
from ingest_operator.schedules.children import Child
from ingest_operator.schedules.due import Survey

MOST_MISSED: Final = 1_000_000_000
"""Where counting ends."""

DELETED: Final = "Deleted"
"""The state of a batch that went before it was finished."""

CLOCK_BEHIND_SECONDS: Final = 3600.0
"""How far ahead of the clock settled times may lie before somebody should know."""

_FINAL: Final = ("Complete", "CompleteWithFailures", "DryRun", "Failed", DELETED)
"""States after which nothing comes."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a status is rendered from, beside the batches."""

    generation: int
    suspended: bool
    survey: Survey | None
    """None for a schedule that is invalid."""
    trouble: tuple[str, str] | None = None
    """What somebody must change before the next batch can start: (reason, message)."""


def render(outlook: Outlook, previous: IngestScheduleStatus | None, children: Sequence[Child], now: float) -> IngestScheduleStatus:
    """The whole status. What it remembers never goes back, whatever the clock does."""
    before, survey = previous or IngestScheduleStatus(), outlook.survey
    active = [child.name for child in children if child.active]
    return IngestScheduleStatus(
        observed_generation=outlook.generation,
        conditions=_conditions(outlook, before, now),
        last_scheduled_time=_latest(before.last_scheduled_time, *(child.due for child in children)),
        next_scheduled_time=as_text(survey.next) if survey and survey.next else None,
        last_batch=_last_batch(before.last_batch, children),
        active=len(active),
        active_batches=tuple(active[:MAX_ACTIVE_NAMES]),
        last_successful_time=_latest(before.last_successful_time, *(child.completed for child in children if child.completed)),
        missed=min(MOST_MISSED, before.missed + (survey.missed if survey else 0)),
        settled_until=_latest(before.settled_until, survey.settled) if survey else before.settled_until,
        timetable=survey.timetable if survey else before.timetable,
    )


def _conditions(outlook: Outlook, before: IngestScheduleStatus, now: float) -> tuple[Condition, ...]:
    return with_conditions(before.conditions, as_conditions(_observations(outlook, now), now, outlook.generation))


def _observations(outlook: Outlook, now: float) -> Iterator[Observation]:
    trouble = outlook.trouble or _clock_behind(outlook.survey, now)
    reason, message = trouble or ("NothingHeld", "")
    yield ConditionType.STALLED, trouble is not None, reason, message[:1024]
    yield ConditionType.SUSPENDED, outlook.suspended, "BySpec" if outlook.suspended else "NotSuspended", ""


def _clock_behind(survey: Survey | None, now: float) -> tuple[str, str] | None:
    if survey is None or survey.settled - now <= CLOCK_BEHIND_SECONDS:
        return None
    message = f"Times up to {as_text(survey.settled)} are settled, which the clock has not reached: it was put back. Nothing starts before."
    return "ClockBehind", message


def _last_batch(before: LastBatch | None, children: Sequence[Child]) -> LastBatch | None:
    """The batch of the latest time. One that is gone is remembered as it was."""
    latest = children[-1] if children else None
    if latest is not None and (before is None or latest.due >= as_seconds(before.scheduled_time)):
        return LastBatch(name=latest.name, state=latest.state, scheduled_time=as_text(latest.due))
    if before is None or before.state in _FINAL:
        return before
    return before.model_copy(update={"state": DELETED})


def _latest(before: str | None, *moments: float) -> str | None:
    known = (*moments, as_seconds(before)) if before else moments
    return as_text(max(known)) if known else None
