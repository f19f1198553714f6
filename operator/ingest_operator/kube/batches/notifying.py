"""Tells the webhook about one batch, between the reconciles of which this is a part.

First the outcomes of attempts are written to the status, then what is due is offered. Neither needs the plan
or the profile, so they work for batches that are done, and for those of which little can be read.
"""

from dataclasses import replace
from typing import Final

from ingest_contract.notifications import Delivery
from ingest_operator.core.notifications import is_due, next_attempt, of_batch, with_attempts
from ingest_operator.kube.api.names import Owner
from ingest_operator.kube.batches.state import BatchState, Deps
from ingest_operator.kube.requeueing import Requeue
from ingest_operator.kube.telemetry.cloud_events import NotifiedBatch, cloud_event

POLL_SECONDS: Final = 1.0
"""Seconds until a batch looks whether an attempt that is under way has ended."""


async def record_attempts(deps: Deps, state: BatchState, now: float) -> None:
    """Write the outcomes of attempts that have ended. Raises `ApiError` and `UnreadableError`; then they are
    kept, and written by a later reconcile."""
    if deps.webhook is None:
        return
    known = state.statuses.notifications()
    problems = deps.webhook.problems(each.id for each in known)
    updated = with_attempts(known, problems, now)
    if updated != known:
        before = state.statuses.shown()
        await state.statuses.notify(updated, now)
        if (after := state.statuses.shown()) is not None:
            deps.accepted(state.statuses.batch, before, after)
    deps.webhook.recorded(problems)


def deliver_due(deps: Deps, owner: Owner, state: BatchState, now: float, planned: Requeue) -> Requeue:
    """Offer what is due; returns when to reconcile again, if not as planned."""
    if deps.webhook is None:
        return planned
    batch = NotifiedBatch(owner.namespace, owner.name, owner.uid)
    known = [
        each
        for each in of_batch(state.statuses.notifications(), owner.trace_id)
        if each.delivery is Delivery.PENDING
    ]
    due = [each for each in known if is_due(each, now)]
    for each in due:
        deps.webhook.offer(each.id, cloud_event(batch, each))
    waits = [POLL_SECONDS] if due else []
    waits += [] if planned.after is None else [planned.after]
    after = min([*waits, next_attempt(known, now) - now])
    return planned if after == float("inf") else replace(planned, after=after)
