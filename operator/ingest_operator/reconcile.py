"""One look at one batch: what is there, what that means, what to do next. Level-triggered: it may run at any time, any number of times.

The order matters and is the same for every cluster. The status is written before anything is forgotten, so that what a restart needs is
never only in a run that is already gone; actions follow the accepted status, and a crash between the two only repeats them.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from ingest_contract.batch import IngestBatchSpec
from ingest_contract.order import Item
from ingest_contract.status import IngestBatchStatus, PlanStatus
from ingest_operator.actions import Start
from ingest_operator.cluster import Cluster
from ingest_operator.fold import fold, is_recorded
from ingest_operator.ledger import Ledger, restore
from ingest_operator.observe import Run
from ingest_operator.plan import plan
from ingest_operator.status import View, render

LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Planned:
    """A batch whose items are known."""

    spec: IngestBatchSpec
    generation: int
    trace_id: str
    items: Sequence[Item]
    plan: PlanStatus


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
    ledger = fold(restore(previous), runs, batch.spec, {item.index: item.id for item in batch.items}, now)
    status = render(_view(batch, runs), ledger, previous, now)
    if status != previous:
        await keeper.write(status)
    for action in plan(batch.spec, len(batch.items), ledger, now):
        LOG.info("%s", action, extra={"action": type(action).__name__.lower(), "index": action.index, "try": action.number})
        if isinstance(action, Start):
            await cluster.start(action, batch.items[action.index])
        else:
            await cluster.stop(action.index, action.number)
    await _forget_recorded(runs, ledger, cluster)
    return status


def _view(batch: Planned, runs: Sequence[Run]) -> View:
    progress = {run.index: run.progress for run in runs if run.progress is not None and run.ended is None}
    return View(batch.spec, batch.generation, batch.trace_id, batch.items, batch.plan, progress)


async def _forget_recorded(runs: Sequence[Run], ledger: Ledger, cluster: Cluster) -> None:
    for run in runs:
        if run.ended is not None and is_recorded(ledger, run):
            await cluster.forget(run, final=run.index in ledger.final)
