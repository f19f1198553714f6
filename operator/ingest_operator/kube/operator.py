"""The operator process: caches filled by watches, work queues fed by their changes, periodic lists, and a
health port.

This module wires everything together and decides nothing.
"""

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from ingest_contract.names import GROUP, VERSION
from ingest_contract.status import IngestBatchStatus
from ingest_operator.core.outcome import Run
from ingest_operator.kube.api.client import Api, connected
from ingest_operator.kube.api.errors import ApiError
from ingest_operator.kube.api.names import BATCH_UID
from ingest_operator.kube.api.ownership import Identity, controller_of, identity_of
from ingest_operator.kube.api.resources import BATCHES, JOBS, PODS, PROFILES, SCHEDULES, SPEAKERS, Object
from ingest_operator.kube.batches.controller import BatchController
from ingest_operator.kube.batches.progress_poller import ProgressPoller
from ingest_operator.kube.batches.state import Deps
from ingest_operator.kube.profiles.controller import ProfileController, ProfileDeps
from ingest_operator.kube.profiles.hearing import profile_name
from ingest_operator.kube.profiles.status_store import ProfileStatuses
from ingest_operator.kube.retention.retaining import retaining
from ingest_operator.kube.schedules.controller import ScheduleController
from ingest_operator.kube.schedules.reconcile import ScheduleResult
from ingest_operator.kube.telemetry.events import EventPoster
from ingest_operator.kube.telemetry.health import Health, served
from ingest_operator.kube.telemetry.metrics import Metrics
from ingest_operator.kube.telemetry.telemetry import Instruments
from ingest_operator.kube.telemetry.webhook import delivering
from ingest_operator.kube.voices.controller import VoiceController, VoiceDeps
from ingest_operator.kube.watch.cache import Cache, Key, key_of
from ingest_operator.kube.watch.jobs_and_pods import JobsAndPods
from ingest_operator.kube.watch.lists import ClusterRestoredError, Lists
from ingest_operator.kube.watch.watches import Watched, watch
from ingest_operator.kube.workqueue import Reconcile, WorkQueue

LOG: Final = logging.getLogger(__name__)

SWEEP_EVERY_SECONDS: Final = 300.0
"""Seconds between two lists of everything: they find what the watches have missed."""

BEGIN_AGAIN_SECONDS: Final = 2.0
"""Seconds between two attempts to start."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the user configures."""

    namespaces: tuple[str, ...]
    """The namespaces to serve; none means all of them."""
    port: int
    """Of `/healthz`, `/readyz` and `/metrics`."""
    sweep_seconds: float = SWEEP_EVERY_SECONDS
    webhook: Path | None = None
    """The folder with the address and the key of the webhook; None: nobody is told."""


