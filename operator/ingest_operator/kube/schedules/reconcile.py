"""One reconcile of one schedule: start what is due, write the status, delete old batches.

Level-triggered: it may run at any time, any number of times, and in two operators at once. The batch is
created before the status says so: its name makes a second one impossible, and a reconcile that finds it
counts it as created. Finished batches are deleted only after the status that remembers them was accepted.
"""

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from pydantic import ValidationError

from ingest_contract.mistakes import mistakes_of
from ingest_contract.schedule import ConcurrencyPolicy, IngestScheduleSpec, IngestScheduleStatus
from ingest_operator.core.timestamps import from_rfc3339, to_rfc3339
from ingest_operator.kube.api.client import Api
from ingest_operator.kube.api.deletion import held_up_by, is_deleted, leaves_all_behind
from ingest_operator.kube.api.errors import AlreadyExistsError, NotFoundError, RefusedError
from ingest_operator.kube.api.lenient import reading
from ingest_operator.kube.api.ownership import identity_of, is_controlled
from ingest_operator.kube.api.refusals import NAME_TAKEN, NAME_TAKEN_SECONDS, blocker_of_refusal
from ingest_operator.kube.api.resources import BATCHES, SCHEDULES, Object
from ingest_operator.kube.api.statuses import UnreadableStatusError, body_of, replaced
from ingest_operator.kube.schedules.cron import InvalidTimetableError, timetable
from ingest_operator.kube.schedules.due import DueResult, Timing, due_result
from ingest_operator.kube.schedules.owned_batches import (
    OwnedBatch,
    beyond_limits,
    child_object,
    child_of,
    children_of,
)
from ingest_operator.kube.schedules.status import StatusInputs, render

LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ScheduleResult:
    """The result of a reconcile."""

    again: float | None = None
    """When to reconcile again if nothing happens before; None: only if something happens."""
    schedule: Object | None = None
    """The schedule as the API server has it now; None if it is gone, or leaves its batches behind."""
    started: Object | None = None
    """The batch that was made."""
    deleted: tuple[str, ...] = ()
    """Names of the batches that were deleted: replaced, or beyond the limits."""
    missed: int = 0
    """Times that this reconcile found to be missed."""


@dataclass(frozen=True, slots=True)
class ParsedSchedule:
    """A schedule as it was read."""

    body: Object
    wanted: Timing | None
    """None for a schedule that is invalid."""
    previous: IngestScheduleStatus | None
    failure: tuple[str, str] | None = None
    """Why it is invalid."""

    def due_result(self, children: Sequence[OwnedBatch], now: float) -> DueResult | None:
        """What is due; None for a schedule that is invalid."""
        return due_result(self.wanted, self.previous, children, now) if self.wanted else None


@dataclass(frozen=True, slots=True)
class StartResult:
    """What was done about a batch that is due."""

    children: tuple[OwnedBatch, ...]
    started: Object | None = None
    replaced: tuple[str, ...] = ()
    failure: tuple[str, str] | None = None
    until: float | None = None
    """When another attempt is worth its call."""


async def reconcile(schedule: Object, children: Iterable[Object], api: Api, now: float) -> ScheduleResult:
    """Bring one schedule nearer to its spec. Raises what `Api` raises and `UnreadableStatusError`; then
    reconcile again."""
    subject = read(schedule)
    mine = children_of(schedule, children)
    found = subject.due_result(mine, now)
    if found is not None and found.start is not None:
        # What a watch has shown may be old; whether something starts is decided by what the API server says
        # now.
        fresh = await _fresh(schedule, api)
        if fresh is None:
            return ScheduleResult()
        subject = read(fresh)
        found = subject.due_result(mine, now)
    if leaves_all_behind(subject.body):
        return ScheduleResult()
    result = StartResult(mine)
    if found is not None and found.start is not None:
        result = await _start(subject, mine, found.start, api, now)
        found = subject.due_result(result.children, now)
    return await _conclude(subject, result, found, api, now)


def read(schedule: Object) -> ParsedSchedule:
    """Parse the object. An invalid spec is in the result; raises `UnreadableStatusError` for a status that is
    not ours.

    A schedule that is being deleted starts nothing more, and its status says so. Its batches are deleted with
    it, as soon as it is gone.
    """
    previous = _status(schedule)
    if is_deleted(schedule):
        message = (
            f"The schedule is being deleted{held_up_by(schedule)}. Nothing starts; "
            "its batches go on until it is gone."
        )
        return ParsedSchedule(schedule, None, previous, ("BeingDeleted", message))
    try:
        spec = IngestScheduleSpec.from_object(schedule["spec"])
        table = timetable(spec.schedule, spec.time_zone)
    except ValidationError as error:
        return ParsedSchedule(
            schedule, None, previous, ("InvalidSpec", "; ".join(mistakes_of(error, IngestScheduleSpec)))
        )
    except InvalidTimetableError as error:
        return ParsedSchedule(schedule, None, previous, (error.reason, error.message))
    return ParsedSchedule(
        schedule, Timing(spec, table, from_rfc3339(schedule["metadata"]["creationTimestamp"])), previous
    )


