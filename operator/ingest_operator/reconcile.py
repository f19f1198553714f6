"""One reconcile of one batch: observe, decide, act. Level-triggered: it may run at any time, any number of
times.

The order matters and is the same for every cluster. The status is written before anything is forgotten, so
that a restart never depends on a run that is already gone; actions follow the accepted status, and a crash
between the two only repeats them.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from math import inf
from typing import Any, Final, Protocol, TypeVar

from ingest_contract.status import IngestBatchStatus
from ingest_operator.cluster import Cluster
from ingest_operator.core.actions import Action, Start
from ingest_operator.core.batch import Batch
from ingest_operator.core.blocker import Blocker
from ingest_operator.core.decide import Decision, Previous, decide
from ingest_operator.core.site_states import Sites

LOG: Final = logging.getLogger(__name__)

CONCURRENT_ACTIONS: Final = 16
"""Starts, stops and clean-ups of one batch that run concurrently: a hundred starts must not wait for slow
answers one after the other."""

PASSED_ON_SECONDS: Final = 1.0
"""Seconds until a slot that a recording could not take is given to another one."""

T = TypeVar("T")


class StatusStore(Protocol):
    """Stores a status."""

    def read(self) -> IngestBatchStatus | None:
        """The last accepted status."""

    async def write(self, status: IngestBatchStatus) -> int:
        """Store a status; returns its size in bytes.

        Raises if it was not accepted: then nothing that follows from it may happen.
        """


class SiteStore(Protocol):
    """Keeps what is known of sites, for every batch of a profile."""

    def exclusive(self) -> AbstractAsyncContextManager[Sites]:
        """What is known, for one decision: nobody else here decides about these sites meanwhile."""

    async def write(self, sites: Sites) -> None:
        """Store what a decision remembers.

        Raises if it was not accepted, for example because another process has stored something: then nothing
        that follows from it may happen.
        """


Accepted = Callable[[IngestBatchStatus | None, Decision], None]
"""Called with the status before and the decision,
once its status is written and before anything else is done."""


def ignored(_: IngestBatchStatus | None, __: Decision) -> None:
    """Do nothing: the default of `accepted`."""


async def reconcile(
    batch: Batch,
    cluster: Cluster,
    statuses: StatusStore,
    now: float,
    accepted: Accepted = ignored,
    sites: SiteStore | None = None,
) -> Decision:
    """Observe, decide, write, act: each once. Returns the decision that was carried out.

    What is remembered of sites is written before the status: told twice, an end tells a site nothing new, and
    a start that was counted and does not happen only makes the next one wait.
    """
    previous = Previous.of(batch, statuses.read())
    seen = await cluster.observe(previous.ledger)
    if sites is None:
        decision = decide(batch, previous, seen, now)
    else:
        async with sites.exclusive() as known:
            decision = decide(replace(batch, sites=known), previous, seen, now)
            if decision.sites is not None and decision.sites != known:
                await sites.write(decision.sites)
    if decision.status != previous.status:
        decision = replace(decision, written=await statuses.write(decision.status))
        accepted(previous.status, decision)
    met = await _all(_act(action, batch, cluster) for action in decision.actions)
    await _all(cluster.forget(run, final=run.index in decision.ledger.final) for run in decision.recorded)
    return replace(decision, next_at=min(decision.next_at, *_moments(met, now), inf))


async def _act(action: Action, batch: Batch, cluster: Cluster) -> Blocker | None:
    """Carry out one action; returns its blocker, if any."""
    LOG.info(
        "%s",
        action,
        extra={"action": type(action).__name__.lower(), "index": action.index, "run": action.number},
    )
    if isinstance(action, Start):
        return await cluster.start(action, *(batch.items[index] for index in action.indexes))
    await cluster.stop(action.index, action.number)
    return None


def _moments(met: Iterable[Blocker | None], now: float) -> Iterator[float]:
    """When refused starts are worth another call.
    The slot of a recording that cannot take it goes to another one."""
    for blocker in met:
        if blocker is not None:
            yield blocker.until if blocker.index is None else min(blocker.until, now + PASSED_ON_SECONDS)


async def _all(steps: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Take every step, a few at a time; a step that fails does not prevent the others. Raises the first
    failure at the end."""
    gate = asyncio.Semaphore(CONCURRENT_ACTIONS)

    async def through(step: Coroutine[Any, Any, T]) -> T:
        async with gate:
            return await step

    results = await asyncio.gather(*map(through, steps), return_exceptions=True)
    taken: list[T] = []
    for result in results:
        if isinstance(result, BaseException):
            raise result
        taken.append(result)
    return taken
