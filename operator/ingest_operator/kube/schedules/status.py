"""The status of a schedule, made from its batches and the survey. Pure: the same look always gives the same
status."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ingest_contract.conditions import Condition, ConditionType, with_conditions
from ingest_contract.schedule import MAX_ACTIVE_NAMES, IngestScheduleStatus, LastBatch
from ingest_operator.core.conditions import ConditionDraft, as_conditions
from ingest_operator.core.timestamps import as_seconds, as_text
from ingest_operator.kube.schedules.due import Survey, come_due
from ingest_operator.kube.schedules.owned_batches import Child

MOST_MISSED: Final = 1_000_000_000
"""Where counting ends."""

WAITS: Final = "WaitsForBatch"
"""The reason of a schedule whose next batch waits for an earlier one."""

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


def render(
    outlook: Outlook, previous: IngestScheduleStatus | None, children: Sequence[Child], now: float
) -> IngestScheduleStatus:
    """The whole status. What it remembers never goes back, whatever the clock does."""
    before, survey = previous or IngestScheduleStatus(), outlook.survey
    active = [child.name for child in children if child.active]
    children = come_due(children, now)
    return IngestScheduleStatus(
        observed_generation=outlook.generation,
        conditions=_conditions(outlook, before, children, now),
        last_scheduled_time=_latest(before.last_scheduled_time, *(child.due for child in children)),
        next_scheduled_time=as_text(survey.next) if survey and survey.next else None,
        last_batch=_last_batch(before.last_batch, children),
        active=len(active),
        active_batches=tuple(active[:MAX_ACTIVE_NAMES]),
        last_successful_time=_latest(
            before.last_successful_time, *(child.completed for child in children if child.completed)
        ),
        missed=min(MOST_MISSED, before.missed + (survey.missed if survey else 0)),
        settled_until=_latest(before.settled_until, survey.settled) if survey else before.settled_until,
        timetable=survey.timetable if survey else before.timetable,
    )


def _conditions(
    outlook: Outlook, before: IngestScheduleStatus, children: Sequence[Child], now: float
) -> tuple[Condition, ...]:
    return with_conditions(
        before.conditions, as_conditions(_observations(outlook, children, now), now, outlook.generation)
    )


def _observations(outlook: Outlook, children: Sequence[Child], now: float) -> Iterator[ConditionDraft]:
    waits = _waiting(outlook.survey, children)
    held = (
        waits if waits is not None and any(child.held for child in children if not child.finished) else None
    )
    trouble = outlook.trouble or _clock_behind(outlook.survey, now) or held
    reason, message = trouble or waits or ("NothingHeld", "")
    yield ConditionType.STALLED, trouble is not None, reason, message[:1024]
    yield ConditionType.SUSPENDED, outlook.suspended, "BySpec" if outlook.suspended else "NotSuspended", ""


def _waiting(survey: Survey | None, children: Sequence[Child]) -> tuple[str, str] | None:
    """What the batch that is due waits for, and why that is not finished; None where nothing waits.

    It is trouble only where an earlier batch does not go on by itself: one that works is what `Forbid` waits
    for.
    """
    ahead = [child for child in children if not child.finished]
    if survey is None or survey.waits is None or not ahead:
        return None
    child = next((child for child in ahead if child.held), ahead[0])
    others = f" (and {len(ahead) - 1} more)" if len(ahead) > 1 else ""
    why = child.held or f"it is {child.state}"
    return WAITS, f"The batch that was due at {as_text(survey.waits)} waits for {child.name}{others}: {why}"


def _clock_behind(survey: Survey | None, now: float) -> tuple[str, str] | None:
    if survey is None or survey.settled - now <= CLOCK_BEHIND_SECONDS:
        return None
    message = (
        f"Times up to {as_text(survey.settled)} are settled, which the clock has not reached: it was "
        "put back. Nothing starts before."
    )
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
