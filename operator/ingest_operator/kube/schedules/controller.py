"""Reconciles every schedule, with the batches that the watches have shown of it."""

from collections.abc import Callable
from functools import partial
from typing import Final

from ingest_operator.core.blocker import Blocker
from ingest_operator.kube.api.client import Api
from ingest_operator.kube.api.ownership import identity_of
from ingest_operator.kube.api.resources import SCHEDULES, Object
from ingest_operator.kube.api.statuses import stalled
from ingest_operator.kube.api.unreadable import (
    RECONCILE_ERRORS,
    UnreadableError,
    reconcile_failed,
    with_stalled,
)
from ingest_operator.kube.requeueing import Requeue
from ingest_operator.kube.schedules.reconcile import ScheduleResult, reconcile
from ingest_operator.kube.watch.cache import Cache, Key

LONGEST_WAIT_SECONDS: Final = 60.0
"""Seconds between two reconciles, at most. Timers are monotonic, schedules follow the wall clock, which can
be changed; a reconcile that finds nothing new makes no API call."""


class ScheduleController:
    """Reconciles schedules, and passes each result to `reconciled`."""

    def __init__(
        self,
        api: Api,
        schedules: Cache,
        batches: Cache,
        clock: Callable[[], float],
        reconciled: Callable[[ScheduleResult], None],
    ) -> None:
        """`batches` are found by the schedule that controls them."""
        self._api, self._schedules, self._batches = api, schedules, batches
        self._clock, self._reconciled = clock, reconciled

    async def reconcile(self, key: Key) -> Requeue:
        """Start what is due of one schedule; returns when to reconcile it again."""
        schedule = self._schedules.get(key)
        if schedule is None:
            return Requeue()
        try:
            found = await reconcile(
                schedule, self._batches.of(identity_of(schedule)), self._api, self._clock()
            )
        except UnreadableError as error:
            await self._report(schedule, error.blocker)
            return Requeue(LONGEST_WAIT_SECONDS)
        except RECONCILE_ERRORS as error:
            await self._report(schedule, reconcile_failed(error))
            raise  # the caller retries it with growing backoff and logs where it failed
        if found.schedule is not None:
            self._schedules.offer(found.schedule)
        self._reconciled(found)
        return Requeue(
            None if found.again is None else min(LONGEST_WAIT_SECONDS, max(0.0, found.again - self._clock()))
        )

    async def _report(self, schedule: Object, blocker: Blocker) -> None:
        """Report why nothing starts, and leave everything else in the status as it is, readable or not."""
        marked = partial(with_stalled, blocker=blocker, now=self._clock(), has_state=False)
        written = await stalled(self._api, SCHEDULES, schedule, marked)
        if written is not None:
            self._schedules.offer(written)
