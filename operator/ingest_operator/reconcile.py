"""One look at one batch: what is there, what that means, what to do next. Level-triggered: it may run at any time, any number of times.

The order matters and is the same for every cluster. The status is written before anything is forgotten, so that what a restart needs is
never only in a run that is already gone; actions follow the accepted status, and a crash between the two only repeats them.
"""

import asyncio
import logging
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from ingest_contract.batch import IngestBatchSpec
from ingest_contract.order import Item
from ingest_contract.status import IngestBatchStatus, PlanStatus, ProfileStatus
from ingest_operator.actions import Action, Start, Stop
from ingest_operator.cluster import Cluster
from ingest_operator.fold import fold, is_recorded
from ingest_operator.hindrance import Hindrance
from ingest_operator.ledger import restore, within
from ingest_operator.mend import mended
from ingest_operator.nodes import none_left, sent, stranded
from ingest_operator.observe import Run
from ingest_operator.plan import is_held, plan
from ingest_operator.status import View, render
from ingest_operator.vanished import vanished

LOG: Final = logging.getLogger(__name__)

AT_ONCE: Final = 16
"""Starts, stops and clean-ups of one batch under way together: a hundred starts must not wait for one slow answer after the other."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A batch whose items are known."""

    spec: IngestBatchSpec
    generation: int
    trace_id: str
    items: Sequence[Item]
    plan: PlanStatus
    profile: ProfileStatus | None = None
    setup_mended: bool = False
    """Whether somebody says that a broken setup is mended: nothing waits because of it any more."""
    trouble: tuple[str, str] | None = None
    """Why added sources cannot be planned: (reason, message). What earlier plans brought in goes on."""


class Keeper(Protocol):
    """Where a status is kept."""

    def read(self) -> IngestBatchStatus | None:
        """The last accepted status."""

    async def write(self, status: IngestBatchStatus) -> None:
        """Keep a status. Raises if it was not accepted: then nothing that follows from it may happen."""


async def reconcile(batch: Planned, cluster: Cluster, keeper: Keeper, now: float) -> IngestBatchStatus:
    """One look; the status that was accepted."""
    previous = keeper.read()
    runs = await cluster.runs()
    before = within(restore(previous), len(batch.items))
    before = mended(before) if batch.setup_mended else before
    ledger = fold(before, runs, batch.spec, {item.index: item.id for item in batch.items}, now)
    shown = (*cluster.hindrances(), *none_left(ledger, runs, now), *vanished(ledger, now))
    status = render(_view(batch, runs, shown), ledger, previous, now)
    if status != previous:
        await keeper.write(status)
    live = {run.index for run in runs if run.ended is None}
    total, hindrances = len(batch.items), cluster.hindrances()
    goes_on = batch.spec.suspend or ledger.breaker is not None or is_held(batch.spec, total, ledger, now, hindrances)
    anew = () if goes_on else (Stop(run.index, run.number) for run in stranded(ledger, runs, now))  # it could not start again
    wanted = plan(batch.spec, total, ledger, live, now, hindrances)
    actions = (*anew, *sent(ledger, runs, wanted))
    await _all(_act(action, batch, cluster) for action in actions)
    await _all(cluster.forget(run, final=run.index in ledger.final) for run in runs if run.ended is not None and is_recorded(ledger, run))
    return status


async def _act(action: Action, batch: Planned, cluster: Cluster) -> None:
    LOG.info("%s", action, extra={"action": type(action).__name__.lower(), "index": action.index, "try": action.number})
    if isinstance(action, Start):
        await cluster.start(action, batch.items[action.index])
    else:
        await cluster.stop(action.index, action.number)


async def _all(steps: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Take every step, a few at a time; one that fails keeps no other from being taken. Raises the first failure in the end."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def through(step: Coroutine[Any, Any, None]) -> None:
        async with gate:
            await step

    for result in await asyncio.gather(*map(through, steps), return_exceptions=True):
        if isinstance(result, BaseException):
            raise result


def _view(batch: Planned, runs: Sequence[Run], hindrances: Sequence[Hindrance]) -> View:
    progress = {run.index: run.progress for run in runs if run.progress is not None and run.ended is None}
    return View(
        batch.spec, batch.generation, batch.trace_id, batch.items, batch.plan, progress, batch.trouble, hindrances, batch.profile
    )  # fmt: skip
