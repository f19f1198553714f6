"""One `ingestctl run`: plan what is not planned yet, then reconcile until every recording is final, a stop is
requested, or the setup is broken.

The next session needs nothing of this one: killed at any point, a second `run` of the same file goes on.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final, Protocol
from uuid import uuid4

from ingest_contract.batch import IngestBatch, SuspendMode
from ingest_contract.conditions import ConditionStatus, ConditionType
from ingest_contract.order import Item
from ingest_contract.profile import IngestProfile, IngestProfileSpec
from ingest_contract.speaker_profile import SpeakerProfile
from ingest_contract.status import IngestBatchStatus, ProfileStatus
from ingest_contract.voice_orders import EnrolOrder
from ingest_operator.core.batch import Batch, PlannedItems
from ingest_operator.core.conditions import TOO_MANY_FAILURES
from ingest_operator.core.decide import Decision
from ingest_operator.core.failed import is_pass_asked
from ingest_operator.core.ledger import restore
from ingest_operator.core.orders import Machine, Orders, runtime_of, settings_of
from ingest_operator.core.outcome import Observation
from ingest_operator.core.phases import ahead_of
from ingest_operator.core.relabel import as_used
from ingest_operator.core.setup_failures import of_setup
from ingest_operator.core.status import render
from ingest_operator.core.voices import chosen
from ingest_operator.local.cluster import LocalCluster, Site
from ingest_operator.local.enrolling import Enroller, EnrolmentError
from ingest_operator.local.folders import BatchFolder
from ingest_operator.local.forks import Forks
from ingest_operator.local.plan_gate import FileGate
from ingest_operator.local.planning import PlanningError, make_plans, planned_at, read_planned
from ingest_operator.local.processes import passed_on
from ingest_operator.local.sites import FileSites
from ingest_operator.local.sources import Mounts, access_here, with_own_allowed
from ingest_operator.local.status_store import (
    FileStatusStore,
    alive,
    holding,
    marked_alive,
    read_batch,
    settings_of_plan,
    succeeded_by,
)
from ingest_operator.reconcile import reconcile

TICK_SECONDS: Final = 0.25
"""Seconds between two reconciles."""


class Watcher(Protocol):
    """Shows a run to the user."""

    def said(self, text: str) -> None:
        """Something happened that is worth a line."""

    def showed(self, status: IngestBatchStatus, items: tuple[Item, ...]) -> None:
        """The status after a reconcile."""


@dataclass(frozen=True, slots=True)
class Request:
    """What the user asks for."""

    batch: IngestBatch
    profile: IngestProfile
    home: Path
    models: Path
    dsn: str
    machine: Machine
    mounts: Mounts = field(default_factory=Mounts)
    memory_bytes: int | None = None
    speakers: tuple[SpeakerProfile, ...] = ()
    """The voices that there are."""
    needs: Callable[[EnrolOrder], bool] = lambda _: True
    """Whether the store has not everything yet that an order would hear."""
    apart: BatchFolder | None = None
    """A folder in place of the batch's own, of which then nothing is read or written."""


async def run(
    request: Request, watcher: Watcher, stop: asyncio.Event, clock: Callable[[], float]
) -> IngestBatch:
    """Run a batch to its end; returns the resource with its final status. Raises what `statuses`, `sources`
    and `planning` raise."""
    metadata = request.batch.metadata
    folder = request.apart or BatchFolder.of(request.home, metadata.namespace, metadata.name)
    with holding(folder), ExitStack() as ends:
        batch = succeeded_by(read_batch(folder), request.batch)
        statuses = FileStatusStore(folder, batch)
        orders, differs = _orders(request, batch, folder, watcher)
        cache = str(request.home / "cache")
        site = Site(folder, str(request.models), request.dsn, request.memory_bytes, cache)
        ahead = ahead_of(orders.profile.fetch, batch.spec.parallelism, has_cache=True)
        spec, generation, price = batch.spec, batch.metadata.generation, orders.profile.cost
        ours = Batch(spec, generation, orders.trace_id, planned=None, ahead=ahead, price=price)
        ends.enter_context(marked_alive(folder, orders.trace_id))
        forks = Forks(passed_on(), folder.path / "forking.log")
        ends.callback(forks.close)
        sites = FileSites(request.home, request.profile, request.profile.spec.fetch.sites, clock)
        gate = FileGate(sites, orders.trace_id, partial(alive, request.home), watcher.said)
        unplanned: PlanningError | None = None
        try:
            if not spec.dry_run:
                await _enrol(request, orders, site, watcher, stop, forks)
            planned = await make_plans(orders, site, request.mounts, gate, stop)
        except (EnrolmentError, PlanningError) as error:
            ours = replace(ours, planned=read_planned(folder), failure=(error.reason, str(error)))
            await statuses.write(render(ours, Observation(), restore(batch.status), batch.status, clock()))
            planned, unplanned = _going_on(ours, error, watcher)
        profile = ProfileStatus(generation=request.profile.metadata.generation, differs=differs)
        ours, ledger = replace(ours, planned=planned, profile=profile), restore(batch.status)
        # The first run alone would only wait longer for imports, unless a voice has waited for them already.
        worth_it = forks.runs or len(planned.items) - len(ledger.final) > 1
        cluster = LocalCluster(
            replace(orders, planned_at=planned_at(folder)), site, clock, forks if worth_it else None
        )
        if orphans := cluster.adopt():
            watcher.said(f"{orphans} recordings of a session that died resume where they were")
        if 0 < len(planned.items) == len(ledger.final) and not is_pass_asked(batch.spec, ledger.retry_failed):
            watcher.said("every recording of this batch is final: nothing runs again")

        async def once(batch: Batch) -> Decision:
            batch = replace(batch, other_batches=alive(request.home))
            return await reconcile(batch, cluster, statuses, clock(), sites=_asked(batch, sites))

        await _until_done(ours, once, watcher, stop)
        if unplanned is not None:
            raise unplanned
        return statuses.batch


