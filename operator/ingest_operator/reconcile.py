"""One look at one batch: what is there, what that means, what to do next. Level-triggered: it may run at any
time, any number of times.

The order matters and is the same for every cluster. The status is written before anything is forgotten, so
that what a restart needs is never only in a run that is already gone; actions follow the accepted status, and
a crash between the two only repeats them.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Iterator
from dataclasses import replace
from math import inf
from typing import Any, Final, Protocol, TypeVar

from ingest_contract.status import IngestBatchStatus
from ingest_operator.cluster import Cluster
from ingest_operator.core.actions import Action, Start
from ingest_operator.core.batch import Batch
from ingest_operator.core.blocker import Hindrance
from ingest_operator.core.decide import Decision, Previous, decide

LOG: Final = logging.getLogger(__name__)

AT_ONCE: Final = 16
"""Starts, stops and clean-ups of one batch under way together: a hundred starts must not wait for one slow
answer after the other."""

PASSED_ON: Final = 1.0
"""Seconds until a place that a recording could not take is given to another one."""

T = TypeVar("T")


class Keeper(Protocol):
    """Where a status is kept."""

    def read(self) -> IngestBatchStatus | None:
        """The last accepted status."""

    async def write(self, status: IngestBatchStatus) -> int:
        """Keep a status; how many bytes it takes.

        Raises if it was not accepted: then nothing that follows from it may happen.
        """


Accepted = Callable[[IngestBatchStatus | None, Decision], None]
"""Told of the status before and of the decision, once its status is written and before anything else is
done."""


def ignored(_: IngestBatchStatus | None, __: Decision) -> None:
    """Nobody wants to know."""


async def reconcile(
    batch: Batch, cluster: Cluster, keeper: Keeper, now: float, accepted: Accepted = ignored
) -> Decision:
    """Observe, decide, write, act: each once. The decision that was carried out."""
    previous = Previous.of(batch, keeper.read())
    seen = await cluster.observe(previous.ledger)
    decision = decide(batch, previous, seen, now)
    if decision.status != previous.status:
        decision = replace(decision, written=await keeper.write(decision.status))
        accepted(previous.status, decision)
    met = await _all(_act(action, batch, cluster) for action in decision.actions)
    await _all(cluster.forget(run, final=run.index in decision.ledger.final) for run in decision.recorded)
    return replace(decision, next_at=min(decision.next_at, *_moments(met, now), inf))


async def _act(action: Action, batch: Batch, cluster: Cluster) -> Hindrance | None:
    """Carry out one action; what is in its way."""
    LOG.info(
        "%s",
        action,
        extra={"action": type(action).__name__.lower(), "index": action.index, "try": action.number},
    )
    if isinstance(action, Start):
        return await cluster.start(action, batch.items[action.index])
    await cluster.stop(action.index, action.number)
    return None


def _moments(met: Iterable[Hindrance | None], now: float) -> Iterator[float]:
    """When refused starts are worth another attempt. The place of a recording that cannot take it is for
    another."""
    for blocker in met:
        if blocker is not None:
            yield blocker.until if blocker.index is None else min(blocker.until, now + PASSED_ON)


async def _all(steps: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Take every step, a few at a time; one that fails keeps no other from being taken. Raises the first
    failure in the end."""
    gate = asyncio.Semaphore(AT_ONCE)

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