async def _fresh(schedule: Object, api: Api) -> Object | None:
    """The schedule as the API server has it now; None when it is gone, or another one has its name."""
    about = schedule["metadata"]
    try:
        fresh = await api.get(SCHEDULES, about["namespace"], about["name"])
    except NotFoundError:
        return None
    return fresh if fresh["metadata"]["uid"] == about["uid"] else None


async def _start(
    subject: ParsedSchedule, children: tuple[OwnedBatch, ...], due: float, api: Api, now: float
) -> StartResult:
    """Create the batch that is due; if the policy says so, in place of the earlier ones."""
    assert subject.wanted is not None  # noqa: S101 -- or nothing would be due
    replaced: tuple[str, ...] = ()
    if subject.wanted.spec.concurrency_policy is ConcurrencyPolicy.REPLACE:
        active = (child for child in children if child.active)
        replaced, refused = await _delete(active, subject.body, api)
        # also where another one is refused: the status that says so lists no batch that is being deleted
        children = tuple(
            replace(child, leaving=child.leaving or child.name in replaced) for child in children
        )
        if refused is not None:
            blocker = blocker_of_refusal(refused, now)
            message = (
                f"The batch that was due at {to_rfc3339(due)} waits: what it replaces cannot be deleted. "
                f"The server says: {refused.message}"
            )
            return StartResult(children, None, replaced, (blocker.reason, message), blocker.until)
    body = child_object(subject.body, due)
    name = body["metadata"]["name"]
    try:
        made = await api.create(BATCHES, body["metadata"]["namespace"], body)
        LOG.info(
            "batch %s started", name, extra={"schedule": subject.body["metadata"]["name"], "batch": name}
        )
    except AlreadyExistsError:
        made = await api.get(BATCHES, body["metadata"]["namespace"], name)
        if not is_controlled(made, identity_of(subject.body)):
            message = (
                f"An IngestBatch named {name} exists and is not this schedule's: delete it. "
                "Nothing of it was touched."
            )
            return StartResult(children, None, replaced, (NAME_TAKEN, message), now + NAME_TAKEN_SECONDS)
    except RefusedError as error:
        blocker = blocker_of_refusal(error, now)
        message = f"The batch that was due at {to_rfc3339(due)} is refused. The server says: {error.message}"
        return StartResult(children, None, replaced, (blocker.reason, message), blocker.until)
    child = child_of(subject.body, made)
    assert child is not None  # noqa: S101 -- it has the name that we gave it
    return StartResult((*children, child), made, replaced)


async def _conclude(
    subject: ParsedSchedule, result: StartResult, found: DueResult | None, api: Api, now: float
) -> ScheduleResult:
    """Write the status if it says something new, then delete the batches that need not be kept."""
    body, wanted = subject.body, subject.wanted
    suspended = wanted.spec.suspend if wanted else body["spec"].get("suspend") is True
    inputs = StatusInputs(body["metadata"]["generation"], suspended, found, subject.failure or result.failure)
    status = render(inputs, subject.previous, result.children, now)
    if status != subject.previous:
        body = await replaced(api, SCHEDULES, body_of(SCHEDULES, body, json.loads(status.to_json())))
    surplus = beyond_limits(result.children, wanted.spec) if wanted else ()
    deleted, _ = await _delete(surplus, body, api)  # what is refused stays surplus, for a later reconcile
    moments = [moment for moment in (found.next if found else None, result.until) if moment is not None]
    missed = found.missed if found else 0
    return ScheduleResult(
        min(moments, default=None), body, result.started, (*result.replaced, *deleted), missed
    )


async def _delete(
    children: Iterable[OwnedBatch], schedule: Object, api: Api
) -> tuple[tuple[str, ...], RefusedError | None]:
    """Delete batches; returns their names, and the first refusal: it keeps no other from being deleted."""
    gone: list[str] = []
    refused: RefusedError | None = None
    for child in children:
        try:
            await api.delete(BATCHES, schedule["metadata"]["namespace"], child.name, uid=child.uid)
            gone.append(child.name)
        except RefusedError as error:
            LOG.warning("batch %s stays: %s", child.name, error, extra={"action": "delete-batch"})
            refused = refused or error
    return tuple(gone), refused


def _status(schedule: Object) -> IngestScheduleStatus | None:
    status = schedule.get("status")
    if status is None:
        return None
    found = reading(IngestScheduleStatus, status)
    if found.value is None or found.mistakes:
        raise UnreadableStatusError(
            "/".join(schedule["metadata"][part] for part in ("namespace", "name")), found
        )
    return found.value
