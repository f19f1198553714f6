"""One look at one schedule: start what is due, write down what is seen, clear up.

Level-triggered: it may run at any time, any number of times, and in two operators at once. The batch is made
before the status says so: its name makes a second one impossible, and a look that finds it takes it for made.
Finished batches are deleted only after the status that remembers them was accepted.
"""

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from pydantic import ValidationError

from ingest_contract.documents import mistakes_of
from ingest_contract.names import API_VERSION, SCHEDULE_KIND
from ingest_contract.schedule import ConcurrencyPolicy, IngestScheduleSpec, IngestScheduleStatus
from ingest_operator.core.timestamps import as_seconds, as_text
from ingest_operator.kube.api.client import Api
from ingest_operator.kube.api.deletion import held_up_by, is_deleted, leaves_all_behind
from ingest_operator.kube.api.errors import AlreadyExistsError, NotFoundError, RefusedError
from ingest_operator.kube.api.lenient import reading
from ingest_operator.kube.api.ownership import identity_of, is_controlled
from ingest_operator.kube.api.refusals import NAME_TAKEN, NAME_TAKEN_SECONDS, hindrance_of_refusal
from ingest_operator.kube.api.resources import BATCHES, SCHEDULES, Object
from ingest_operator.kube.batches.status_store import UnreadableStatusError, replaced
from ingest_operator.kube.schedules.cron import InvalidTimetableError, timetable
from ingest_operator.kube.schedules.due import Survey, Wanted, survey
from ingest_operator.kube.schedules.owned_batches import (
    Child,
    beyond_limits,
    child_object,
    child_of,
    children_of,
)
from ingest_operator.kube.schedules.status import Outlook, render

LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Look:
    """What a look came to."""

    again: float | None = None
    """The moment of the next look if nothing happens before; None: something must happen."""
    schedule: Object | None = None
    """The schedule as the API server has it now; None when it is gone or going."""
    started: Object | None = None
    """The batch that was made."""
    deleted: tuple[str, ...] = ()
    """Names of the batches that were deleted: replaced, or beyond the limits."""
    missed: int = 0
    """Times that were found to be missed."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A schedule as it was read."""

    body: Object
    wanted: Wanted | None
    """None for a schedule that is invalid."""
    previous: IngestScheduleStatus | None
    trouble: tuple[str, str] | None = None
    """Why it is invalid."""

    def survey(self, children: Sequence[Child], now: float) -> Survey | None:
        """What is due; None for a schedule that is invalid."""
        return survey(self.wanted, self.previous, children, now) if self.wanted else None


@dataclass(frozen=True, slots=True)
class Deed:
    """What was done about a batch that is due."""

    children: tuple[Child, ...]
    started: Object | None = None
    replaced: tuple[str, ...] = ()
    trouble: tuple[str, str] | None = None
    until: float | None = None
    """When another attempt is worth its call."""


async def look(schedule: Object, children: Iterable[Object], api: Api, now: float) -> Look:
    """Bring one schedule nearer to what is wanted of it. Raises what `Api` raises and
    `UnreadableStatusError`; then look again."""
    subject = read(schedule)
    mine = children_of(schedule, children)
    found = subject.survey(mine, now)
    if found is not None and found.start is not None:
        # What a watch has shown may be old; whether something starts is decided by what the API server says
        # now.
        fresh = await _fresh(schedule, api)
        if fresh is None:
            return Look()
        subject = read(fresh)
        found = subject.survey(mine, now)
    if leaves_all_behind(subject.body):
        return Look()
    deed = Deed(mine)
    if found is not None and found.start is not None:
        deed = await _start(subject, mine, found.start, api, now)
        found = subject.survey(deed.children, now)
    return await _conclude(subject, deed, found, api, now)


