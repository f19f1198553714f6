"""Shows in the status of a batch why nothing goes on, where that cannot be decided like everything else."""

from math import inf

from ingest_operator.core.blocker import Blocker
from ingest_operator.core.stalled import stalled_status
from ingest_operator.kube.api.names import trace_of
from ingest_operator.kube.api.unreadable import UnreadableError
from ingest_operator.kube.batches.state import BatchState, Deps
from ingest_operator.kube.planning.frozen_plan import PlanDamagedError
from ingest_operator.kube.planning.room import NoRoomError
from ingest_operator.kube.requeueing import Requeue, after_writing


async def halted(
    deps: Deps, error: PlanDamagedError | NoRoomError | UnreadableError, state: BatchState, now: float
) -> Requeue:
    """Show what keeps a batch from being reconciled; returns how long the next one must wait. Raises
    `ApiError`."""
    try:
        if isinstance(error, PlanDamagedError):
            state.frozen = None  # the next reconcile reads it again: someone may restore it
            return await _halt(deps, Blocker("PlanDamaged", str(error), inf), state, now)
        if isinstance(error, NoRoomError):
            state.frozen = state.plan = None
            return await _halt(deps, Blocker("PlansTooLarge", str(error), inf), state, now)
        blocker = error.blocker
    except UnreadableError as other:
        blocker = other.blocker
    await reported(deps, blocker, state, now)
    return Requeue()


async def reported(deps: Deps, blocker: Blocker, state: BatchState, now: float) -> None:
    """Show why nothing goes on, in a status that cannot be recomputed. Raises `ApiError`."""
    before = state.statuses.shown()
    news = await state.statuses.report(blocker, now)
    if news and (after := state.statuses.shown()) is not None:
        deps.accepted(state.statuses.batch, before, after)


async def _halt(deps: Deps, blocker: Blocker, state: BatchState, now: float) -> Requeue:
    """Show that a batch's plan is out of reach: nothing of the batch can be observed or started."""
    before = state.statuses.read()
    status = stalled_status(before, blocker, state.generation, now).model_copy(
        update={"trace_id": trace_of(state.uid)}
    )
    if status == before:
        return Requeue()
    written = await state.statuses.write(status)
    deps.accepted(state.statuses.batch, before, status)
    return Requeue(shortest_wait=after_writing(written))