def _going_on(
    batch: Batch, error: EnrolmentError | PlanningError, watcher: Watcher
) -> tuple[PlannedItems, PlanningError]:
    """What goes on although other sources cannot be planned, and why they cannot. Raises that where nothing
    does."""
    if batch.planned is None or batch.spec.dry_run or isinstance(error, EnrolmentError):
        raise error
    watcher.said(f"{error}. What is planned goes on")
    return batch.planned, error


def _asked(batch: Batch, sites: FileSites) -> FileSites | None:
    """The sites that a batch asks: none if its recordings are in the store."""
    return None if batch.spec.is_from_store else sites


async def _enrol(
    request: Request, orders: Orders, site: Site, watcher: Watcher, stop: asyncio.Event, forks: Forks
) -> None:
    """Enrol what the batch looks for. Voices are heard as the profile says, whatever of it the batch itself
    uses. What they were forked from stays only if it suits the batch's runs, too: threads are set before the
    imports."""
    speakers = chosen(orders.batch.spec.speakers, request.speakers)
    ours = orders.runtime.threads
    orders = _with_profile(orders, request.profile.spec, request.mounts)
    runtime = runtime_of(orders.profile, request.machine, parallelism=1)
    await Enroller(orders, runtime, site, request.needs, watcher.said, stop, forks).enrol(speakers)
    if runtime.threads != ours:
        forks.close()


def _orders(
    request: Request, batch: IngestBatch, folder: BatchFolder, watcher: Watcher
) -> tuple[Orders, bool]:
    """(orders, whether the profile differs from the one that the batch was planned with)."""
    profile = as_used(batch.spec, request.profile.spec)
    wanted = settings_of(batch, profile, request.speakers)
    settings, differs = settings_of_plan(folder, wanted)
    if differs:
        watcher.said(
            "the profile, or the voices, have changed since this batch was planned; "
            "the batch keeps the models, parameters and voices it was planned with"
        )
    trace_id = (batch.status.trace_id if batch.status else None) or uuid4().hex
    runtime = runtime_of(profile, request.machine, batch.spec.parallelism)
    orders = Orders(batch, profile, settings, runtime, trace_id)
    return _with_profile(orders, profile, request.mounts), differs


def _with_profile(orders: Orders, profile: IngestProfileSpec, mounts: Mounts) -> Orders:
    """The orders with what a profile allows, and what this machine allows besides."""
    fetch = with_own_allowed(profile.fetch, orders.batch.spec, mounts)
    access = access_here(profile.fetch.sites, mounts)
    return replace(orders, profile=profile.model_copy(update={"fetch": fetch}), access=access)


async def _until_done(
    batch: Batch, once: Callable[[Batch], Awaitable[Decision]], watcher: Watcher, stop: asyncio.Event
) -> None:
    stopped = replace(
        batch, spec=batch.spec.model_copy(update={"suspend": True, "suspend_mode": SuspendMode.KILL})
    )
    first = replace(batch, setup_fixed=True)  # running a batch again says so
    while True:
        ending = stop.is_set()
        decision = await once(stopped if ending else first)
        first = batch
        watcher.showed(decision.status, tuple(batch.items))
        if decision.is_idle and (ending or _over(batch, decision)):
            return
        await _a_moment(stop)


def _over(batch: Batch, decision: Decision) -> bool:
    """Whether nothing more can happen by itself: all recordings final, batch failed or suspended, or held
    until a person fixes the setup."""
    holding_now = {
        condition.type: condition.reason
        for condition in decision.status.conditions
        if condition.status is ConditionStatus.TRUE
    }
    failed = holding_now.get(ConditionType.FAILED) == TOO_MANY_FAILURES  # else what is planned goes on
    if ConditionType.COMPLETE in holding_now or failed or batch.spec.suspend:
        return True
    return any(of_setup(breaker.reason) for breaker in decision.ledger.breakers)


async def _a_moment(stop: asyncio.Event) -> None:
    """Wait for the next reconcile; a first request to stop cuts the wait short."""
    if stop.is_set():
        await asyncio.sleep(TICK_SECONDS)
        return
    try:
        async with asyncio.timeout(TICK_SECONDS):
            await stop.wait()
    except TimeoutError:
        return
