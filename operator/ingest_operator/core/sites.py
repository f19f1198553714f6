"""Pace and breaker of sites: shared by every batch of a profile, kept in its status. Pure.

A site is one name and one identity: whoever has other cookies or another proxy is somebody else for it.

The pace is a generic cell rate algorithm (ITU-T I.371): one moment is remembered instead of an hour of
starts. It spreads starts evenly and lets them catch up on `CATCH_UP_SECONDS`, because a reconcile comes late;
the spread is so much wider that no hour has more than `perHour`.
"""

import hashlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from math import ceil
from typing import Final

from ingest_contract.failures import FAILURES, SITE_BREAKERS, Kind, Reason, Verdict
from ingest_contract.order import Item
from ingest_contract.profile_status import SiteProbe
from ingest_contract.sites import Pace
from ingest_contract.stages import Stage
from ingest_operator.core.backoff import doubled
from ingest_operator.core.blocker import Blocker
from ingest_operator.core.breaker import LONGEST_WAIT_SECONDS, MAX_FAILED_PROBES, PROBE_AFTER_SECONDS
from ingest_operator.core.outcome import Outcome, Run, outcome_of
from ingest_operator.core.site_states import Met, Sites, SiteState, Stopped
from ingest_operator.core.timestamps import to_rfc3339

CATCH_UP_SECONDS: Final = 5.0
"""Seconds by which a start may come late without the next one being later for it."""

_HOUR_SECONDS: Final = 3600.0


def within_reach(sites: Sites, now: float) -> Sites:
    """What is remembered, and no moment of it later than one that a start or an end could leave now: a clock
    that was days ahead for one start would else keep a site shut for days.

    It must be stored before it counts (`kept_within_reach`): the longest wait begins `now`, so one that is
    only read never ends.
    """
    states = {name: _reachable(state, sites.met_named(name), now) for name, state in sites.states.items()}
    return sites if states == sites.states else replace(sites, states=states)


async def kept_within_reach(stored: Sites, now: float, keep: Callable[[Sites], Awaitable[None]]) -> Sites:
    """What counts of what is stored, and is kept before it counts. Raises as `keep`."""
    known = within_reach(stored, now)
    if known != stored:
        await keep(known)
    return known


def _reachable(state: SiteState, met: Met, now: float) -> SiteState:
    pace, stopped = met.entry.pace if met.entry is not None else None, state.stopped
    spread = _HOUR_SECONDS + CATCH_UP_SECONDS if pace is None else _spread(pace)
    if stopped is not None:
        stopped = replace(stopped, until=min(stopped.until, _up(now + LONGEST_WAIT_SECONDS)))
    return replace(
        state,
        last=min(state.last, _up(now)),
        due=min(state.due, _up(now + CATCH_UP_SECONDS + spread)),
        stopped=stopped,
    )


def free_at(state: SiteState, pace: Pace | None) -> float:
    """The first moment at which the pace lets another run start."""
    if pace is None:
        return 0.0
    spread = state.due - CATCH_UP_SECONDS if pace.per_hour is not None else 0.0
    gap = (pace.min_gap_seconds or 0) + pace.jitter_seconds * _chance(state)
    return max(spread, state.last + gap if state.last else 0.0)


def _chance(state: SiteState) -> float:
    """A number from 0 to 1 that is another one after each start, and the same whoever asks."""
    return int(hashlib.sha256(repr(state.last).encode()).hexdigest()[:8], 16) / 0xFFFFFFFF


def _started(state: SiteState, pace: Pace | None, now: float) -> SiteState:
    if pace is None:
        return state
    spread = _spread(pace)
    due = max(state.due, now) + spread if spread else 0.0
    return replace(state, last=_up(now), due=_up(due))


def _spread(pace: Pace) -> float:
    """Seconds between two starts that are spread over the hour; 0 where that is not asked for."""
    return (_HOUR_SECONDS + CATCH_UP_SECONDS) / pace.per_hour if pace.per_hour is not None else 0.0


