"""A planned batch in a cluster that exists in memory: its Jobs and pods stand where a test puts them, and
nothing happens by itself."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, cast

from ingest_contract.batch import IngestBatch
from ingest_contract.names import API_VERSION, BATCH_KIND, PROFILE_KIND
from ingest_contract.order import Item
from ingest_contract.plan_document import PlanDocument
from ingest_contract.profile import IngestProfileSpec
from ingest_contract.status import IngestBatchStatus
from ingest_operator.core.actions import Start
from ingest_operator.core.orders import Machine, Orders, runtime_of, settings_of
from ingest_operator.core.outcome import Run
from ingest_operator.kube.api.client import Api
from ingest_operator.kube.api.names import Owner, place_of, run_job_name
from ingest_operator.kube.api.ownership import identity_of
from ingest_operator.kube.api.resources import BATCHES, CONFIG_MAPS, JOBS, PODS, PROFILES, Object
from ingest_operator.kube.batches.controller import BatchController
from ingest_operator.kube.batches.state import Deps
from ingest_operator.kube.manifests.ingest_job import run_job
from ingest_operator.kube.planning.frozen_plan import FrozenPlan, to_config_maps
from ingest_operator.kube.profiles.status_store import ProfileStatuses
from ingest_operator.kube.requeueing import Requeue
from ingest_operator.kube.telemetry.webhook import Webhook
from ingest_operator.kube.watch.cache import Cache, Key, key_of
from ingest_operator.kube.watch.jobs_and_pods import JobsAndPods
from testkit.cluster.memory_api import MemoryApi
from testkit.objects import kube_objects as kube
from testkit.objects.builders import NOW, items

OWNER = Owner("media", "talks", "0b3f6c1e-7d2a-4c58-9a51-3f0f7c1d2e4b")
SPEC: Object = {"sources": [{"url": "https://media.example.org/talks"}]}
PROFILE: Object = {
    "apiVersion": API_VERSION,
    "kind": PROFILE_KIND,
    "metadata": {"namespace": "media", "name": "default"},
    "spec": {},
}


@dataclass(frozen=True, slots=True)
class Accepted:
    """A status that was accepted over another one."""

    before: IngestBatchStatus | None
    after: IngestBatchStatus
    ended: tuple[Run, ...]
    """Runs whose ends it is the first to record."""


class NoProgress:
    """Workers that say nothing."""

    async def poll(self, targets: object) -> dict[Any, Any]:
        del targets
        return {}


class OneBatch:
    """The batch, and an operator that knows it by what the watches have shown."""

    def __init__(self, recordings: int, *, parallelism: int = 4) -> None:
        self.api, self.clock = MemoryApi(), NOW + kube.OVER
        self.items: tuple[Item, ...] = items(recordings)
        metadata = {"namespace": OWNER.namespace, "name": OWNER.name, "uid": OWNER.uid, "generation": 1}
        body = {
            "apiVersion": API_VERSION,
            "kind": BATCH_KIND,
            "metadata": metadata,
            "spec": SPEC | {"parallelism": parallelism},
        }
        self.body = self.api.put(BATCHES, body)
        self.profile = self.api.put(PROFILES, PROFILE | {"metadata": PROFILE["metadata"] | {"generation": 1}})
        self.orders = _orders(self.body)
        document = PlanDocument(items=self.items)
        plan = FrozenPlan(1, document, 0, kube.at(0), self.orders.settings)
        for each in to_config_maps(OWNER, plan):
            self.api.put(CONFIG_MAPS, each)
        self.batches, self.profiles, self.seen = Cache(), Cache(), JobsAndPods()
        self.batches.offer(self.body)
        self.profiles.offer(self.profile)
        self.accepted: list[Accepted] = []
        self.woken: list[Key] = []
        """Who was to be reconciled soon."""
        self.on_accepted: Callable[[], object] = lambda: None
        """Called whenever a status was accepted."""

    def operator(self, webhook: Webhook | None = None) -> BatchController:
        """One that has just started."""

        def accepted(
            batch: Object,
            before: IngestBatchStatus | None,
            after: IngestBatchStatus,
            ended: Iterable[Run] = (),
        ) -> None:
            del batch
            self.accepted.append(Accepted(before, after, tuple(ended)))
            self.on_accepted()

        api = cast("Api", self.api)
        profiles = ProfileStatuses(api, self.profiles)
        caches = self.batches, self.profiles, Cache(), profiles, self.seen
        return BatchController(
            Deps(
                api, *caches, NoProgress(), lambda: self.clock, lambda *_: None, accepted, webhook,
                self.woken.append,
            )
        )  # fmt: skip

    def job(self, index: int, number: int = 1, pod: Object | None = None, **status: Any) -> None:
        """A Job of this recording is seen, with this pod; its status is that of a live one unless it is
        said."""
        start = Start(index=index, number=number, charged_attempts=0, rung=0, disruptions=0)
        made = run_job(OWNER, self.orders, self.items[index], start)
        made["metadata"] |= {"creationTimestamp": kube.at(0)}
        made["spec"] |= {"suspend": False}
        job = self.api.put(JOBS, made | {"status": kube.a_job()["status"] | status})
        self.seen.jobs.offer(job)
        if pod is not None:
            identity = identity_of(job)
            metadata: Object = {
                "name": f"{job['metadata']['name']}-x",
                "namespace": OWNER.namespace,
                "creationTimestamp": kube.at(0),
            }
            metadata |= {"ownerReferences": [{"uid": identity.uid, "controller": True}]}
            self.seen.pods.offer(self.api.put(PODS, pod | {"metadata": metadata}))

    def foreign_job(self, index: int) -> None:
        """Somebody else's Job has the name that the first of this recording would have."""
        name = run_job_name(OWNER, index, 1)
        self.api.put(
            JOBS, {"metadata": {"namespace": OWNER.namespace, "name": name}, "spec": {}, "status": {}}
        )

    def unfreeze(self) -> None:
        """There never was a plan."""
        self.api.objects = {
            key: thing for key, thing in self.api.objects.items() if key[0] != CONFIG_MAPS.plural
        }

    def started(self) -> list[int]:
        """The recordings whose Jobs were made."""
        made = [
            write.partition("/")[2] for write in self.api.writes if write.startswith(f"create {JOBS.plural}/")
        ]
        return sorted(place.index for name in made if (place := place_of(name)) is not None)

    def body_now(self) -> Object:
        """The batch as the API server has it."""
        return self.api.objects[BATCHES.plural, *key_of(self.body)]

    async def reconcile(self, operator: BatchController) -> Requeue:
        """One reconcile; the watch then shows what it wrote."""
        seconds = await operator.reconcile(key_of(self.body))
        self.batches.offer(await self.api.get(BATCHES, *key_of(self.body)))
        return seconds


def _orders(body: Object) -> Orders:
    batch, profile = IngestBatch.from_object(body), IngestProfileSpec()
    runtime = runtime_of(profile, Machine(profile.pods.gpu.count > 0, profile.pods.cpus), 1)
    return Orders(batch, profile, settings_of(batch, profile, ()), runtime, OWNER.trace_id)
