"""The operator as one process: caches filled by watches, keys woken by what they see, lists now and then, and
a port for health.

Everything is put together here and nothing is decided here.
"""

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Final

from ingest_contract.names import GROUP, VERSION
from ingest_operator.kube.api.client import Api, connected
from ingest_operator.kube.api.errors import ApiError
from ingest_operator.kube.api.names import BATCH_UID
from ingest_operator.kube.api.ownership import Identity, controller_of, identity_of
from ingest_operator.kube.api.resources import BATCHES, JOBS, PODS, PROFILES, SCHEDULES, Object
from ingest_operator.kube.batches.controller import Batches, World
from ingest_operator.kube.batches.progress_poller import ProgressPoller
from ingest_operator.kube.schedules.controller import Schedules
from ingest_operator.kube.schedules.reconcile import Look
from ingest_operator.kube.telemetry.events import EventPoster
from ingest_operator.kube.telemetry.health import Health, served
from ingest_operator.kube.telemetry.metrics import Metrics
from ingest_operator.kube.telemetry.telemetry import Instruments
from ingest_operator.kube.watch.cache import Cache, Key, key_of
from ingest_operator.kube.watch.jobs_and_pods import Seen
from ingest_operator.kube.watch.watches import SPEAKS_WITHIN, Watched, list_of, watch, watch_of
from ingest_operator.kube.workqueue import Loop

LOG: Final = logging.getLogger(__name__)

SWEEP_EVERY: Final = 300.0
"""Seconds between two lists of everything: they bring to light what the watches have missed."""

SWEEP_TAKES: Final = 60.0
"""Seconds that a sweep may take before what it lists counts as unseen."""

BEGIN_AGAIN: Final = 2.0
"""Seconds between two attempts to begin."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a person chooses."""

    namespaces: tuple[str, ...]
    """The namespaces to serve; none means all of them."""
    port: int
    """Of `/healthz`, `/readyz` and `/metrics`."""
    sweep_seconds: float = SWEEP_EVERY