def _up(moment: float) -> float:
    """The next millisecond: what a status can hold, and never too early."""
    return ceil(moment * 1000) / 1000


class Gate:
    """Which runs of one batch may start now. It reserves what it admits: `sites` is what must be stored
    before any of them starts."""

    def __init__(self, sites: Sites, trace: str, now: float) -> None:
        self.sites, self._trace, self._now, self._find = sites, trace, now, sites.finder()
        self.waits: dict[str, float] = {}
        """Sites that let nobody through, and when they will."""
        self.stopped: dict[str, Stopped] = {}
        """Those of them whose breaker is open."""
        self._paced: set[str] = set()
        """Those of them whose pace lets nobody through, a probe neither."""

    def is_shut(self, item: Item) -> bool:
        """Whether it is known already that no run of this recording may start: another one was refused, and
        nothing has changed. A batch asks for each of thousands that wait for the same site."""
        met = self._find(item.url, item.id)
        if met is None or met.name not in self.waits:
            return False
        stopped = self.stopped.get(met.name)
        probe = None if stopped is None else stopped.probe
        is_probe = probe is not None and probe.batch == self._trace and probe.index == item.index
        return met.name in self._paced or not is_probe

    def admit(self, item: Item, run: int) -> bool:
        """Whether this run may start. If it may, its start is counted."""
        met = self._find(item.url, item.id)
        if met is None:
            return True
        state, pace = self.sites.state_of(met), met.entry.pace if met.entry is not None else None
        probe = SiteProbe(batch=self._trace, index=item.index, run=run)
        if state.stopped is not None and state.stopped.probe != probe:
            if state.stopped.probe is not None or self._now < state.stopped.until:
                self.stopped[met.name] = state.stopped
                self.waits[met.name] = max(state.stopped.until, self._now + 1)
                return False
            state = replace(state, stopped=replace(state.stopped, probe=probe))
        if (free := free_at(state, pace)) > self._now:
            self.waits[met.name] = free
            self._paced.add(met.name)
            return False
        self.sites = self.sites.with_state(met, _started(state, pace, self._now))
        return True


def after_ends(sites: Sites, trace: str, ended: Iterable[Run], items: Sequence[Item], now: float) -> Sites:
    """What the ends of a batch's runs tell about their sites. The same end, seen again, changes nothing that
    matters: it was no probe any more."""
    for run in ended:
        met = sites.met_by(items[run.index])
        if met is not None and run.ended is not None:
            before = sites.state_of(met)
            after = after_one(before, met, SiteProbe(batch=trace, index=run.index, run=run.number), run, now)
            sites = sites if after == before else sites.with_state(met, after)
    return sites


def after_probes(sites: Sites, trace: str, seen: Iterable[Run], now: float) -> Sites:
    """What the probes of one batch tell, whatever else is known of it: a probe is remembered with its site.
    `seen` are all runs that there are: a probe that is none of them is let go."""
    runs = {(run.index, run.number): run for run in seen}
    for name, state in sites.states.items():
        stopped = state.stopped
        probe = stopped.probe if stopped is not None else None
        if stopped is None or probe is None or probe.plan or probe.batch != trace:
            continue
        met, run = sites.met_named(name), runs.get((probe.index, probe.run))
        if run is None:
            sites = sites.with_state(met, replace(state, stopped=replace(stopped, probe=None)))
        elif run.ended is not None:
            sites = sites.with_state(met, after_one(state, met, probe, run, now))
    return sites


