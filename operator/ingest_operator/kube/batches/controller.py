"""One reconcile of one batch in a cluster:
its profile, its plans, then the part that is the same without Kubernetes."""

import asyncio
import contextlib
from dataclasses import replace
from math import inf

from ingest_contract.batch import IngestBatch, SuspendMode
from ingest_contract.profile import IngestProfile
from ingest_contract.status import IngestBatchStatus
from ingest_operator.core.batch import Batch
from ingest_operator.core.blocker import Blocker
from ingest_operator.core.decide import Decision
from ingest_operator.core.ledger import restore
from ingest_operator.core.phases import ahead_of
from ingest_operator.core.relabel import packing
from ingest_operator.kube import requeueing
from ingest_operator.kube.api.deletion import being_deleted, is_deleted, leaves_all_behind
from ingest_operator.kube.api.lenient import reading
from ingest_operator.kube.api.names import Owner, trace_of
from ingest_operator.kube.api.resources import Object
from ingest_operator.kube.api.unreadable import (
    RECONCILE_ERRORS,
    UnreadableError,
    profile_unreadable,
    reconcile_failed,
    spec_unreadable,
)
from ingest_operator.kube.batches.context import BatchContext, build_context, without_a_pass
from ingest_operator.kube.batches.done import clear_up, is_cleared, needs_no_plan
from ingest_operator.kube.batches.ending import end_plans, end_runs
from ingest_operator.kube.batches.halting import halted, reported
from ingest_operator.kube.batches.in_queue import in_queue
from ingest_operator.kube.batches.job_cluster import ANY_RECORDINGS, KubeCluster
from ingest_operator.kube.batches.known_voices import KnownVoices
from ingest_operator.kube.batches.notifying import deliver_due, record_attempts, sooner
from ingest_operator.kube.batches.orphans import end_orphans, left_behind
from ingest_operator.kube.batches.plan_gate import SiteGate
from ingest_operator.kube.batches.probes import hear_probes
from ingest_operator.kube.batches.profile_sites import ProfileSites
from ingest_operator.kube.batches.state import BatchState, Deps
from ingest_operator.kube.batches.status_store import KubeStatusStore
from ingest_operator.kube.planning.attempts import attempts_of
from ingest_operator.kube.planning.freeze import read_frozen
from ingest_operator.kube.planning.frozen_plan import PlanDamagedError, require_all
from ingest_operator.kube.planning.planner import PlanContext, PlanResult, reconcile_plans
from ingest_operator.kube.planning.room import NoRoomError, PlanRoom
from ingest_operator.kube.requeueing import Requeue, requeue
from ingest_operator.kube.telemetry.logs import about
from ingest_operator.kube.watch.cache import Key
from ingest_operator.kube.watch.confirm import ask_again, ask_for_pods
from ingest_operator.reconcile import reconcile


