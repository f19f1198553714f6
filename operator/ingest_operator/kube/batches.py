"""One look at one batch in a cluster: its profile, its plans, then the reconcile that is the same everywhere."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from math import inf
from typing import Final, Protocol

from ingest_contract.batch import BatchSpeakers, IngestBatch
from ingest_contract.profile import IngestProfile, IngestProfileSpec
from ingest_contract.progress import Progress
from ingest_contract.status import IngestBatchStatus, ProfileStatus
from ingest_operator.fold import is_recorded
from ingest_operator.hindrance import Hindrance
from ingest_operator.kube.api import Api
from ingest_operator.kube.caches import Cache, Key, pods_by_job
from ingest_operator.kube.cluster import KubeCluster, Remembered, Scene, Seen, Try
from ingest_operator.kube.freezing import read_frozen
from ingest_operator.kube.frozen import FrozenPlan
from ingest_operator.kube.keeper import Accepted, StatusKeeper
from ingest_operator.kube.names import Owner
from ingest_operator.kube.planning import PlanGround, PlanLook, look_at_plans
from ingest_operator.kube.resources import Object
from ingest_operator.kube.sources import with_claims_allowed
from ingest_operator.ledger import Ledger, restore
from ingest_operator.observe import Run
from ingest_operator.orders import Machine, Orders, UnknownVoiceError, runtime_of, settings_of
from ingest_operator.reconcile import Planned, reconcile
from ingest_operator.status import View, render

RESYNC: Final = 30.0
"""Seconds between two looks at a batch that is not done, and two readings of live progress: each may write the whole status."""


class Poller(Protocol):
    """Whoever reads live progress."""

    async def look(self, targets: Mapping[Try, str]) -> Mapping[Try, Progress]:
        """The progress of each try whose address answers."""


@dataclass(frozen=True, slots=True)
class World:
    """What every look shares."""

    api: Api
    batches: Cache
    profiles: Cache
    seen: Seen
    poller: Poller
    clock: Callable[[], float]
    accepted: Accepted
    folded: Callable[[Run], None]
    """Told of every run whose end was recorded."""


@dataclass(slots=True)
class Memory:
    """One batch between two looks; found out anew after a restart."""

    keeper: StatusKeeper
    frozen: tuple[FrozenPlan, ...] | None = None
    plan: PlanLook | None = None
    remembered: Remembered = field(default_factory=Remembered)
    profile: IngestProfile | None = None
    progress_due: float = 0.0


class Batches:
    """The looks at every batch."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._memories: dict[str, Memory] = {}

    async def look(self, key: Key) -> float | None:
        """Bring one batch nearer to what is wanted of it; seconds until it wants another look."""
        body = self._world.batches.get(key)
        if body is None or "deletionTimestamp" in body["metadata"]:
            return None  # what it owns goes by its owner references
        memory = self._memories.setdefault(body["metadata"]["uid"], Memory(StatusKeeper(self._world.api, body, self._world.accepted)))
        memory.keeper.offer(body)
        body = memory.keeper.batch
        owner = Owner(*key, body["metadata"]["uid"])
        if memory.frozen is None:
            memory.frozen = await read_frozen(self._world.api, owner)
        now = self._world.clock()
        scene = self._scene(body, owner, memory)
        plan = await self._planned(scene, memory, now)
        memory.frozen = plan.frozen
        if plan.items is None:
            return await self._write_unplanned(scene, plan, memory, now)
        return await self._reconcile(scene, plan, memory, now)

    def forget(self, uid: str) -> None:
        """A batch is gone."""
        self._memories.pop(uid, None)

    def _scene(self, body: Object, owner: Owner, memory: Memory) -> Scene:
        batch = IngestBatch.model_validate_json(json.dumps({**body, "status": None}))
        hindrances: tuple[Hindrance, ...] = ()
        found = self._world.profiles.get((owner.namespace, batch.spec.profile_ref.name))
        if found is not None:
            memory.profile = IngestProfile.model_validate_json(json.dumps(found))
        else:
            message = (
                f"there is no IngestProfile {batch.spec.profile_ref.name!r} in namespace {owner.namespace!r}: make it, or name another"
            )
            hindrances = (Hindrance("ProfileMissing", message, inf),)
        # Without its profile a batch starts nothing, but what runs is still observed, by the last profile that was known.
        profile = memory.profile.spec if memory.profile else IngestProfileSpec()
        planned = memory.frozen[0] if memory.frozen else None
        try:
            wanted = settings_of(batch, profile)
        except UnknownVoiceError as error:
            wanted = None
            hindrances = hindrances if planned else (*hindrances, Hindrance("VoiceUnknown", str(error), inf))
        settings = planned.settings if planned else wanted or settings_of(_without_voices(batch), profile)
        profile = profile.model_copy(update={"fetch": with_claims_allowed(profile.fetch, profile.pods.claims)})
        runtime = runtime_of(profile, Machine(profile.pods.gpu.count > 0, profile.pods.cpus), parallelism=1)
        orders = Orders(batch, profile, settings, runtime, owner.uid.replace("-", ""), planned.at if planned else None)
        generation = memory.profile.metadata.generation if memory.profile else 0
        return Scene(owner, orders, ProfileStatus(generation=generation, differs=wanted != settings), hindrances)

    async def _planned(self, scene: Scene, memory: Memory, now: float) -> PlanLook:
        frozen = memory.frozen or ()
        if scene.hindrances or (scene.orders.batch.spec.suspend and not frozen):
            return PlanLook.of(frozen)
        seen, uid = self._world.seen, scene.owner.uid
        pods = pods_by_job(seen.pods.of_batch(uid))
        around = PlanGround(scene.owner, scene.orders, seen.jobs.of_batch(uid), pods, frozen)
        memory.plan = await look_at_plans(self._world.api, around, now, memory.plan)
        return memory.plan

    async def _write_unplanned(self, scene: Scene, plan: PlanLook, memory: Memory, now: float) -> float | None:
        previous, batch = memory.keeper.read(), scene.orders.batch
        hindrances = (*scene.hindrances, *plan.hindrances)
        view = View(
            batch.spec, batch.metadata.generation, scene.orders.trace_id, None, None, {}, plan.trouble, hindrances, scene.profile
        )  # fmt: skip
        status = render(view, restore(previous), previous, now)
        if status != previous:
            await memory.keeper.write(status)
        return rest(status, (plan.again_at,), now)

    async def _reconcile(self, scene: Scene, plan: PlanLook, memory: Memory, now: float) -> float | None:
        assert plan.items is not None  # noqa: S101 -- the caller has seen to it
        assert plan.plan is not None  # noqa: S101 -- it comes with the items
        previous, batch = memory.keeper.read(), scene.orders.batch
        before = restore(previous)
        known = previous.profile.generation if previous and previous.profile else 0
        planned = Planned(
            batch.spec, batch.metadata.generation, scene.orders.trace_id, plan.items, plan.plan, scene.profile,
            setup_mended=known != scene.profile.generation, trouble=plan.trouble,
        )  # fmt: skip
        # Added sources that cannot be planned hold nothing else up: their hindrances are shown, and over at once.
        shown = tuple(replace(each, until=now) for each in plan.hindrances)
        cluster = KubeCluster(
            self._world.api, self._world.seen, replace(scene, hindrances=(*scene.hindrances, *shown)), memory.remembered, now
        )
        await cluster.confirm((index, before.trying[index].number) for index in before.running)
        await self._read_progress(cluster, memory, now)
        runs = await cluster.runs()
        status = await reconcile(planned, cluster, memory.keeper, now)
        after = restore(status)
        self._tell(runs, before, after)
        moments = (plan.again_at, *due(after), *(each.until for each in cluster.hindrances()), await cluster.clear())
        return rest(status, moments, now)

    async def _read_progress(self, cluster: KubeCluster, memory: Memory, now: float) -> None:
        if now >= memory.progress_due:
            memory.progress_due = now + RESYNC
            memory.remembered.progress = await self._world.poller.look(cluster.addresses())

    def _tell(self, runs: Iterable[Run], before: Ledger, after: Ledger) -> None:
        for run in runs:
            if run.ended is not None and is_recorded(after, run) and not is_recorded(before, run):
                self._world.folded(run)


def due(ledger: Ledger) -> tuple[float, ...]:
    """The moments at which the ledger itself lets something happen: retries, and the probe of an open breaker."""
    waiting = tuple(ledger.trying[index].not_before for index in ledger.waiting)
    return (*waiting, ledger.breaker.until) if ledger.breaker else waiting


def rest(status: IngestBatchStatus, moments: Iterable[float | None], now: float) -> float | None:
    """Seconds until a batch wants another look: the next moment that matters, and while it is not done no longer than `RESYNC`."""
    coming = [moment - now for moment in moments if moment is not None and now < moment < inf]
    if not status.state.startswith(("Complete", "DryRun")):
        coming.append(RESYNC)
    return min(coming, default=None)


def _without_voices(batch: IngestBatch) -> IngestBatch:
    """The batch, looking for every enrolled voice: only to have some settings, where those it names are not enrolled and nothing starts."""
    return batch.model_copy(update={"spec": batch.spec.model_copy(update={"speakers": BatchSpeakers()})})