class Operator:
    """Everything that lives as long as the process."""

    def __init__(
        self,
        api: Api,
        poller: ProgressPoller,
        instruments: Instruments,
        options: Options,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._api, self._options, self._instruments = api, options, instruments
        self._batches, self._schedules, self._profiles, self._seen = Cache(), Cache(), Cache(), JobsAndPods()
        self._speakers = Cache()
        statuses = ProfileStatuses(api, self._profiles)
        deps = Deps(
            api, self._batches, self._profiles, self._speakers, statuses, self._seen, poller, clock,
            instruments.metrics.seen, self._accepted, instruments.webhook, self._wake,
        )  # fmt: skip
        self._restored: ClusterRestoredError | None = None
        self._controller = BatchController(deps)
        schedules = ScheduleController(api, self._schedules, self._batches, clock, self._schedule_reconciled)
        known = self._speakers, self._profiles, self._seen
        voices = VoiceController(VoiceDeps(api, *known, clock, instruments.voice_accepted))
        self._batch_queue = self._queue("batch", self._controller.reconcile)
        self._schedule_queue = self._queue("schedule", schedules.reconcile)
        seen = self._profiles, self._batches, self._seen, statuses
        retain = partial(retaining, api, self._seen)
        self._profile_controller = ProfileController(ProfileDeps(api, *seen, clock, instruments, retain))
        self._profile_queue = self._queue("profile", self._profile_controller.reconcile)
        self._voice_queue = self._queue("voice", voices.reconcile)
        self.watched: Final = (
            Watched(BATCHES, self._batches, self._enqueue_batch),
            Watched(SCHEDULES, self._schedules, lambda each: self._schedule_queue.enqueue(key_of(each))),
            Watched(PROFILES, self._profiles, self._enqueue_profile),
            Watched(SPEAKERS, self._speakers, self._enqueue_voice),
            Watched(JOBS, self._seen.jobs, lambda job: self._enqueue_owner(controller_of(job)), BATCH_UID),
            Watched(
                PODS, self._seen.pods, lambda it: self._enqueue_owner(self._seen.batch_of(it)), BATCH_UID
            ),
        )
        listeners = instruments.health, instruments.metrics.out_of_reach
        self._lists = Lists(api, self.watched, options.namespaces, *listeners)
        self._lists.expect(options.sweep_seconds)

    def _queue(self, kind: str, reconcile: Reconcile[Key]) -> WorkQueue[Key]:
        """The work queue of one kind; health and metrics look at it."""
        queue = WorkQueue(reconcile, partial(self._instruments.reconciled, kind))
        self._instruments.health.limit(f"{kind} reconciles", queue.longest_running)
        self._instruments.metrics.queue(kind, lambda: queue.waiting)
        return queue

    async def run(self, stop: asyncio.Event) -> None:
        """Run until stopped. The first list comes before the first reconcile: otherwise a Job that is not
        known yet would count as vanished. Raises `ClusterRestoredError` and `WatchesEndedError`."""
        if not await self._begin(stop):
            return
        sweeping = asyncio.create_task(self._sweep_now_and_then(stop), name="sweep")
        try:
            await watch(self.watched, self._instruments.health.saw, self._options.namespaces, stop)
        finally:
            sweeping.cancel()
            await asyncio.gather(sweeping, return_exceptions=True)
            for queue in (self._batch_queue, self._schedule_queue, self._profile_queue, self._voice_queue):
                await queue.close()
        if self._restored is not None:
            raise self._restored

    async def _begin(self, stop: asyncio.Event) -> bool:
        """List everything as soon as the API server serves our kinds; False if stopped before that.

        Kopf discovers the kinds once, and never watches one that is defined a moment later.
        """
        ours = {each.resource.plural for each in self.watched if each.resource.group == GROUP}
        while not stop.is_set():
            try:
                if not (missing := ours - await self._api.served(GROUP, VERSION)):
                    await self._lists.sweep()
                    return True
                LOG.warning(
                    "the API server does not serve %s: install the CustomResourceDefinitions",
                    ", ".join(sorted(missing)), extra={"action": "begin"},
                )  # fmt: skip
            except ApiError as error:
                LOG.warning("nothing can be listed yet: %s", error, extra={"action": "begin"})
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(BEGIN_AGAIN_SECONDS):
                    await stop.wait()
        return False

    async def _sweep_now_and_then(self, stop: asyncio.Event) -> None:
        while True:
            await asyncio.sleep(self._options.sweep_seconds)
            try:
                await self._lists.sweep()
            except ClusterRestoredError as error:
                self._restored = error
                stop.set()
                return
            except Exception:
                LOG.warning("a list failed; the watches go on", exc_info=True, extra={"action": "sweep"})

    def _accepted(
        self,
        batch: Object,
        before: IngestBatchStatus | None,
        after: IngestBatchStatus,
        ended: Iterable[Run] = (),
    ) -> None:
        """A status was accepted. Of a batch whose deletion was seen before that answer, nothing is told to
        come: nobody would take it back."""
        self._instruments.accepted(batch, before, after, ended)
        if self._batches.with_uid(batch["metadata"]["uid"]) is None:
            self._instruments.forgotten(batch)

    def _wake(self, key: Key) -> None:
        self._batch_queue.enqueue(key)

    def _enqueue_batch(self, batch: Object) -> None:
        """Enqueue the batch, and the schedule that made it: whether its next batch may start depends on the
        state of this one."""
        key = key_of(batch)
        if self._batches.get(key) is None:
            self._controller.forget(key)
            self._seen.forget(identity_of(batch))
            self._instruments.forgotten(batch)
        else:
            self._batch_queue.enqueue(key)
        if (made_by := _where(self._schedules, controller_of(batch))) is not None:
            self._schedule_queue.enqueue(made_by)
        profile = (key[0], profile_name(batch))
        if self._profiles.get(profile) is not None:  # what its pods said may be its profile's fault
            self._profile_queue.enqueue(profile)

    def _enqueue_profile(self, profile: Object) -> None:
        """Enqueue the profile, and every batch and voice of its namespace: their reconciles find out which of
        them use it."""
        name = key_of(profile)
        if self._profiles.get(name) is None:
            self._profile_controller.forget(name)
            self._seen.forget(identity_of(profile))
            self._instruments.profile_forgotten(profile)
        else:
            self._profile_queue.enqueue(name)
        self._enqueue_batches_beside(profile)
        for key in self._speakers.known:
            if key[0] == profile["metadata"]["namespace"]:
                self._voice_queue.enqueue(key)

    def _enqueue_voice(self, speaker: Object) -> None:
        """Enqueue the voice, and every batch of its namespace, which may look for it."""
        key = key_of(speaker)
        if self._speakers.get(key) is None:
            self._seen.forget(identity_of(speaker))
            self._instruments.voice_forgotten(speaker)
        else:
            self._voice_queue.enqueue(key)
        self._enqueue_batches_beside(speaker)

    def _enqueue_batches_beside(self, thing: Object) -> None:
        for key in self._batches.known:
            if key[0] == thing["metadata"]["namespace"]:
                self._batch_queue.enqueue(key)

    def _enqueue_owner(self, owner: Identity | None) -> None:
        """Enqueue the batch, the voice or the profile that controls the changed object."""
        owners = ((self._batches, self._batch_queue), (self._speakers, self._voice_queue))
        for cache, queue in (*owners, (self._profiles, self._profile_queue)):
            if (key := _where(cache, owner)) is not None:
                queue.enqueue(key)
                return
        if owner is not None:
            self._seen.forget(owner)

    def _schedule_reconciled(self, result: ScheduleResult) -> None:
        self._instruments.metrics.schedule(fired=result.started is not None, missed=result.missed)
        if result.started is not None and self._batches.offer(result.started):
            self._enqueue_batch(result.started)


def _where(cache: Cache, thing: Identity | None) -> Key | None:
    """The key of that very object, if it is known: an owner is never in another namespace."""
    key = None if thing is None else cache.with_uid(thing.uid)
    return key if thing is not None and key is not None and key[0] == thing.namespace else None


@contextlib.asynccontextmanager
async def made(options: Options, clock: Callable[[], float] = time.time) -> AsyncIterator[Operator]:
    """An operator with its connections open. `clock` returns epoch seconds."""
    metrics, health = Metrics(), Health(time.monotonic)
    async with (
        connected(metrics.api_request) as api,
        ProgressPoller() as poller,
        EventPoster(api, clock, socket.gethostname(), metrics.event) as events,
        served(options.port, health, metrics),
        delivering(options.webhook, clock) as webhook,
    ):
        yield Operator(api, poller, Instruments(metrics, health, events, webhook), options, clock)