class BatchController:
    """Reconciles every batch."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps
        self._states: dict[Key, BatchState] = {}
        self._voices = KnownVoices(deps.speakers)
        self._room, self._reading = PlanRoom(), asyncio.Lock()

    async def reconcile(self, key: Key) -> Requeue:
        """Bring one batch nearer to its spec; returns when to reconcile it again."""
        body = self._deps.batches.get(key)
        if body is None or leaves_all_behind(body):
            return Requeue()
        owner = Owner(*key, body["metadata"]["uid"])
        with about("/".join(key), owner.trace_id):
            state = self._state(key, body)
            state.statuses.offer(body)
            now = self._deps.clock()
            planned, at_latest = Requeue(), inf
            try:
                planned = await self._nearer(owner, state, now)
            finally:  # however that ended: what stands in the status is told
                if self._states.get(key) is state:
                    at_latest = deliver_due(self._deps, owner, state, now)
                else:  # it went meanwhile, and may have taken room since
                    self._room.release(key)
            return sooner(planned, at_latest)

    async def _nearer(self, owner: Owner, state: BatchState, now: float) -> Requeue:
        """One reconcile. What the batch or the cluster makes impossible is shown in the status; then, and for
        a batch that is being deleted, what must not run is stopped."""
        try:
            await record_attempts(self._deps, state, now)
            again = await self._reconcile_batch(owner, state, now)
            if not is_deleted(state.statuses.batch):
                return again
        except (PlanDamagedError, NoRoomError, UnreadableError) as error:
            try:
                again = await halted(self._deps, error, state, now)
                await hear_probes(self._deps, owner, state.statuses.batch, now)
            finally:
                await self._stop_if_wanted(owner, state, now)
            return replace(again, after=requeueing.RESYNC_SECONDS)
        except RECONCILE_ERRORS as error:
            try:
                await reported(self._deps, reconcile_failed(error), state, now)
            finally:
                await self._stop_if_wanted(owner, state, now)
            raise  # the caller retries it with growing backoff and logs where it failed
        await self._stop_if_wanted(owner, state, now)
        return replace(again, after=requeueing.RESYNC_SECONDS)

    def forget(self, key: Key) -> None:
        """A batch is gone, and with it what its webhook was still to be told."""
        self._withdraw(self._states.pop(key, None))
        self._room.release(key)

    def _withdraw(self, state: BatchState | None) -> None:
        if state is not None and self._deps.webhook is not None:
            self._deps.webhook.forget(state.offered)

    def _state(self, key: Key, body: Object) -> BatchState:
        state = self._states.get(key)
        if state is None or state.uid != body["metadata"]["uid"]:
            self._withdraw(state)
            notifies, clock = self._deps.webhook is not None, self._deps.clock
            state = BatchState(
                body["metadata"]["uid"],
                KubeStatusStore(self._deps.api, body, notifies=notifies, clock=clock),
            )
            self._states[key] = state
            self._deps.found(body, state.statuses.shown())
        return state

    async def _reconcile_batch(self, owner: Owner, state: BatchState, now: float) -> Requeue:
        await ask_again(self._deps.api, self._deps.seen, owner.identity, now)
        await ask_for_pods(self._deps.api, self._deps.seen, owner.identity, now)
        await end_orphans(self._deps.api, self._deps.seen, owner)
        if state.frozen is None:
            if (done := await self._clear_up(owner, state, now)) is not None:
                return done
            async with self._reading:  # while it is read, a plan is in memory several times: one at a time
                self._make_room(owner, state)
                state.frozen = await read_frozen(self._deps.api, owner)
        state.weight = sum(plan.weight for plan in state.frozen)
        self._make_room(owner, state)
        # at each reconcile: a backup may restore another status at any time
        require_all(state.frozen, state.statuses.read())
        context = self._context(owner, state)
        plan = await self._planned(context, state, now)
        if state.frozen != plan.frozen:  # from its first start on a batch uses what is frozen
            state.frozen = plan.frozen
            context = self._context(owner, state)
        decision, again = await self._reconcile(context, plan, state, now)
        if plan.again_at == inf and needs_no_plan(decision.status, state.statuses.batch):
            self._let_go(owner, state)
        return again

    async def _clear_up(self, owner: Owner, state: BatchState, now: float) -> Requeue | None:
        """When to reconcile again a batch that needs nothing of its plan; None for any other."""
        status, seen = state.statuses.read(), self._deps.seen
        if (
            status is None
            or not needs_no_plan(status, state.statuses.batch)
            or not is_cleared(seen.jobs.of(owner.identity))
        ):
            return None
        context = self._context(owner, state)
        cluster = KubeCluster(self._deps.api, seen, context, state.remembered, now, total=status.counts.total)
        found = await clear_up(cluster, restore(status))
        if found is None:
            return None
        # after a restart nothing is looked for where no Job is left: thousands of batches may be done
        tidy = bool(seen.jobs.of(owner.identity) or state.old_orders.uids)
        orders = await state.old_orders.clear(self._deps.api, seen, context, now) if tidy else None
        return requeue(status, (*found, orders), now)

    def _make_room(self, owner: Owner, state: BatchState) -> None:
        """Keep the plans in memory, or make room for them, at the cost of a larger namespace if need be.
        Raises `NoRoomError`."""
        for key in self._room.take((owner.namespace, owner.name), state.weight):
            if (other := self._states.get(key)) is not None:
                other.frozen = other.plan = None

    def _let_go(self, owner: Owner, state: BatchState) -> None:
        """Release the plans of a batch that needs none: they are read again when it needs them."""
        state.frozen = state.plan = None
        self._room.release((owner.namespace, owner.name))

    def _context(self, owner: Owner, state: BatchState) -> BatchContext:
        read = reading(IngestBatch, {**state.statuses.batch, "status": None})
        if read.value is None:
            raise UnreadableError(spec_unreadable(read))
        found = self._deps.profiles.get((owner.namespace, name := read.value.spec.profile_ref.name))
        passed_over = [
            *being_deleted(state.statuses.batch),
            *([spec_unreadable(read)] if read.mistakes else []),
        ]
        if found is not None:
            profile = reading(IngestProfile, {**found, "status": None})
            passed_over += [profile_unreadable(name, profile)] if profile.mistakes else []
            # For runs under way, a profile that was read whole is better than the readable part of a newer
            # one.
            state.profile = profile.value if not profile.mistakes else state.profile or profile.value
        context = build_context(
            owner,
            without_a_pass(read.value) if read.mistakes else read.value,
            state.profile,
            state.frozen[0] if state.frozen else None,
            missing=found is None,
            speakers=self._voices.of(owner.namespace),
        )
        unreadable = self._voices.unreadable(owner.namespace, read.value.spec.speakers)
        unheard = (*unreadable, *context.unheard)
        return replace(context, blockers=(*passed_over, *context.blockers), unheard=unheard)

    async def _planned(self, context: BatchContext, state: BatchState, now: float) -> PlanResult:
        frozen, seen, batch = state.frozen or (), self._deps.seen, context.owner.identity
        gate = SiteGate(self._sites_of(context), context.orders.trace_id, self._deps.clock)
        if context.blockers or (context.orders.batch.spec.suspend and not frozen):
            pods = context.orders.profile.pods
            await gate.hear(attempts_of(context.owner, seen.jobs.of(batch), seen.pods_of(batch), pods, now))
            return PlanResult.of(frozen)
        around = PlanContext(
            context.owner, context.orders, seen.jobs.of(batch), seen.pods_of(batch), frozen, gate,
            seen.lost_plans(batch), seen,
        )  # fmt: skip
        state.plan = await reconcile_plans(self._deps.api, around, now, state.plan)
        return state.plan

    async def _reconcile(
        self, context: BatchContext, plan: PlanResult, state: BatchState, now: float
    ) -> tuple[Decision, Requeue]:
        """What was decided, and when to reconcile again."""
        batch = self._batch(context, plan, state)
        blockers = await self._blockers(context, plan, state, now)
        around = replace(context, blockers=(*context.blockers, *blockers))
        cluster = KubeCluster(
            self._deps.api, self._deps.seen, around, state.remembered, now, total=len(batch.items)
        )
        if batch.planned is not None:
            await cluster.ask_for_progress(self._deps.poller)

        def accepted(before: IngestBatchStatus | None, decision: Decision) -> None:
            self._deps.accepted(state.statuses.batch, before, decision.status, decision.ended)

        sites = None if batch.spec.is_from_store else self._sites_of(context)
        decision = await reconcile(batch, cluster, state.statuses, now, accepted, sites)
        moments = [decision.next_at, plan.again_at, await cluster.clear()]
        if batch.planned is not None:
            moments.append(await state.old_orders.clear(self._deps.api, self._deps.seen, context, now))
        return decision, requeue(decision.status, moments, now, decision.written)

    def _sites_of(self, context: BatchContext) -> ProfileSites:
        """What is known of the sites of the batch's profile, with the entries that count now."""
        key = (context.owner.namespace, context.orders.batch.spec.profile_ref.name)
        entries = context.orders.profile.fetch.sites
        return ProfileSites(self._deps.profile_statuses, key, self._deps.clock, entries)

    def _batch(self, context: BatchContext, plan: PlanResult, state: BatchState) -> Batch:
        previous, batch = state.statuses.read(), context.orders.batch
        profile = context.orders.profile
        known = previous.profile.generation if previous and previous.profile else 0
        return Batch(
            spec=batch.spec,
            generation=batch.metadata.generation,
            trace_id=context.orders.trace_id,
            planned=plan.planned,
            profile=context.profile,
            failure=plan.failure,
            ahead=ahead_of(profile.fetch, batch.spec.parallelism, has_cache=profile.pods.cache is not None),
            packing=packing(batch.spec, profile),
            price=profile.cost,
            other_batches=frozenset(trace_of(uid) for uid in self._deps.batches.uids),
            setup_fixed=known != context.profile.generation,
        )

    async def _blockers(
        self, context: BatchContext, plan: PlanResult, state: BatchState, now: float
    ) -> tuple[Blocker, ...]:
        """Blockers that planning, orphaned pods and queues report: they must be fixed outside."""
        if plan.planned is None:
            return plan.blockers
        # Added sources that cannot be planned hold nothing else up: their blockers are shown, and end at
        # once.
        shown = tuple(replace(each, until=now) for each in plan.blockers)
        left = left_behind(self._deps.seen, context.owner, context.orders.profile.pods)
        return (*shown, *context.unheard, *left, *await in_queue(self._deps, context.owner, state, now))

    async def _stop_if_wanted(self, owner: Owner, state: BatchState, now: float) -> None:
        """End the runs if `suspend` or a deletion asks for it, whatever can be read:
        nothing of this must be remembered."""
        with contextlib.suppress(UnreadableError):
            context = self._context(owner, state)
            spec = context.orders.batch.spec
            if is_deleted(state.statuses.batch) or (spec.suspend and spec.suspend_mode is SuspendMode.KILL):
                await end_runs(
                    KubeCluster(
                        self._deps.api, self._deps.seen, context, state.remembered, now, total=ANY_RECORDINGS
                    )
                )
        if is_deleted(state.statuses.batch):
            await end_plans(self._deps.api, self._deps.seen, owner)
