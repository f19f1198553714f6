"""The sites before the plans of this machine: a plan waits until they may be asked, and tells what it met."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from ingest_contract.failures import SITE_BREAKERS
from ingest_contract.order import PlannedSource
from ingest_operator.core.outcome import Run, outcome_of
from ingest_operator.core.plan_sites import (
    Held,
    after_plans,
    held_by,
    may_plan,
    met_named,
    probe_of,
    site_of,
    sites_of,
)
from ingest_operator.core.site_states import Met, Sites
from ingest_operator.local.interrupted import InterruptedBeforeRunsError
from ingest_operator.local.sites import FileSites

_POLL_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class FileGate:
    """Of one batch."""

    sites: FileSites
    trace_id: str
    say: Callable[[str], None]
    """Shows the user a line."""
    _refused: set[str] = field(default_factory=set)
    """Sites that have refused a run, by the names that workers have for them: an address may not tell."""

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
        outcome = None if run.ended is None else outcome_of(run.ended)
        name = None if outcome is None else site_of(outcome)
        refused = outcome is not None and outcome.reason in SITE_BREAKERS and name is not None
        async with self.sites.exclusive() as known:
            me = probe_of(self.trace_id, run.index, run.number)
            probing, _ = may_plan(known, self._asked(known, sources), me, run.started_at)
            informed = after_plans(probing, self.trace_id, [run], time.time())
            if informed != known:
                await self.sites.write(informed)
        if refused and name is not None:
            self._refused.add(name)
        return refused

    async def _held(self, sources: Sequence[PlannedSource], plan: int, run: int) -> Held | None:
        async with self.sites.exclusive() as known:
            now = time.time()
            _, held = may_plan(known, self._asked(known, sources), probe_of(self.trace_id, plan, run), now)
            return held_by(held, now) if held else None

    def _asked(self, known: Sites, sources: Sequence[PlannedSource]) -> tuple[Met, ...]:
        """The sites that a run asks: those of its addresses, and those that have refused one."""
        found = {met.name: met for met in sites_of(known, sources)}
        return tuple((found | {name: met_named(known, name) for name in sorted(self._refused)}).values())
