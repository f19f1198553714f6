"""A site of 5,000 recordings that loses its patience, and a second site beside it: two batches of a profile,
eight fetches at once each, and an operator that restarts again and again.

    python -m bench.sites [--entries 5000]

The decisions are the operator's own and the answers are the test site's; time is simulated, and so are runs.
What the operator knows after a restart is what its statuses say as JSON. Prints how every recording ended,
the most pages within an hour beside the pace, how often the breaker opened and closed, and what the decisions
cost.
"""

import argparse
import heapq
import resource
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from math import inf
from typing import Final

from ingest_contract.batch import IngestBatchSpec, Retry, Source
from ingest_contract.cache import Cached
from ingest_contract.failures import FAILURES, Reason, Verdict
from ingest_contract.order import Item
from ingest_contract.profile_status import IngestProfileStatus
from ingest_contract.receipt import Receipt
from ingest_contract.sites import Pace, SiteProfile
from ingest_contract.status import IngestBatchStatus, PlanStatus
from ingest_operator.core.actions import Start
from ingest_operator.core.batch import Batch, PlannedItems
from ingest_operator.core.decide import Previous, decide
from ingest_operator.core.ledger import Ledger
from ingest_operator.core.outcome import Ended, Observation, Run
from ingest_operator.core.phases import Ahead, Phase
from ingest_operator.core.site_states import Sites, rendered, restored
from testkit.site.entries import Entry, channel
from testkit.site.rules import Refusal
from testkit.site.server import Site
from testkit.site.visits import Kind

START: Final = 1_750_000_000.0
HOUR_SECONDS: Final = 3600
PER_HOUR: Final = 250
REFUSED_AFTER: Final = 0.25
"""Of the hours that the pace takes: then the first site refuses every guest, for an hour."""
AT_ONCE: Final = 8
DECISIONS_PER_RESTART: Final = 50
FETCH_SHARE: Final = 0.036
INGEST_SHARE: Final = 0.05
"""Seconds of a fetch and of an ingest run for a second of media, as `bench.fetching` has them."""


@dataclass
class Worked:
    """One batch, and what runs of it."""

    batch: Batch
    entries: dict[int, tuple[Site, Entry]]
    status: IngestBatchStatus | None = None
    ledger: Ledger = field(default_factory=Ledger)
    runs: dict[tuple[int, int], Run] = field(default_factory=dict)
    again: float = START


