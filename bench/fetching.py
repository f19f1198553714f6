"""What fetching ahead is worth to a backlog: 1,300 recordings of five minutes to three hours, about 1,200
hours, from a site with a pace, on 1, 2 and 8 GPUs; ahead and inline beside each other.

    python -m bench.fetching --gpus 1 2 8

The operator's own decisions over simulated runs: time is simulated, decisions are not. Prints one row for
each number of GPUs and mode: makespan beside its lower bound, and the share of GPU time in which nothing
computed.
"""

import argparse
import heapq
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Final

from ingest_contract.batch import IngestBatchSpec, Retry, Source
from ingest_contract.cache import Cached
from ingest_contract.failures import FAILURES, Reason
from ingest_contract.fetch_ahead import FetchAhead
from ingest_contract.order import Item
from ingest_contract.profile import FetchProfile
from ingest_contract.receipt import Receipt
from ingest_contract.sites import Pace, SiteProfile
from ingest_contract.status import IngestBatchStatus, PlanStatus
from ingest_operator.core.actions import Start
from ingest_operator.core.batch import Batch, PlannedItems
from ingest_operator.core.decide import Previous, decide
from ingest_operator.core.outcome import Ended, Observation, Run
from ingest_operator.core.phases import Phase, ahead_of
from ingest_operator.core.site_states import Sites

COUNT: Final = 1300
MEAN_SECONDS: Final = 3323
"""Of media: 1,200 hours over 1,300 recordings."""

SHORTEST_SECONDS: Final = 300
LONGEST_SECONDS: Final = 10_800
PER_HOUR: Final = 250
"""Recordings an hour that the site gives."""

DOWNLOAD_SHARE: Final = 0.03
"""Seconds of download for a second of media: 128 kbit/s over half a megabyte a second."""

DECODE_SHARE: Final = 0.006
"""Seconds of decoding for a second of media, one core."""

COMPUTE_SHARE: Final = 0.05
"""Real-time factor of the engines. No GPU was measured: it is an assumption, like the seconds below."""

FETCH_START_SECONDS: Final = 2.0
INGEST_START_SECONDS: Final = 7.0
"""Until a process computes: its start, imports and models."""

FAILING: Final = 0.02
"""Share of runs that break while they download."""

PREEMPTED: Final = 0.01
"""Share of ingest runs whose GPU goes to others half way."""

START: Final = 1_750_000_000.0
SITE: Final = "media.example.org"
HOUR_SECONDS: Final = 3600


@dataclass(frozen=True, slots=True)
class Result:
    """One simulated batch."""

    makespan: float
    bound: float
    """The longest of: the longest recording, the work over the GPUs, the site's pace."""
    held: float
    """Seconds for which GPUs were held."""
    computed: float
    final: int


def recordings(seed: int) -> tuple[Item, ...]:
    """Lengths as a channel has them: many short ones, few long ones."""
    dice = random.Random(seed)  # noqa: S311 -- lengths, not secrets
    drawn = [min(LONGEST_SECONDS, SHORTEST_SECONDS + dice.expovariate(1 / 3400)) for _ in range(COUNT)]
    scale = MEAN_SECONDS * COUNT / sum(drawn)
    lengths = [min(LONGEST_SECONDS, max(SHORTEST_SECONDS, round(each * scale))) for each in drawn]
    return tuple(
        Item(index=index, id=f"url:{index:016x}", url=f"https://{SITE}/{index}.mp3", duration_seconds=length)
        for index, length in enumerate(lengths)
    )


