"""The sites before the plans of this machine: a plan waits until they may be asked, and tells what it met."""

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from ingest_contract.order import PlannedSource
from ingest_operator.core.outcome import Run
from ingest_operator.core.plan_sites import (
    Held,
    after_plans,
    held_by,
    may_plan,
    probe_of,
    refused_by,
    sites_of,
)
from ingest_operator.core.sites import without_lost_probes
from ingest_operator.local.interrupted import InterruptedBeforeRunsError
from ingest_operator.local.sites import FileSites

_POLL_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class FileGate:
    """Of one batch."""

    sites: FileSites
    trace_id: str
    alive: Callable[[], Collection[str]]
    """The trace ids of the batches that somebody works on: of another one no probe will end."""
    say: Callable[[str], None]
    """Shows the user a line."""
    _refused: list[Run] = field(default_factory=list)
    """Runs that a site has refused: an address may not tell which one a plan asks."""

    async def pass_through(
        self, sources: Sequence[PlannedSource], plan: int, run: int, stop: asyncio.Event
    ) -> None:
        """Wait until a run may ask its sites. Raises `InterruptedBeforeRunsError`."""
        said = ""
        while (held := await self._held(sources, plan, run)) is not None:
            if held.blocker.message != said:
                said = held.blocker.message
                self.say(f"planning waits: {said}")
            if stop.is_set():
                raise InterruptedBeforeRunsError
            await asyncio.sleep(_POLL_SECONDS)

    async def hear(self, sources: Sequence[PlannedSource], run: Run) -> bool:
        """Remember what a run tells that has ended; returns whether the next one waits for a site. Its probe
        is reserved only here: a session that is killed leaves no probe behind that nobody ends."""
        async with self.sites.exclusive() as known:
            me = probe_of(self.trace_id, run.index, run.number)
            still = without_lost_probes(known, self.trace_id, (), self.alive())
            probing, _ = may_plan(still, sites_of(still, sources, self._refused), me, run.started_at)
            informed = after_plans(probing, self.trace_id, [run], time.time())
            if informed != known:
                await self.sites.write(informed)
        refused = refused_by(run) is not None
        if refused:
            self._refused.append(run)
        return refused

    async def _held(self, sources: Sequence[PlannedSource], plan: int, run: int) -> Held | None:
        async with self.sites.exclusive() as written:
            now = time.time()
            known = without_lost_probes(written, self.trace_id, (), self.alive())
            asked = sites_of(known, sources, self._refused)
            _, held = may_plan(known, asked, probe_of(self.trace_id, plan, run), now)
            return held_by(held, now) if held else None
