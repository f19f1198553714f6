"""What plans tell about sites, and when one may ask them. Pure.

A plan is one document over all of its sources, so it waits while any of their sites is stopped; then it is
the probe of each that nobody probes yet. Its ends are not recorded anywhere but in its Job: the same end may
be seen many times, and says the same each time.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from ingest_contract.failures import SITE_BREAKERS
from ingest_contract.order import PlannedSource
from ingest_contract.profile_status import SiteProbe
from ingest_operator.core.blocker import Blocker
from ingest_operator.core.breaker import PROBE_AFTER_SECONDS
from ingest_operator.core.outcome import Outcome, Run, outcome_of
from ingest_operator.core.site_states import Met, Sites, SiteState, Stopped
from ingest_operator.core.sites import after_one, stopped_blocker

NEWS_SECONDS: Final = PROBE_AFTER_SECONDS
"""For how long the end of a plan may open a breaker: before that nobody has probed and closed it again."""

PROBE_UNDER_WAY_SECONDS: Final = 5.0
"""Seconds between two looks at a site that somebody else probes."""


def probe_of(trace: str, plan: int, run: int) -> SiteProbe:
    """The probe that one run of a plan is."""
    return SiteProbe(batch=trace, index=plan, run=run, plan=True)


def sites_of(sites: Sites, sources: Iterable[PlannedSource], runs: Iterable[Run] = ()) -> tuple[Met, ...]:
    """The sites that a plan asks, each once: those of its sources, as far as their addresses say it, and
    those that have refused one of its `runs`, by the names that workers have for them."""
    found: dict[str, Met] = {}
    for source in sources:
        if (met := sites.met_at(source.url)) is not None:
            found.setdefault(met.name, met)
    for name in filter(None, map(refused_by, runs)):
        found.setdefault(name, sites.met_named(name))
    return tuple(found.values())


def refused_by(run: Run) -> str | None:
    """The site that has refused a run; None if none has."""
    outcome = None if run.ended is None else outcome_of(run.ended)
    return site_of(outcome) if outcome is not None and outcome.reason in SITE_BREAKERS else None


def may_plan(
    sites: Sites, wanted: Sequence[Met], me: SiteProbe, now: float
) -> tuple[Sites, Mapping[str, Stopped]]:
    """What must be stored before the run starts, and the sites that keep it from starting."""
    states = {met.name: (met, sites.state_of(met)) for met in wanted}
    held = {
        name: state.stopped
        for name, (_, state) in states.items()
        if state.stopped is not None
        and state.stopped.probe != me
        and (state.stopped.probe is not None or now < state.stopped.until)
    }
    if held:
        return sites, held
    for met, state in states.values():
        if state.stopped is not None:
            sites = sites.with_state(met, replace(state, stopped=replace(state.stopped, probe=me)))
    return sites, {}


def after_plans(sites: Sites, trace: str, runs: Sequence[Run], now: float) -> Sites:
    """What the runs of a batch's plans tell. `runs` are all that exist: a probe that is none of them is one
    that nobody will ever hear of."""
    known = {probe_of(trace, run.index, run.number): run for run in runs}
    for name, state in sites.states.items():
        probe = state.stopped.probe if state.stopped is not None else None
        if probe is None or probe.batch != trace or not probe.plan:
            continue
        run = known.get(probe)
        if run is None:
            sites = sites.with_state(sites.met_named(name), _unprobed(state))
        elif run.ended is not None:
            sites = sites.with_state(sites.met_named(name), _probed(sites, name, state, probe, run, now))
    for run in {run.index: run for run in sorted(runs, key=lambda run: run.number)}.values():
        sites = _refused(sites, probe_of(trace, run.index, run.number), run, now)
    return sites


@dataclass(frozen=True, slots=True)
class Held:
    """What a plan waits for."""

    blocker: Blocker
    """For the user. It keeps no recording from starting, so it is over at once."""
    due: float
    """When it is worth asking again: nobody says when somebody else's probe ends."""


def held_by(held: Mapping[str, Stopped], now: float) -> Held:
    """What a plan waits for, by the site that is stopped longest."""
    name, stopped = max(held.items(), key=lambda each: (each[1].until, each[0]))
    due = stopped.until if stopped.until > now else now + PROBE_UNDER_WAY_SECONDS
    return Held(stopped_blocker(name, stopped, "planning probes", now), due)


def _probed(sites: Sites, name: str, state: SiteState, me: SiteProbe, run: Run, now: float) -> SiteState:
    """A site after the end of the plan that probed it. One that another site has refused tells nothing of
    it."""
    outcome = outcome_of(run.ended) if run.ended is not None else None
    if outcome is not None and outcome.reason is not None and site_of(outcome) not in (name, None):
        return _unprobed(state)
    return after_one(state, sites.met_named(name), me, run, _at(run, now))


def _refused(sites: Sites, me: SiteProbe, run: Run, now: float) -> Sites:
    """With the breaker open of the site that refused the last run of a plan a moment ago. Later that is old
    news: somebody may have closed it since."""
    name, at = refused_by(run), _at(run, now)
    if name is None or now >= at + NEWS_SECONDS:
        return sites
    met = sites.met_named(name)
    return sites.with_state(met, after_one(sites.state_of(met), met, me, run, at))


def _at(run: Run, now: float) -> float:
    """When a run ended: its waits count from there, so they are the same whenever that is seen."""
    return now if run.ended_at is None else min(now, run.ended_at)


def site_of(outcome: Outcome) -> str | None:
    """The last site that a run met, by the name that its worker has for it."""
    reported = outcome.receipt.site if outcome.receipt is not None else None
    return None if reported is None else reported.name


def _unprobed(state: SiteState) -> SiteState:
    return state if state.stopped is None else replace(state, stopped=replace(state.stopped, probe=None))
