"""The looks at every schedule: each with the batches that the watches have shown of it."""

from collections.abc import Callable
from typing import Final

from ingest_operator.core.blocker import Hindrance
from ingest_operator.kube.api.client import Api
from ingest_operator.kube.api.ownership import identity_of
from ingest_operator.kube.api.resources import SCHEDULES, Object
from ingest_operator.kube.api.unreadable import FAILED_LOOKS, UnreadableError, look_failed, told
from ingest_operator.kube.requeueing import Requeue
from ingest_operator.kube.schedules.reconcile import Look, look, over
from ingest_operator.kube.watch.cache import Cache, Key

LONGEST_REST: Final = 60.0
"""Seconds between two looks at most. They count time that passes, schedules go by a clock that may be set; a
look at nothing new asks nobody."""


class Schedules:
    """All of them, and whoever wants to know what a look came to."""

    def __init__(
        self,
        api: Api,
        schedules: Cache,
        batches: Cache,
        clock: Callable[[], float],
        looked: Callable[[Look], None],
    ) -> None:
        """`batches` are found by the schedule that controls them."""
        self._api, self._schedules, self._batches = api, schedules, batches
        self._clock, self._looked = clock, looked

    async def look(self, key: Key) -> Requeue:
        """Start what is due of one schedule; when it wants another look."""
        schedule = self._schedules.get(key)
        if schedule is None:
            return Requeue()
        try:
            found = await look(schedule, self._batches.of(identity_of(schedule)), self._api, self._clock())
        except UnreadableError as error:
            await self._tell(schedule, error.hindrance)
            return Requeue(LONGEST_REST)
        except FAILED_LOOKS as error:
            await self._tell(schedule, look_failed(error))
            raise  # whoever calls repeats it, later and later, and writes down where it failed
        if found.schedule is not None:
            self._schedules.offer(found.schedule)
        self._looked(found)
        return Requeue(
            None if found.again is None else min(LONGEST_REST, max(0.0, found.again - self._clock()))
        )

    async def _tell(self, schedule: Object, hindrance: Hindrance) -> None:
        """Say why nothing starts, and leave everything else in the status as it is, readable or not."""
        status = told(schedule, hindrance, self._clock(), has_state=False)
        if status is not None:
            self._schedules.offer(await self._api.replace_status(SCHEDULES, over(schedule, status)))
