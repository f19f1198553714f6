"""The status of a schedule, rendered from its batches and what is due. Pure: the same inputs always give the
same status."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ingest_contract.conditions import Condition, ConditionType, with_conditions
from ingest_contract.schedule import MAX_ACTIVE_NAMES, IngestScheduleStatus, LastBatch
from ingest_operator.core.conditions import ConditionDraft, as_conditions
from ingest_operator.core.timestamps import from_rfc3339, to_rfc3339
from ingest_operator.kube.schedules.due import DueResult, come_due
from ingest_operator.kube.schedules.owned_batches import OwnedBatch

MAX_MISSED_TIMES: Final = 1_000_000_000
"""Where the count of missed times ends."""

WAITS: Final = "WaitsForBatch"
"""The reason of a schedule whose next batch waits for an earlier one."""

DELETED: Final = "Deleted"
"""The state of a batch that was deleted before it was finished."""

CLOCK_BEHIND_SECONDS: Final = 3600.0
"""How far settled times may be ahead of the clock before it is reported."""

_FINAL: Final = ("Complete", "CompleteWithFailures", "DryRun", "Failed", DELETED)
"""States that do not change any more."""


@dataclass(frozen=True, slots=True)
class StatusInputs:
    """What a status is rendered from, besides the batches."""

    generation: int
    suspended: bool
    due_result: DueResult | None
    """None for a schedule that is invalid."""
    failure: tuple[str, str] | None = None
    """What the user must change before the next batch can start: (reason, message)."""


def render(
    inputs: StatusInputs, previous: IngestScheduleStatus | None, children: Sequence[OwnedBatch], now: float
) -> IngestScheduleStatus:
    """The whole status. What it remembers never goes back, whatever the clock does."""
    before, due_result = previous or IngestScheduleStatus(), inputs.due_result
    active = [child.name for child in children if child.active]
    children = come_due(children, now)
    return IngestScheduleStatus(
        observed_generation=inputs.generation,
        conditions=_conditions(inputs, before, children, now),
        last_scheduled_time=_latest(before.last_scheduled_time, *(child.due for child in children)),
        next_scheduled_time=to_rfc3339(due_result.next) if due_result and due_result.next else None,
        last_batch=_last_batch(before.last_batch, children),
        active=len(active),
        active_batches=tuple(active[:MAX_ACTIVE_NAMES]),
        last_successful_time=_latest(
            before.last_successful_time, *(child.completed for child in children if child.completed)
        ),
        missed=min(MAX_MISSED_TIMES, before.missed + (due_result.missed if due_result else 0)),
        settled_until=_latest(before.settled_until, due_result.settled)
        if due_result
        else before.settled_until,
        timetable=due_result.timetable if due_result else before.timetable,
    )


def _conditions(
    inputs: StatusInputs, before: IngestScheduleStatus, children: Sequence[OwnedBatch], now: float
) -> tuple[Condition, ...]:
    return with_conditions(
        before.conditions, as_conditions(_observations(inputs, children, now), now, inputs.generation)
    )


def _observations(
    inputs: StatusInputs, children: Sequence[OwnedBatch], now: float
) -> Iterator[ConditionDraft]:
    waits = _waiting(inputs.due_result, children)
    held = (
        waits if waits is not None and any(child.held for child in children if not child.finished) else None
    )
    failure = inputs.failure or _clock_behind(inputs.due_result, now) or held
    reason, message = failure or waits or ("NothingHeld", "")
    yield ConditionType.STALLED, failure is not None, reason, message[:1024]
    yield ConditionType.SUSPENDED, inputs.suspended, "BySpec" if inputs.suspended else "NotSuspended", ""


def _waiting(due_result: DueResult | None, children: Sequence[OwnedBatch]) -> tuple[str, str] | None:
    """What the batch that is due waits for, and why that is not finished; None if nothing waits.

    It is a problem only if an earlier batch does not go on by itself: `Forbid` is meant to wait for one that
    works.
    """
    ahead = [child for child in children if not child.finished]
    if due_result is None or due_result.waits is None or not ahead:
        return None
    child = next((child for child in ahead if child.held), ahead[0])
    others = f" (and {len(ahead) - 1} more)" if len(ahead) > 1 else ""
    why = child.held or f"it is {child.state}"
    return (
        WAITS,
        f"The batch that was due at {to_rfc3339(due_result.waits)} waits for {child.name}{others}: {why}",
    )


def _clock_behind(due_result: DueResult | None, now: float) -> tuple[str, str] | None:
    if due_result is None or due_result.settled - now <= CLOCK_BEHIND_SECONDS:
        return None
    message = (
        f"Times up to {to_rfc3339(due_result.settled)} are settled, which the clock has not reached: "
        "it was put back. Nothing starts before."
    )
    return "ClockBehind", message


def _last_batch(before: LastBatch | None, children: Sequence[OwnedBatch]) -> LastBatch | None:
    """The batch of the latest time. One that is gone is remembered as it was."""
    latest = children[-1] if children else None
    if latest is not None and (before is None or latest.due >= from_rfc3339(before.scheduled_time)):
        return LastBatch(name=latest.name, state=latest.state, scheduled_time=to_rfc3339(latest.due))
    if before is None or before.state in _FINAL:
        return before
    return before.model_copy(update={"state": DELETED})


def _latest(before: str | None, *moments: float) -> str | None:
    known = (*moments, from_rfc3339(before)) if before else moments
    return to_rfc3339(max(known)) if known else None