class Operator:
    """All that lives as long as the process."""

    def __init__(
        self,
        api: Api,
        poller: ProgressPoller,
        instruments: Instruments,
        options: Options,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._api, self._options, self._instruments = api, options, instruments
        self._batches, self._schedules, self._profiles, self._seen = Cache(), Cache(), Cache(), Seen()
        metrics = instruments.metrics
        world = World(
            api, self._batches, self._profiles, self._seen, poller, clock, metrics.seen, instruments.accepted
        )  # fmt: skip
        self._looks = Batches(world)
        self._batch_loop: Loop[Key] = Loop(self._looks.look, partial(instruments.looked, "batch"))
        times = Schedules(api, self._schedules, self._batches, clock, self._looked_at_schedule)
        self._schedule_loop: Loop[Key] = Loop(times.look, partial(instruments.looked, "schedule"))
        instruments.health.limit("batch reconciles", self._batch_loop.longest_running)
        instruments.health.limit("schedule reconciles", self._schedule_loop.longest_running)
        metrics.queue("batch", lambda: self._batch_loop.waiting)
        metrics.queue("schedule", lambda: self._schedule_loop.waiting)
        self.watched: Final = (
            Watched(BATCHES, self._batches, self._wake_batch),
            Watched(SCHEDULES, self._schedules, self._wake_schedule),
            Watched(PROFILES, self._profiles, self._wake_users),
            Watched(JOBS, self._seen.jobs, lambda job: self._wake_owner(controller_of(job)), BATCH_UID),
            Watched(PODS, self._seen.pods, lambda pod: self._wake_owner(self._seen.batch_of(pod)), BATCH_UID),
        )
        for each, namespace in product(self.watched, options.namespaces or (None,)):
            instruments.health.expect(
                list_of(each.resource.plural, namespace), within=2 * options.sweep_seconds + SWEEP_TAKES
            )
            instruments.health.expect(
                watch_of(each.resource.plural, namespace), within=SPEAKS_WITHIN + options.sweep_seconds
            )

    async def run(self, stop: asyncio.Event) -> None:
        """Until stopped. The first list comes before the first look: a Job that is not known yet is not one
        that has vanished."""
        if not await self._begin(stop):
            return
        sweeping = asyncio.create_task(self._sweep_now_and_then(), name="sweep")
        try:
            await watch(self.watched, self._instruments.health.saw, self._options.namespaces, stop)
        finally:
            sweeping.cancel()
            await asyncio.gather(sweeping, return_exceptions=True)
            await self._batch_loop.close()
            await self._schedule_loop.close()

    async def _begin(self, stop: asyncio.Event) -> bool:
        """List everything, as soon as there is an API server that serves our kinds; False when it was stopped
        before that.

        Kopf asks once which kinds there are, and never watches one that was made known a moment later.
        """
        ours = {each.resource.plural for each in self.watched if each.resource.group == GROUP}
        while not stop.is_set():
            try:
                if not (missing := ours - await self._api.served(GROUP, VERSION)):
                    await self._sweep()
                    return True
                LOG.warning(
                    "the API server does not serve %s: install the CustomResourceDefinitions",
                    ", ".join(sorted(missing)), extra={"action": "begin"},
                )  # fmt: skip
            except ApiError as error:
                LOG.warning("nothing can be listed yet: %s", error, extra={"action": "begin"})
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(BEGIN_AGAIN):
                    await stop.wait()
        return False

    async def _sweep_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(self._options.sweep_seconds)
            try:
                await self._sweep()
            except Exception:
                LOG.warning("a list failed; the watches go on", exc_info=True, extra={"action": "sweep"})

    async def _sweep(self) -> None:
        """List everything, then wake whomever the news concern: no batch is looked at while its profile or
        its Jobs are still to come.

        A namespace that was deleted takes its role along: the others are listed all the same. Raises the
        first `ApiError` in the end.
        """
        news: list[tuple[Callable[[Object], None], Object]] = []
        refused: list[ApiError] = []
        try:
            for each, namespace in product(self.watched, self._options.namespaces or (None,)):
                try:
                    listed, version = await self._api.list(
                        each.resource, namespace, labels=each.labels, keep=each.cache.slim
                    )
                except ApiError as error:
                    refused.append(error)
                    continue
                news += ((each.wake, thing) for thing in each.cache.replace(listed, version, namespace))
                self._instruments.health.saw(list_of(each.resource.plural, namespace))
        finally:  # what one list has brought is no news to the next
            for wake, thing in news:
                wake(thing)
        if refused:
            raise refused[0]

    def _wake_batch(self, batch: Object) -> None:
        """The batch, and the schedule that made it: whether the next one may start depends on how far this
        one is."""
        key = key_of(batch)
        if self._batches.get(key) is None:
            self._looks.forget(key)
            self._seen.forget(identity_of(batch))
            self._instruments.forgotten(batch)
        else:
            self._batch_loop.wake(key)
        if (made_by := _where(self._schedules, controller_of(batch))) is not None:
            self._schedule_loop.wake(made_by)

    def _wake_schedule(self, schedule: Object) -> None:
        self._schedule_loop.wake(key_of(schedule))

    def _wake_users(self, profile: Object) -> None:
        """Every batch of the profile's namespace: which of them use it, their look finds out."""
        for key in self._batches.known:
            if key[0] == profile["metadata"]["namespace"]:
                self._batch_loop.wake(key)

    def _wake_owner(self, batch: Identity | None) -> None:
        """The batch that controls what has changed."""
        if (key := _where(self._batches, batch)) is not None:
            self._batch_loop.wake(key)
        elif batch is not None:
            self._seen.forget(batch)

    def _looked_at_schedule(self, look: Look) -> None:
        self._instruments.metrics.schedule(fired=look.started is not None, missed=look.missed)
        if look.started is not None and self._batches.offer(look.started):
            self._wake_batch(look.started)


def _where(cache: Cache, thing: Identity | None) -> Key | None:
    """Where that very object is, if it is known: nobody owns anything in another namespace."""
    key = None if thing is None else cache.with_uid(thing.uid)
    return key if thing is not None and key is not None and key[0] == thing.namespace else None


@contextlib.asynccontextmanager
async def made(options: Options, clock: Callable[[], float] = time.time) -> AsyncIterator[Operator]:
    """An operator with its connections open. `clock` tells epoch seconds."""
    metrics, health = Metrics(), Health(time.monotonic)
    async with (
        connected(metrics.api_request) as api,
        ProgressPoller() as poller,
        EventPoster(api, clock, socket.gethostname(), metrics.event) as events,
        served(options.port, health, metrics),
    ):
        yield Operator(api, poller, Instruments(metrics, health, events), options, clock)
