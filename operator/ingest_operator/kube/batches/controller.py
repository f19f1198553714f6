"""One look at one batch in a cluster: its profile, its plans, then the reconcile that is the same
everywhere."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from math import inf
from typing import Protocol

from ingest_contract.batch import IngestBatch, SuspendMode
from ingest_contract.profile import IngestProfile
from ingest_contract.status import IngestBatchStatus
from ingest_operator.core.batch import Batch
from ingest_operator.core.blocker import Hindrance
from ingest_operator.core.decide import Decision
from ingest_operator.core.ledger import restore
from ingest_operator.core.outcome import Run
from ingest_operator.core.stalled import halted
from ingest_operator.kube import requeueing
from ingest_operator.kube.api.client import Api
from ingest_operator.kube.api.deletion import being_deleted, is_deleted, leaves_all_behind
from ingest_operator.kube.api.lenient import reading
from ingest_operator.kube.api.names import Owner, trace_of
from ingest_operator.kube.api.resources import Object
from ingest_operator.kube.api.unreadable import (
    FAILED_LOOKS,
    UnreadableError,
    look_failed,
    profile_unreadable,
    spec_unreadable,
)
from ingest_operator.kube.batches.context import Scene, scene_of
from ingest_operator.kube.batches.done import clear_up, is_cleared, needs_no_plan
from ingest_operator.kube.batches.ending import end_plans, end_runs
from ingest_operator.kube.batches.job_cluster import ANY, KubeCluster, Poller, Remembered
from ingest_operator.kube.batches.orphans import end_orphans, left_behind
from ingest_operator.kube.batches.status_store import StatusKeeper
from ingest_operator.kube.observe.queues import ASK_EVERY, Answer, asked, not_admitted, waiting
from ingest_operator.kube.planning.freeze import read_frozen
from ingest_operator.kube.planning.frozen_plan import FrozenPlan, PlanDamagedError, require_all
from ingest_operator.kube.planning.planner import PlanGround, PlanLook, look_at_plans
from ingest_operator.kube.planning.room import NoRoomError, PlanRoom
from ingest_operator.kube.requeueing import Requeue, after_writing, requeue
from ingest_operator.kube.telemetry.logs import about
from ingest_operator.kube.watch.cache import Cache, Key
from ingest_operator.kube.watch.confirm import ask_again
from ingest_operator.kube.watch.jobs_and_pods import Seen
from ingest_operator.reconcile import reconcile


class Accepted(Protocol):
    """Whoever wants to know of every accepted status: metrics and Events."""

    def __call__(
        self,
        batch: Object,
        before: IngestBatchStatus | None,
        after: IngestBatchStatus,
        ended: Iterable[Run] = (),
    ) -> None:
        """The batch as it is since then, and the runs whose ends the status is the first to record."""


@dataclass(frozen=True, slots=True)
class World:
    """What every look shares."""

    api: Api
    batches: Cache
    profiles: Cache
    seen: Seen
    poller: Poller
    clock: Callable[[], float]
    found: Callable[[Object, IngestBatchStatus | None], None]
    """Told of every batch that was not known, with its status."""
    accepted: Accepted


@dataclass(slots=True)
class Memory:
    """One batch between two looks; found out anew after a restart."""

    uid: str
    keeper: StatusKeeper
    frozen: tuple[FrozenPlan, ...] | None = None
    weight: int = 0
    """Bytes of memory that its plans took when they were read last: where there is no room for them they are
    not read again."""
    plan: PlanLook | None = None
    remembered: Remembered = field(default_factory=Remembered)
    profile: IngestProfile | None = None
    answer: Answer | None = None
    """What a queue said last of the first Job that waits."""

    @property
    def generation(self) -> int:
        """Of the batch's spec."""
        return int(self.keeper.batch["metadata"]["generation"])