def without_lost_probes(sites: Sites, trace: str, seen: Iterable[Run], alive: Iterable[str] | None) -> Sites:
    """Without probes that nobody will ever hear of: runs of this batch that are not there, and those of
    batches that are gone. `alive` are the trace ids of all batches; None if they are not known."""
    runs, there = {(run.index, run.number) for run in seen}, None if alive is None else set(alive)
    states = dict(sites.states)
    for name, state in states.items():
        probe = state.stopped.probe if state.stopped is not None else None
        if probe is None or state.stopped is None or (probe.plan and probe.batch == trace):
            continue  # its plans tell that: `plan_sites`
        lost = (probe.index, probe.run) not in runs if probe.batch == trace else there is not None
        if lost and (probe.batch == trace or probe.batch not in (there or ())):
            states[name] = replace(state, stopped=replace(state.stopped, probe=None))
    return sites if states == sites.states else replace(sites, states=states)


def stopped_blocker(name: str, stopped: Stopped, probe: str, now: float) -> Blocker:
    """What is shown of a stopped site. Whether something starts there, the gate decides: so it is over at
    once."""
    message = (
        f"{name}: {FAILURES[stopped.reason].sentence} Nothing new starts there before "
        f"{to_rfc3339(stopped.until)}; then {probe}. {stopped.message}"
    )
    return Blocker(stopped.reason.value, message.rstrip(), now)


def after_one(state: SiteState, met: Met, me: SiteProbe, run: Run, now: float) -> SiteState:
    """A site after the end of one run that met it."""
    assert run.ended is not None  # noqa: S101 -- the caller looked
    outcome, stopped = outcome_of(run.ended), state.stopped
    reported = outcome.receipt.site if outcome.receipt is not None else None
    digest = reported.secrets if reported is not None and reported.name == met.name else None
    renewed = None not in (digest, stopped and stopped.secrets) and digest != (stopped and stopped.secrets)
    if outcome.reason in SITE_BREAKERS:
        return replace(state, stopped=_opened(stopped, outcome, now, digest, probe=me, renewed=renewed))
    if stopped is None or (stopped.probe != me and not renewed):
        return state
    if stopped.probe == me and _tells(outcome):
        return replace(state, stopped=None)
    until = min(stopped.until, now) if renewed else stopped.until
    probe = None if stopped.probe == me else stopped.probe
    return replace(state, stopped=replace(stopped, probe=probe, until=_up(until)))


def _opened(
    before: Stopped | None,
    outcome: Outcome,
    now: float,
    digest: str | None,
    *,
    probe: SiteProbe,
    renewed: bool,
) -> Stopped:
    """An open breaker. Failed probes double the wait; runs that were under way when it opened do not. With
    other secrets it begins anew."""
    assert outcome.reason is not None  # noqa: S101 -- the caller looked
    probed = before is not None and before.probe == probe
    opened = 1 if before is None or renewed else min(MAX_FAILED_PROBES, before.opened + probed)
    asked = outcome.receipt.retry_after_seconds if outcome.receipt is not None else None
    wait = max(
        doubled(PROBE_AFTER_SECONDS, opened, LONGEST_WAIT_SECONDS), min(LONGEST_WAIT_SECONDS, asked or 0)
    )
    until = now + wait if before is None or renewed else max(before.until, now + wait)
    under_way = None if before is None or probed else before.probe
    secrets = digest or (before.secrets if before is not None else None)
    return Stopped(outcome.reason, _up(until), opened, outcome.message[:256], secrets, under_way)


def _tells(outcome: Outcome) -> bool:
    """Whether the end of a run says that the site gives again: not if the run never asked it, because it was
    taken away before, or because an earlier run had fetched all."""
    reason, receipt = outcome.reason, outcome.receipt
    if receipt is None or not receipt.stages:
        return reason is None or _of_site(reason)
    figures = receipt.stages.get(Stage.FETCH)
    if figures is None:
        return reason is None and not any(each.resumed for each in receipt.stages.values())
    if figures.resumed:
        return False
    return reason is None or receipt.stage is not Stage.FETCH or _of_site(reason)


def _of_site(reason: Reason) -> bool:
    row = FAILURES[reason]
    return row.kind in (Kind.INPUT, Kind.SOURCE) and row.verdict is not Verdict.FORGIVE
