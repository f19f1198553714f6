"""A work queue with one task per key: no key waits for another, and no key is reconciled twice at the same
time.

Reconciles of one key are a second apart, or as long as the key itself asks for: the next one sees everything
that happened meanwhile. A failed reconcile is retried with a backoff that doubles; an enqueue does not cut it
short, or a broken API server would be called as often as objects change.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable
from typing import Final, Generic, TypeVar

from ingest_operator.core.backoff import doubled
from ingest_operator.kube.requeueing import Requeue

LOG: Final = logging.getLogger(__name__)

APART_SECONDS: Final = 1.0
"""Least seconds between two reconciles of one key."""

GATHERING_SECONDS: Final = 0.1
"""Seconds between an enqueue and its reconcile: a burst of events is one reconcile."""

LONGEST_BACKOFF_SECONDS: Final = 60.0
"""Seconds between two failed reconciles, at most."""

K = TypeVar("K", bound=Hashable)

Reconcile = Callable[[K], Awaitable[Requeue]]
"""One reconcile of a key."""


class WorkQueue(Generic[K]):
    """Reconciles keys until it is closed."""

    def __init__(
        self, reconcile: Reconcile[K], reconciled: Callable[[K, float, BaseException | None], None]
    ) -> None:
        self._reconcile, self._reconciled = reconcile, reconciled
        self._woken: dict[K, asyncio.Event] = {}
        self._tasks: dict[K, asyncio.Task[None]] = {}
        self._began: dict[K, float] = {}
        """When a key's reconcile that is under way began, by the event loop's clock."""
        self._closed = False

    def enqueue(self, key: K) -> None:
        """Reconcile a key soon, unless the queue is closed."""
        if self._closed:
            return
        self._woken.setdefault(key, asyncio.Event()).set()
        if key not in self._tasks:
            self._tasks[key] = asyncio.create_task(self._serve(key), name=f"reconcile {key}")

    @property
    def waiting(self) -> int:
        """Enqueued keys whose reconcile has not begun."""
        return sum(event.is_set() for event in self._woken.values())

    def longest_running(self) -> float:
        """Seconds since the oldest reconcile under way began; 0 if there is none."""
        return asyncio.get_running_loop().time() - min(self._began.values()) if self._began else 0.0

    @property
    def keys(self) -> int:
        """Keys that are reconciled now, or are requeued for a known moment."""
        return len(self._tasks)

    async def close(self) -> None:
        """Cancel every task, in the middle of its reconcile if need be: a repeated reconcile does no harm."""
        self._closed = True
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _serve(self, key: K) -> None:
        failures = 0
        while True:
            await asyncio.sleep(GATHERING_SECONDS)
            self._woken[key].clear()
            self._began[key] = asyncio.get_running_loop().time()
            try:
                again = await self._reconcile(key)
                failures = 0
                self._ended(key, None)
            except Exception as error:  # noqa: BLE001 -- whatever a reconcile meets, the next one may not
                failures += 1
                again = Requeue()
                self._ended(key, error)
                await asyncio.sleep(doubled(1.0, failures, LONGEST_BACKOFF_SECONDS))
                self._woken[key].set()
            if again.after is None and not self._woken[key].is_set():
                del self._tasks[key], self._woken[key]
                return
            await self._requeue_after(key, again)

    def _ended(self, key: K, error: BaseException | None) -> None:
        self._reconciled(key, asyncio.get_running_loop().time() - self._began.pop(key), error)

    async def _requeue_after(self, key: K, again: Requeue) -> None:
        """Wait for the least wait, then at most until the next reconcile is due."""
        least = max(APART_SECONDS, again.shortest_wait)
        await asyncio.sleep(least)
        try:
            # Not `wait_for`: until Python 3.12 it loses a cancellation that comes at the moment of the
            # wake-up (python/cpython#86296).
            async with asyncio.timeout(max(0.0, (again.after or 0.0) - least)):
                await self._woken[key].wait()
        except TimeoutError:
            return