class Simulation:
    """One batch from its first start to its end."""

    def __init__(self, gpus: int, *, ahead: bool, recordings_ahead: int | None = None, seed: int = 7) -> None:
        items = recordings(seed)
        plan = PlanStatus(sources=1, recordings=COUNT, media_seconds=sum(_length(each) for each in items))
        spec = IngestBatchSpec(
            sources=(Source(url=f"https://{SITE}/all"),), parallelism=gpus, retry=Retry(max_attempts=5)
        )
        fetch = FetchProfile(ahead=FetchAhead(recordings=recordings_ahead))
        self._batch = Batch(
            spec,
            generation=1,
            trace_id="0" * 32,
            planned=PlannedItems(items, plan),
            ahead=ahead_of(fetch, gpus, has_cache=ahead),
        )
        self._sites = Sites((SiteProfile(name=SITE, pace=Pace(per_hour=PER_HOUR)),))
        self._gpus, self._dice, self._now = gpus, random.Random(seed), START  # noqa: S311 -- fates, not secrets
        self._status: IngestBatchStatus | None = None
        self._runs: dict[tuple[int, int], Run] = {}
        self._ends: list[tuple[float, int, int, Reason | None]] = []
        self._held = self._computed = 0.0

    def run(self) -> Result:
        """To the end."""
        again = START
        while True:
            self._now = min(again, self._ends[0][0] if self._ends else inf)
            self._end_what_is_due()
            batch = replace(self._batch, sites=self._sites)
            previous = Previous.of(batch, self._status)
            decision = decide(batch, previous, Observation(tuple(self._runs.values())), self._now)
            self._status, self._sites = decision.status, decision.sites or self._sites
            for run in decision.recorded:
                self._runs.pop((run.index, run.number), None)
            for action in decision.actions:
                if isinstance(action, Start):
                    self._start(action)
            again = decision.next_at
            if not self._ends and again == inf:
                return self._result(len(decision.ledger.final))

    def _start(self, start: Start) -> None:
        length = _length(self._batch.items[start.index])
        fetching = FETCH_START_SECONDS + length * (DOWNLOAD_SHARE + DECODE_SHARE)
        computing = length * COMPUTE_SHARE
        ingests = start.phase is Phase.INGEST
        seconds = INGEST_START_SECONDS + computing if ingests else 0.0
        seconds += 0.0 if start.cached else fetching
        reason: Reason | None = None
        if not start.cached and self._dice.random() < FAILING:
            reason, seconds, computing = Reason.DOWNLOAD_FAILED, fetching / 2, 0.0
        elif ingests and self._dice.random() < PREEMPTED:
            reason, seconds, computing = Reason.PREEMPTED, seconds / 2, computing / 2
        if ingests:
            self._held += seconds
            self._computed += computing
        key = (start.index, start.number)
        self._runs[key] = Run(
            *key, start.charged_attempts, start.rung, start.disruptions, self._now, phase=start.phase
        )
        heapq.heappush(self._ends, (self._now + seconds, *key, reason))

    def _end_what_is_due(self) -> None:
        while self._ends and self._ends[0][0] <= self._now:
            at, index, number, reason = heapq.heappop(self._ends)
            run = self._runs[index, number]
            ended = _ended(reason, run.phase, _length(self._batch.items[index]))
            self._runs[index, number] = replace(run, ended_at=at, ended=ended)

    def _result(self, final: int) -> Result:
        lengths = [_length(each) for each in self._batch.items]
        longest = max(lengths) * (DOWNLOAD_SHARE + DECODE_SHARE + COMPUTE_SHARE)
        work = sum(each * COMPUTE_SHARE for each in lengths) / self._gpus
        bound = max(longest, work, COUNT / PER_HOUR * HOUR_SECONDS)
        return Result(self._now - START, bound, self._held, self._computed, final)


def _length(item: Item) -> int:
    return item.duration_seconds or 0


def _ended(reason: Reason | None, phase: Phase, length: int) -> Ended:
    if reason is None:
        cached = Cached(bytes=length * 16_000) if phase is Phase.FETCH else None
        receipt = Receipt(result="Succeeded", seconds=1.0, media_seconds=float(length), cached=cached)
        return Ended(0, receipt.to_json())
    code = FAILURES[reason].exit_code
    return Ended(None, None, seen=reason) if code is None else Ended(code, None)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--gpus", type=int, nargs="+", default=[1, 2, 8])
    parser.add_argument("--ahead", type=int, nargs="+", help="recordings ahead, in place of the default")
    asked = parser.parse_args(arguments)
    print(
        "| GPUs | mode | makespan, h | lower bound, h | ratio | of it held | GPU idle "
        "| GPU held without computing | final |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for gpus in asked.gpus:
        for recordings_ahead in asked.ahead or (None,):
            mode = "Ahead" if recordings_ahead is None else f"Ahead, {recordings_ahead}"
            _print(gpus, mode, Simulation(gpus, ahead=True, recordings_ahead=recordings_ahead).run())
        if not asked.ahead:
            _print(gpus, "Inline", Simulation(gpus, ahead=False).run())


def _print(gpus: int, mode: str, found: Result) -> None:
    hours = (found.makespan / HOUR_SECONDS, found.bound / HOUR_SECONDS)
    held = found.held / gpus
    print(
        f"| {gpus} | {mode} | {hours[0]:.2f} | {hours[1]:.2f} | {hours[0] / hours[1]:.3f} "
        f"| {held / found.bound:.3f} | {1 - held / found.makespan:.1%} "
        f"| {1 - found.computed / found.held:.1%} | {found.final} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
