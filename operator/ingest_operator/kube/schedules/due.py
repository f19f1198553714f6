"""Which batch of a schedule is due now, and which times have passed for good. Pure.

Every scheduled time is settled once: it got its batch, or it is missed. Of the times that are not settled
only the latest may still get a batch; so an operator that was down for a week catches up one batch and not
seven.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ingest_contract.schedule import ConcurrencyPolicy, IngestScheduleSpec, IngestScheduleStatus
from ingest_operator.core.timestamps import from_rfc3339
from ingest_operator.kube.schedules.cron import CalendarEndError, InvalidTimetableError, Timetable, timetable
from ingest_operator.kube.schedules.owned_batches import OwnedBatch


@dataclass(frozen=True, slots=True)
class Timing:
    """What a schedule asks for."""

    spec: IngestScheduleSpec
    timetable: Timetable
    created: float
    """When it was made. Nothing is due before that."""


@dataclass(frozen=True, slots=True)
class DueResult:
    """What a reconcile finds to do."""

    start: float | None
    """The time whose batch is to be started now."""
    settled: float
    """The moment up to which every time has its batch or is missed."""
    missed: int
    """How many of them were missed since the last reconcile."""
    next: float | None
    """The first time that is still to come; None while suspended."""
    timetable: str
    """The timetable by which the times were found."""
    waits: float | None = None
    """The time whose batch waits for an earlier one."""


def due_result(
    wanted: Timing, previous: IngestScheduleStatus | None, children: Sequence[OwnedBatch], now: float
) -> DueResult:
    """What is due at `now`, given the last accepted status and the batches that are there."""
    spec, table = wanted.spec, wanted.timetable
    since = settled_before(wanted, previous, now)
    settled = max((since, *(child.due for child in come_due(children, now))))
    open_, start, waits = None if spec.suspend else table.passed(settled, now).latest, None, None
    if open_ is not None and _too_late(spec, open_, now):
        settled = open_
    elif open_ is not None:
        waits = open_ if _in_the_way(spec, children) else None
        start = None if waits is not None else open_
        # The times before the open one will never get a batch; if there are none, nothing has changed that
        # must be written.
        settled = open_ - 1 if table.passed(settled, open_ - 1).count else settled
    return DueResult(
        start=start,
        settled=settled,
        missed=_missed(table, children, since, settled) + _dropped(wanted, previous, children, now),
        next=None if spec.suspend else _next(table, max(now, settled)),
        timetable=str(table),
        waits=waits,
    )


def come_due(children: Sequence[OwnedBatch], now: float) -> tuple[OwnedBatch, ...]:
    """The batches whose time has come. A name may carry any year: a later time settles nothing, or nothing
    would start until then."""
    return tuple(child for child in children if child.due <= now)


def settled_before(wanted: Timing, previous: IngestScheduleStatus | None, now: float) -> float:
    """The moment up to which nothing is due any more. If the timetable has changed, that is now: its times in
    the past were never announced."""
    if previous is None or previous.observed_generation < 0:
        return wanted.created
    settled = from_rfc3339(previous.settled_until) if previous.settled_until else wanted.created
    return settled if previous.timetable == str(wanted.timetable) else max(settled, now)


def _too_late(spec: IngestScheduleSpec, due: float, now: float) -> bool:
    return spec.starting_deadline_seconds is not None and now - due > spec.starting_deadline_seconds


def _in_the_way(spec: IngestScheduleSpec, children: Sequence[OwnedBatch]) -> bool:
    """Whether an earlier batch keeps the next one waiting.
    One that is being deleted does until it is gone."""
    return spec.concurrency_policy is ConcurrencyPolicy.FORBID and any(
        not child.finished for child in children
    )


def _next(table: Timetable, after: float) -> float | None:
    try:
        return table.after(after)
    except CalendarEndError:
        return None


def _dropped(
    wanted: Timing, previous: IngestScheduleStatus | None, children: Sequence[OwnedBatch], now: float
) -> int:
    """Times that had come by the timetable before an edit and have no batch yet: it waited for an earlier
    one, or the operator was down. The edit ends them, so they are missed."""
    if previous is None or previous.observed_generation < 0 or not previous.timetable:
        return 0
    if previous.timetable == str(wanted.timetable):
        return 0
    schedule, _, zone = previous.timetable.rpartition(" ")
    since = from_rfc3339(previous.settled_until) if previous.settled_until else wanted.created
    try:
        return _missed(timetable(schedule, zone), children, since, now)
    except InvalidTimetableError:  # of another version
        return 0


def _missed(table: Timetable, children: Sequence[OwnedBatch], since: float, settled: float) -> int:
    """Times of a span that have no batch. A batch from another timetable is no time of this one."""
    return max(
        0, table.passed(since, settled).count - sum(since < child.due <= settled for child in children)
    )
