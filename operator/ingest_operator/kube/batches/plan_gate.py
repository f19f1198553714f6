"""The sites before a batch's plans: what their runs told is remembered, and one starts where they let it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ingest_contract.order import PlannedSource
from ingest_operator.core.plan_sites import Held, after_plans, held_by, may_plan, probe_of, sites_of
from ingest_operator.kube.batches.profile_sites import ProfileSites
from ingest_operator.kube.planning.attempts import PlanAttempt


@dataclass(frozen=True, slots=True)
class SiteGate:
    """Of one batch."""

    sites: ProfileSites
    trace_id: str
    clock: Callable[[], float]

    async def hear(self, attempts: Mapping[int, Iterable[PlanAttempt]]) -> None:
        """Remember what the runs tell that there are. Raises `ConflictError`."""
        runs = [one.run for of_plan in attempts.values() for one in of_plan if not one.deleted]
        async with self.sites.exclusive() as known:
            informed = after_plans(known, self.trace_id, runs, self.clock())
            if informed != known:
                await self.sites.write(informed)

    async def admit(
        self, sources: Sequence[PlannedSource], plan: int, run: int, before: Iterable[PlanAttempt]
    ) -> Held | None:
        """Reserve a run of a plan; returns what it waits for, if it must. Raises `ConflictError`."""
        async with self.sites.exclusive() as known:
            now = self.clock()
            me = probe_of(self.trace_id, plan, run)
            reserved, held = may_plan(known, sites_of(known, sources, (one.run for one in before)), me, now)
            if not held and reserved != known:
                await self.sites.write(reserved)
            return held_by(held, now) if held else None
