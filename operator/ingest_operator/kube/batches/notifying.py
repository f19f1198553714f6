"""Tells the webhook about one batch, between the reconciles of which this is a part.

First the outcomes of attempts are written to the status, then what is due is offered. Neither needs the plan
or the profile, so they work for batches that are done, and for those of which little can be read.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from math import inf

from ingest_contract.notifications import Delivery, Notification
from ingest_operator.core.notifications import is_due, next_attempt, of_batch, with_attempts
from ingest_operator.kube import requeueing
from ingest_operator.kube.api.names import Owner
from ingest_operator.kube.batches.state import BatchState, Deps
from ingest_operator.kube.requeueing import Requeue
from ingest_operator.kube.telemetry.cloud_events import NotifiedBatch, cloud_event


async def record_attempts(deps: Deps, state: BatchState, now: float) -> None:
    """Write the outcomes of attempts that have ended; without a webhook, that nothing is to be told. Raises
    `ApiError` and `UnreadableError`; then they are kept, and written by a later reconcile."""
    known = state.statuses.notifications()
    if deps.webhook is None:
        await _notify(deps, state, known, (), now)
        return
    problems = deps.webhook.problems(each.id for each in known)
    updated = with_attempts(known, problems, now, deps.webhook.sending)
    waiting = {each.id for each in updated if each.delivery is Delivery.PENDING}
    deps.webhook.forget(state.offered - waiting - problems.keys())
    await _notify(deps, state, known, updated, now)
    deps.webhook.recorded(problems)
    state.offered &= waiting


def deliver_due(deps: Deps, owner: Owner, state: BatchState, now: float) -> float:
    """Offer what is due; returns in how many seconds to look at the batch, which is also enqueued when an
    attempt ends."""
    if deps.webhook is None:
        return inf
    batch = NotifiedBatch(owner.namespace, owner.name, owner.uid)
    known = [
        each
        for each in of_batch(state.statuses.notifications(), owner.trace_id)
        if each.delivery is Delivery.PENDING
    ]
    due = [each for each in known if is_due(each, now)]
    for each in due:
        deps.webhook.offer(
            each.id, cloud_event(batch, each), partial(deps.wake, (owner.namespace, owner.name))
        )
        state.offered.add(each.id)
    return min(requeueing.RESYNC_SECONDS if due else inf, next_attempt(known, now) - now)


def sooner(planned: Requeue, seconds: float) -> Requeue:
    """Reconcile again in so many seconds at the latest (infinity: as planned)."""
    after = min(inf if planned.after is None else planned.after, seconds)
    return planned if after == inf else replace(planned, after=after)


async def _notify(
    deps: Deps,
    state: BatchState,
    known: Sequence[Notification],
    updated: Sequence[Notification],
    now: float,
) -> None:
    """Write what is known of telling, if that is new."""
    if tuple(updated) == tuple(known):
        return
    before = state.statuses.shown()
    await state.statuses.notify(updated, now)
    if (after := state.statuses.shown()) is not None:
        deps.accepted(state.statuses.batch, before, after)
