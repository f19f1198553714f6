"""Keys that want a look, each served by a task of its own: one key never waits for another, and none is
looked at twice at once.

Looks of one key are a second apart, or as far as the key itself asks for: whatever happens meanwhile is seen
by the next one together. A look that fails is repeated after a wait that doubles; a wake-up does not cut that
short, or a broken API server would be asked as often as things change.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable
from typing import Final, Generic, TypeVar

from ingest_operator.kube.requeueing import Requeue

LOG: Final = logging.getLogger(__name__)

APART: Final = 1.0
"""Seconds between two looks at one key."""

GATHERING: Final = 0.1
"""Seconds between a wake-up and its look: a burst of events is one look."""

LONGEST_BACKOFF: Final = 60.0
"""Seconds between two looks that fail, at most."""

K = TypeVar("K", bound=Hashable)

Look = Callable[[K], Awaitable[Requeue]]
"""One look at a key."""


class Loop(Generic[K]):
    """Serves keys until it is cancelled."""

    def __init__(self, look: Look[K], looked: Callable[[K, float, BaseException | None], None]) -> None:
        self._look, self._looked = look, looked
        self._woken: dict[K, asyncio.Event] = {}
        self._tasks: dict[K, asyncio.Task[None]] = {}
        self._began: dict[K, float] = {}
        """When the look began that a key is having, by the event loop's clock."""

    def wake(self, key: K) -> None:
        """Look at a key soon."""
        self._woken.setdefault(key, asyncio.Event()).set()
        if key not in self._tasks:
            self._tasks[key] = asyncio.create_task(self._serve(key), name=f"look at {key}")

    @property
    def waiting(self) -> int:
        """Keys that want a look and have not had it."""
        return sum(event.is_set() for event in self._woken.values())

    def longest_running(self) -> float:
        """Seconds since the beginning of the oldest look that has not ended; 0 where there is none."""
        return asyncio.get_running_loop().time() - min(self._began.values()) if self._began else 0.0

    @property
    def keys(self) -> int:
        """Keys that are served now, or will be at a moment that is known."""
        return len(self._tasks)

    async def close(self) -> None:
        """End every task, in the middle of its look if need be: a look that is repeated does no harm."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _serve(self, key: K) -> None:
        failures = 0
        while True:
            await asyncio.sleep(GATHERING)
            self._woken[key].clear()
            self._began[key] = asyncio.get_running_loop().time()
            try:
                again = await self._look(key)
                failures = 0
                self._ended(key, None)
            except Exception as error:  # noqa: BLE001 -- whatever a look meets, the next one may not
                failures += 1
                again = Requeue()
                self._ended(key, error)
                await asyncio.sleep(min(LONGEST_BACKOFF, 2.0 ** (failures - 1)))
                self._woken[key].set()
            if again.after is None and not self._woken[key].is_set():
                del self._tasks[key], self._woken[key]
                return
            await self._rest(key, again)

    def _ended(self, key: K, error: BaseException | None) -> None:
        self._looked(key, asyncio.get_running_loop().time() - self._began.pop(key), error)

    async def _rest(self, key: K, again: Requeue) -> None:
        """At least a while, at most until the next look is due."""
        least = max(APART, again.rest)
        await asyncio.sleep(least)
        try:
            # Not `wait_for`: until Python 3.12 it forgets a cancellation that comes in the moment of the
            # wake-up (python/cpython#86296).
            async with asyncio.timeout(max(0.0, (again.after or 0.0) - least)):
                await self._woken[key].wait()
        except TimeoutError:
            return