def read(schedule: Object) -> Subject:
    """The object as values. What is wrong with its spec is a finding; raises `UnreadableStatusError` for a
    status that is not ours.

    Of one that is being deleted nothing is wanted any more, and it is told so. Its batches go with it, as
    soon as it goes.
    """
    previous = _status(schedule)
    if is_deleted(schedule):
        message = (
            f"The schedule is being deleted{held_up_by(schedule)}. Nothing starts; its batches go on "
            "until it is gone."
        )
        return Subject(schedule, None, previous, ("BeingDeleted", message))
    try:
        spec = IngestScheduleSpec.from_object(schedule["spec"])
        table = timetable(spec.schedule, spec.time_zone)
    except ValidationError as error:
        return Subject(
            schedule, None, previous, ("InvalidSpec", "; ".join(mistakes_of(error, IngestScheduleSpec)))
        )
    except InvalidTimetableError as error:
        return Subject(schedule, None, previous, (error.reason, error.message))
    return Subject(
        schedule, Wanted(spec, table, as_seconds(schedule["metadata"]["creationTimestamp"])), previous
    )


async def _fresh(schedule: Object, api: Api) -> Object | None:
    """The schedule as the API server has it now; None when it is gone, or another one has its name."""
    about = schedule["metadata"]
    try:
        fresh = await api.get(SCHEDULES, about["namespace"], about["name"])
    except NotFoundError:
        return None
    return fresh if fresh["metadata"]["uid"] == about["uid"] else None


async def _start(subject: Subject, children: tuple[Child, ...], due: float, api: Api, now: float) -> Deed:
    """Make the batch that is due; where the policy says so, in the place of the earlier ones."""
    assert subject.wanted is not None  # noqa: S101 -- or nothing would be due
    replaced: tuple[str, ...] = ()
    if subject.wanted.spec.concurrency_policy is ConcurrencyPolicy.REPLACE:
        replaced = await _delete((child for child in children if child.active), subject.body, api)
        children = tuple(
            replace(child, leaving=child.leaving or child.name in replaced) for child in children
        )
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
                f"An IngestBatch named {name} exists and is not this schedule's: delete it. Nothing "
                "of it was touched."
            )
            return Deed(children, None, replaced, (NAME_TAKEN, message), now + NAME_TAKEN_SECONDS)
    except RefusedError as error:
        hindrance = hindrance_of_refusal(error, now)
        message = f"The batch that was due at {as_text(due)} is refused. The server says: {error.message}"
        return Deed(children, None, replaced, (hindrance.reason, message), hindrance.until)
    child = child_of(subject.body, made)
    assert child is not None  # noqa: S101 -- it has the name that we gave it
    return Deed((*children, child), made, replaced)


async def _conclude(subject: Subject, deed: Deed, found: Survey | None, api: Api, now: float) -> Look:
    """Write the status if it says something new, then delete the batches that need not be kept."""
    body, wanted = subject.body, subject.wanted
    suspended = wanted.spec.suspend if wanted else body["spec"].get("suspend") is True
    outlook = Outlook(body["metadata"]["generation"], suspended, found, subject.trouble or deed.trouble)
    status = render(outlook, subject.previous, deed.children, now)
    if status != subject.previous:
        body = await replaced(api, SCHEDULES, over(body, json.loads(status.to_json())))
    surplus = beyond_limits(deed.children, wanted.spec) if wanted else ()
    deleted = await _delete(surplus, body, api)
    moments = [moment for moment in (found.next if found else None, deed.until) if moment is not None]
    missed = found.missed if found else 0
    return Look(min(moments, default=None), body, deed.started, (*deed.replaced, *deleted), missed)


async def _delete(children: Iterable[Child], schedule: Object, api: Api) -> tuple[str, ...]:
    """Delete batches; their names."""
    gone: list[str] = []
    for child in children:
        await api.delete(BATCHES, schedule["metadata"]["namespace"], child.name, uid=child.uid)
        gone.append(child.name)
    return tuple(gone)


def over(schedule: Object, status: Object) -> Object:
    """What replaces the status of the version that was read: over a newer one the API server refuses it as a
    conflict."""
    precondition = {
        field: schedule["metadata"][field] for field in ("name", "namespace", "uid", "resourceVersion")
    }
    return {
        "apiVersion": API_VERSION,
        "kind": SCHEDULE_KIND,
        "metadata": precondition,
        "spec": schedule["spec"],
        "status": status,
    }


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
