"""Whether Jobs of a batch wait in a queue for so long that people should know."""

from ingest_operator.core.blocker import Blocker
from ingest_operator.kube.api.names import Owner
from ingest_operator.kube.batches.state import BatchState, Deps
from ingest_operator.kube.observe.queues import ASK_EVERY_SECONDS, ask_queue, not_admitted, waiting


async def in_queue(deps: Deps, owner: Owner, state: BatchState, now: float) -> tuple[Blocker, ...]:
    """The blocker reported for Jobs that a queue keeps waiting. The queue is asked about one of them, now and
    then."""
    jobs = waiting(deps.seen.jobs.of(owner.identity), now)
    if not jobs:
        return ()
    known = state.answer
    if known is None or known.uid != jobs[0]["metadata"]["uid"] or now - known.at >= ASK_EVERY_SECONDS:
        known = state.answer = await ask_queue(deps.api, jobs[0], now)
    return (not_admitted(jobs, known.words, now),)