class Simulation:
    """Both batches from their start to their end."""

    def __init__(self, count: int) -> None:
        self.now, self._refused_at = START, START + REFUSED_AFTER * count / PER_HOUR * HOUR_SECONDS
        self.sites = {
            name: Site(channel(entries, name=name, seconds=(300, 7200)), name=name, clock=lambda: self.now)
            for name, entries in (("tube", count), ("reel", count // 10))
        }
        paces = {"tube": PER_HOUR, "reel": PER_HOUR // 10}
        self._profile = tuple(
            SiteProfile(name=name, pace=Pace(per_hour=per_hour)) for name, per_hour in paces.items()
        )
        self._known, self.decisions, self.restarts = Sites(self._profile), 0, 0
        self.breakers: list[tuple[float, str, bool]] = []
        """(when, which site, whether it opened)."""
        found = [
            (site, entry)
            for site in self.sites.values()
            for each in site.channels.values()
            for entry in each.entries
        ]
        self.batches = [self._worked(number, found[number::2]) for number in (0, 1)]
        self._ends: list[tuple[float, int, int, int, Reason | None]] = []

    def _worked(self, number: int, found: list[tuple[Site, Entry]]) -> Worked:
        items = tuple(
            Item(
                index=index,
                id=f"{site.name}:{entry.id}",
                url=f"https://{site.name}.example.org/watch/{entry.id}",
                duration_seconds=entry.seconds,
            )
            for index, (site, entry) in enumerate(found)
        )
        spec = IngestBatchSpec(
            sources=(Source(url="https://tube.example.org/@all"),),
            parallelism=AT_ONCE,
            retry=Retry(max_attempts=3),
        )
        plan = PlanStatus(
            sources=1, recordings=len(items), media_seconds=sum(entry.seconds for _, entry in found)
        )
        batch = Batch(
            spec, generation=1, trace_id=str(number) * 32, planned=PlannedItems(items, plan),
            ahead=Ahead(recordings=AT_ONCE, mib=50 * 1024),
        )  # fmt: skip
        return Worked(batch, dict(enumerate(found)))

    def run(self) -> None:
        """To the end."""
        while True:
            self.now = min(*(each.again for each in self.batches), self._ends[0][0] if self._ends else inf)
            if self.now == inf:
                return
            self._refuse()
            changed = {number for number, each in enumerate(self.batches) if each.again <= self.now}
            for number in sorted(changed | self._end_what_is_due()):
                self._decide(number)

    def _refuse(self) -> None:
        refuses = self._refused_at <= self.now < self._refused_at + HOUR_SECONDS
        self.sites["tube"].rules.refused = {"127.0.0.1": Refusal.BOT_CHECK} if refuses else {}

    def _decide(self, number: int) -> None:
        each, self.decisions = self.batches[number], self.decisions + 1
        if self.decisions % DECISIONS_PER_RESTART == 0:
            self._restart()
        batch = replace(
            each.batch, sites=self._known, other_batches=frozenset(it.batch.trace_id for it in self.batches)
        )
        decision = decide(
            batch, Previous.of(batch, each.status), Observation(tuple(each.runs.values())), self.now
        )
        self._note(decision.sites or self._known)
        each.status, each.ledger, each.again = decision.status, decision.ledger, decision.next_at
        for run in decision.recorded:
            each.runs.pop((run.index, run.number), None)
        for action in decision.actions:
            if isinstance(action, Start):
                self._start(number, action)

    def _restart(self) -> None:
        """All that is left is what the API server has."""
        self.restarts += 1
        profile = IngestProfileStatus(observed_generation=1, sites=rendered(self._known, self.now))
        self._known = restored(self._profile, IngestProfileStatus.model_validate_json(profile.to_json()))
        for each in self.batches:
            if each.status is not None:
                each.status = IngestBatchStatus.model_validate_json(each.status.to_json())

    def _note(self, sites: Sites) -> None:
        for name, state in sites.states.items():
            before = self._known.states.get(name)
            was = before is not None and before.stopped is not None
            if was is not (state.stopped is not None):
                self.breakers.append((self.now - START, name, not was))
        self._known = sites

    def _start(self, number: int, start: Start) -> None:
        each = self.batches[number]
        site, entry = each.entries[start.index]
        fetches = start.phase is Phase.FETCH
        reason = self._met(site, entry, start.number) if fetches else None
        seconds = 2 + entry.seconds * FETCH_SHARE if fetches else 7 + entry.seconds * INGEST_SHARE
        key = (start.index, start.number)
        each.runs[key] = Run(
            *key, start.charged_attempts, start.rung, start.disruptions, self.now, phase=start.phase
        )
        heapq.heappush(self._ends, (self.now + (2 if reason else seconds), number, *key, reason))

    def _met(self, site: Site, entry: Entry, run: int) -> Reason | None:
        """What a fetch meets: the site's page, and then the recording's own fate."""
        site.answer(f"/{site.name}/watch/{entry.id}", {}, "127.0.0.1")
        if site.visits.all[-1].refusal is not None:
            return Reason.BOT_CHECK
        return None if entry.fate is Reason.DOWNLOAD_FAILED and run > 1 else entry.fate

    def _end_what_is_due(self) -> set[int]:
        changed = set()
        while self._ends and self._ends[0][0] <= self.now:
            at, number, index, run, reason = heapq.heappop(self._ends)
            each = self.batches[number]
            live = each.runs[index, run]
            ended = _ended(reason, live.phase, each.entries[index][1].seconds)
            each.runs[index, run] = replace(live, ended_at=at, ended=ended)
            changed.add(number)
        return changed


def _ended(reason: Reason | None, phase: Phase, length: int) -> Ended:
    if reason is None:
        cached = Cached(bytes=length * 16_000) if phase is Phase.FETCH else None
        return Ended(
            0, Receipt(result="Succeeded", seconds=1.0, media_seconds=float(length), cached=cached).to_json()
        )
    return Ended(FAILURES[reason].exit_code, None)


def outcomes(simulated: Simulation) -> tuple[Counter[str], int]:
    """How many recordings of each kind ended how, and how many in a class that is not theirs."""
    count, wrong = Counter[str](), 0
    for each in simulated.batches:
        for index, (site, entry) in each.entries.items():
            named = ("succeeded", "skipped", "failed")
            ended = next((name for name in named if index in getattr(each.ledger, name)), "open")
            fate = None if entry.fate is Reason.DOWNLOAD_FAILED else entry.fate
            wanted = "succeeded" if fate is None else _class_of(fate)
            count[f"{site.name}: {entry.trait.value} -> {ended}"] += 1
            wrong += ended != wanted
    return count, wrong


def _class_of(reason: Reason) -> str:
    return "skipped" if FAILURES[reason].verdict is Verdict.SKIP else "failed"


def main() -> None:
    """Run it and print what came out."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--entries", type=int, default=5000)
    simulated = Simulation(asked.parse_args().entries)
    begun = time.process_time()
    simulated.run()
    spent = time.process_time() - begun
    count, wrong = outcomes(simulated)
    print("\n".join(f"{name}: {number}" for name, number in sorted(count.items())))
    print(f"in a class that is not theirs: {wrong}")
    tube, reel = (simulated.sites[name].visits for name in ("tube", "reel"))
    print(f"most pages of tube within an hour: {tube.most_within(HOUR_SECONDS, Kind.PAGE)}, pace {PER_HOUR}")
    print(f"refused pages: {len(tube.of(Kind.PAGE, refused=True))}")
    for at, name, opens in simulated.breakers:
        print(f"{at / HOUR_SECONDS:.2f} h: the breaker of {name} {'opens' if opens else 'closes'}")
    shut = [at for at, _, _ in simulated.breakers]
    meanwhile = [visit for visit in reel.all if shut and shut[0] <= visit.at - START <= shut[-1]]
    print(f"pages of reel meanwhile: {len(meanwhile)}; restarts of the operator: {simulated.restarts}")
    print(
        f"{simulated.decisions} decisions, {1000 * spent / simulated.decisions:.1f} ms of the processor each "
        f"with the simulation, {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MiB at most"
    )
    print(f"hours until the last page: {(max(visit.at for visit in tube.all) - START) / HOUR_SECONDS:.1f}")


if __name__ == "__main__":
    main()