class Batches:
    """The looks at every batch."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._memories: dict[Key, Memory] = {}
        self._room, self._reading = PlanRoom(), asyncio.Lock()

    async def look(self, key: Key) -> Requeue:
        """Bring one batch nearer to what is wanted of it; when it wants another look."""
        body = self._world.batches.get(key)
        if body is None or leaves_all_behind(body):
            return Requeue()
        owner = Owner(*key, body["metadata"]["uid"])
        with about("/".join(key), owner.trace_id):
            memory = self._memory(key, body)
            memory.keeper.offer(body)
            now = self._world.clock()
            try:
                again = await self._look(owner, memory, now)
                if not is_deleted(memory.keeper.batch):
                    return again
            except PlanDamagedError as error:
                memory.frozen = None  # it is read again by the next look: somebody may restore it
                again = await self._halt(Hindrance("PlanDamaged", str(error), inf), memory, now)
            except NoRoomError as error:
                memory.frozen = memory.plan = None
                again = await self._halt(Hindrance("PlansTooLarge", str(error), inf), memory, now)
            except UnreadableError as error:
                again = await self._tell(error.hindrance, memory, now)
            except FAILED_LOOKS as error:
                await self._tell(look_failed(error), memory, now)
                raise  # whoever calls repeats it, later and later, and writes down where it failed
            await self._stop_if_wanted(owner, memory, now)
            return replace(again, after=requeueing.RESYNC)

    def forget(self, key: Key) -> None:
        """A batch is gone."""
        self._memories.pop(key, None)
        self._room.release(key)

    def _memory(self, key: Key, body: Object) -> Memory:
        memory = self._memories.get(key)
        if memory is None or memory.uid != body["metadata"]["uid"]:
            memory = Memory(body["metadata"]["uid"], StatusKeeper(self._world.api, body))
            self._memories[key] = memory
            self._world.found(body, memory.keeper.shown())
        return memory

    async def _look(self, owner: Owner, memory: Memory, now: float) -> Requeue:
        await ask_again(self._world.api, self._world.seen, owner.identity, now)
        await end_orphans(self._world.api, self._world.seen, owner)
        if memory.frozen is None:
            if (done := await self._clear_up(owner, memory, now)) is not None:
                return done
            async with self._reading:  # while one is read it stands there several times: one at once
                self._make_room(owner, memory)
                memory.frozen = await read_frozen(self._world.api, owner)
        memory.weight = sum(plan.weight for plan in memory.frozen)
        self._make_room(owner, memory)
        require_all(
            memory.frozen, memory.keeper.read()
        )  # at each look: a backup may bring back another status at any time
        scene = self._scene(owner, memory)
        plan = await self._planned(scene, memory, now)
        if memory.frozen != plan.frozen:  # from its first start on a batch works by what is frozen
            memory.frozen = plan.frozen
            scene = self._scene(owner, memory)
        decision, again = await self._reconcile(scene, plan, memory, now)
        if plan.again_at == inf and needs_no_plan(decision.status, memory.keeper.batch):
            self._let_go(owner, memory)
        return again

    async def _clear_up(self, owner: Owner, memory: Memory, now: float) -> Requeue | None:
        """When to look again at a batch that needs nothing of its plan; None of any other."""
        status, seen = memory.keeper.read(), self._world.seen
        if (
            status is None
            or not needs_no_plan(status, memory.keeper.batch)
            or not is_cleared(seen.jobs.of(owner.identity))
        ):
            return None
        scene = self._scene(owner, memory)
        cluster = KubeCluster(self._world.api, seen, scene, memory.remembered, now, total=status.counts.total)
        found = await clear_up(cluster, restore(status))
        return None if found is None else requeue(status, found, now)

    def _make_room(self, owner: Owner, memory: Memory) -> None:
        """Keep the plans in memory, or take room for them, at a larger namespace's cost if need be. Raises
        `NoRoomError`."""
        for key in self._room.take((owner.namespace, owner.name), memory.weight):
            if (other := self._memories.get(key)) is not None:
                other.frozen = other.plan = None

    def _let_go(self, owner: Owner, memory: Memory) -> None:
        """The plans of a batch that needs none are read again if anything is ever asked of it."""
        memory.frozen = memory.plan = None
        self._room.release((owner.namespace, owner.name))

    def _scene(self, owner: Owner, memory: Memory) -> Scene:
        read = reading(IngestBatch, {**memory.keeper.batch, "status": None})
        if read.value is None:
            raise UnreadableError(spec_unreadable(read))
        found = self._world.profiles.get((owner.namespace, name := read.value.spec.profile_ref.name))
        passed_over = [
            *being_deleted(memory.keeper.batch),
            *([spec_unreadable(read)] if read.mistakes else []),
        ]
        if found is not None:
            profile = reading(IngestProfile, found)
            passed_over += [profile_unreadable(name, profile)] if profile.mistakes else []
            # One that is read whole is better than what is left of a newer one, for those that run.
            memory.profile = profile.value if not profile.mistakes else memory.profile or profile.value
        scene = scene_of(
            owner,
            read.value,
            memory.profile,
            memory.frozen[0] if memory.frozen else None,
            missing=found is None,
        )
        return replace(scene, hindrances=(*passed_over, *scene.hindrances))

    async def _planned(self, scene: Scene, memory: Memory, now: float) -> PlanLook:
        frozen = memory.frozen or ()
        if scene.hindrances or (scene.orders.batch.spec.suspend and not frozen):
            return PlanLook.of(frozen)
        seen, batch = self._world.seen, scene.owner.identity
        around = PlanGround(
            scene.owner,
            scene.orders,
            seen.jobs.of(batch),
            seen.pods_of(batch),
            frozen,
            seen.lost_plans(batch),
        )
        memory.plan = await look_at_plans(self._world.api, around, now, memory.plan)
        return memory.plan

    async def _reconcile(
        self, scene: Scene, plan: PlanLook, memory: Memory, now: float
    ) -> tuple[Decision, Requeue]:
        """What was decided, and when to look again."""
        batch = self._batch(scene, plan, memory)
        blockers = await self._blockers(scene, plan, memory, now)
        around = replace(scene, hindrances=(*scene.hindrances, *blockers))
        cluster = KubeCluster(
            self._world.api, self._world.seen, around, memory.remembered, now, total=len(batch.items)
        )
        if batch.planned is not None:
            await cluster.ask_for_progress(self._world.poller)

        def told(before: IngestBatchStatus | None, decision: Decision) -> None:
            self._world.accepted(memory.keeper.batch, before, decision.status, decision.ended)

        decision = await reconcile(batch, cluster, memory.keeper, now, told)
        moments = (decision.next_at, plan.again_at, await cluster.clear())
        return decision, requeue(decision.status, moments, now, decision.written)

    def _batch(self, scene: Scene, plan: PlanLook, memory: Memory) -> Batch:
        previous, batch = memory.keeper.read(), scene.orders.batch
        known = previous.profile.generation if previous and previous.profile else 0
        return Batch(
            spec=batch.spec,
            generation=batch.metadata.generation,
            trace_id=scene.orders.trace_id,
            planned=plan.planned,
            profile=scene.profile,
            trouble=plan.trouble,
            setup_mended=known != scene.profile.generation,
        )

    async def _blockers(
        self, scene: Scene, plan: PlanLook, memory: Memory, now: float
    ) -> tuple[Hindrance, ...]:
        """What must change outside, as planning, pods that were left behind and queues say."""
        if plan.planned is None:
            return plan.hindrances
        # Added sources that cannot be planned hold nothing else up: their hindrances are shown, and over at
        # once.
        shown = tuple(replace(each, until=now) for each in plan.hindrances)
        left = left_behind(self._world.seen, scene.owner, scene.orders.profile.pods)
        return (*shown, *left, *await self._in_queue(scene.owner, memory, now))

    async def _halt(self, hindrance: Hindrance, memory: Memory, now: float) -> Requeue:
        """Say of a batch that its plan is out of reach: nothing of it can be observed or started."""
        before = memory.keeper.read()
        status = halted(before, hindrance, memory.generation, now).model_copy(
            update={"trace_id": trace_of(memory.uid)}
        )
        if status == before:
            return Requeue()
        written = await memory.keeper.write(status)
        self._world.accepted(memory.keeper.batch, before, status)
        return Requeue(rest=after_writing(written))

    async def _tell(self, hindrance: Hindrance, memory: Memory, now: float) -> Requeue:
        """Say why nothing goes on in a status that cannot be worked out anew."""
        before = memory.keeper.shown()
        news = await memory.keeper.tell(hindrance, now)
        if news and (after := memory.keeper.shown()) is not None:
            self._world.accepted(memory.keeper.batch, before, after)
        return Requeue()

    async def _stop_if_wanted(self, owner: Owner, memory: Memory, now: float) -> None:
        """End what runs where `suspend` or a deletion asks for it, whatever can be read: nothing of that
        needs to be remembered."""
        with contextlib.suppress(UnreadableError):
            scene = self._scene(owner, memory)
            spec = scene.orders.batch.spec
            if is_deleted(memory.keeper.batch) or (spec.suspend and spec.suspend_mode is SuspendMode.KILL):
                await end_runs(
                    KubeCluster(self._world.api, self._world.seen, scene, memory.remembered, now, total=ANY)
                )
        if is_deleted(memory.keeper.batch):
            await end_plans(self._world.api, self._world.seen, owner)

    async def _in_queue(self, owner: Owner, memory: Memory, now: float) -> tuple[Hindrance, ...]:
        """What is told of Jobs that a queue keeps waiting."""
        jobs = waiting(self._world.seen.jobs.of(owner.identity), now)
        if not jobs:
            return ()
        known = memory.answer
        if known is None or known.uid != jobs[0]["metadata"]["uid"] or now - known.at >= ASK_EVERY:
            known = memory.answer = await asked(self._world.api, jobs[0], now)
        return (not_admitted(jobs, known.words, now),)
