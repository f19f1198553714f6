"""The operator as one process: caches filled by watches, keys woken by what they see, lists now and then, and a port for health.

Everything is put together here and nothing is decided here.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

import kopf

from ingest_operator.kube.api import Api, connected
from ingest_operator.kube.batches import Batches, World
from ingest_operator.kube.caches import Cache, Key, key_of, slim_job, slim_pod
from ingest_operator.kube.cluster import Seen
from ingest_operator.kube.health import Health, served
from ingest_operator.kube.loop import Loop
from ingest_operator.kube.metrics import Metrics
from ingest_operator.kube.names import BATCH_UID, MANAGED_BY, MANAGER
from ingest_operator.kube.progress import ProgressPoller
from ingest_operator.kube.resources import BATCHES, JOBS, PODS, PROFILES, Object
from ingest_operator.kube.watches import Watched, registry, settings

LOG: Final = logging.getLogger(__name__)

SWEEP_EVERY: Final = 300.0
"""Seconds between two lists of everything: they bring to light what the watches have missed."""

OURS: Final = f"{MANAGED_BY}={MANAGER}"


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

    def __init__(self, api: Api, poller: ProgressPoller, metrics: Metrics, health: Health, options: Options) -> None:
        self._api, self._options, self._health = api, options, health
        self._batches, self._profiles = Cache(), Cache()
        self._seen = Seen(Cache(slim_job), Cache(slim_pod))
        world = World(api, self._batches, self._profiles, self._seen, poller, time.time, metrics.accepted, metrics.folded)
        self._looks = Batches(world)
        self._loop: Loop[Key] = Loop(self._looks.look, self._looked)
        self._metrics = metrics
        self.watched: Final = (
            Watched(BATCHES, self._batches, self._wake_batch),
            Watched(PROFILES, self._profiles, self._wake_users),
            Watched(JOBS, self._seen.jobs, self._wake_owner, OURS),
            Watched(PODS, self._seen.pods, self._wake_owner, BATCH_UID),
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Until stopped. The first list comes before the first look: a Job that is not known yet is not one that has vanished."""
        await self._sweep()
        sweeping = asyncio.create_task(self._sweep_now_and_then(), name="sweep")
        try:
            await kopf.operator(
                registry=registry(self.watched, self._health.saw),
                settings=settings(self.watched, namespaced=bool(self._options.namespaces)),
                standalone=True,
                namespaces=self._options.namespaces,
                clusterwide=not self._options.namespaces,
                stop_flag=stop,
            )
        finally:
            sweeping.cancel()
            await asyncio.gather(sweeping, return_exceptions=True)
            await self._loop.close()

    async def _sweep_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(self._options.sweep_seconds)
            try:
                await self._sweep()
            except Exception:
                LOG.warning("a list failed; the watches go on", exc_info=True, extra={"action": "sweep"})

    async def _sweep(self) -> None:
        for each in self.watched:
            for namespace in self._options.namespaces or (None,):
                listed, version = await self._api.list(each.resource, namespace, labels=each.labels)
                for thing in each.cache.replace(listed, version, namespace):
                    each.wake(thing)
            self._health.saw(each.resource.plural)

    def _wake_batch(self, batch: Object) -> None:
        key = key_of(batch)
        if self._batches.get(key) is None:
            self._looks.forget(batch["metadata"]["uid"])
            self._metrics.forgotten(*key)
        self._loop.wake(key)

    def _wake_users(self, profile: Object) -> None:
        """Every batch of the profile's namespace: which of them use it, their look finds out."""
        for key in self._batches.known:
            if key[0] == profile["metadata"]["namespace"]:
                self._loop.wake(key)

    def _wake_owner(self, thing: Object) -> None:
        """The batch whose uid the object carries."""
        uid = (thing["metadata"].get("labels") or {}).get(BATCH_UID)
        if (key := self._batches.with_uid(uid)) is not None:
            self._loop.wake(key)

    def _looked(self, key: Key, seconds: float, error: BaseException | None) -> None:
        self._metrics.reconciled("batch", seconds, type(error).__name__ if error else None)
        self._health.looked()
        if error is not None:
            LOG.warning("a look at %s/%s failed: %s", *key, error, exc_info=error, extra={"action": "look"})


@contextlib.asynccontextmanager
async def made(options: Options) -> AsyncIterator[Operator]:
    """An operator with its connections open."""
    metrics, health = Metrics(), Health(time.monotonic)
    async with connected(metrics.api_request) as api, ProgressPoller() as poller, served(options.port, health, metrics):
        yield Operator(api, poller, metrics, health, options)
