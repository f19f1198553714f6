"""A cluster in memory with the faults that real ones have: watches that lag, lists in any order and twice,
refused starts, lost nodes, and an API server before which the operator may die at any write.
"""

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from ingest_contract.cache import Cached
from ingest_contract.failures import Reason
from ingest_contract.order import Item
from ingest_contract.receipt import Receipt
from ingest_operator.core.actions import Start
from ingest_operator.core.blocker import Blocker
from ingest_operator.core.ledger import Ledger
from ingest_operator.core.outcome import Ended, Observation, Run, Waits
from ingest_operator.core.phases import Phase
from testkit.objects.builders import NOW, a_receipt, ended_by

Key = tuple[int, int]
"""(index, number)."""

REFUSED_FOR = 60.0
"""Seconds for which a refused start is not asked for again."""


class CrashError(Exception):
    """The operator dies here, and whatever else it has under way with it."""


@dataclass
class Writes:
    """What is asked of the API server, one after the other, and the operator's death at one of them."""

    log: list[str] = field(default_factory=list)
    dies_at: int | None = None
    """At the how-manieth write."""
    accepted: bool = False
    """Whether the API server takes that write all the same."""
    dead: bool = False

    @contextmanager
    def one(self, what: str) -> Iterator[None]:
        """Whatever is done within is accepted, or nothing of it."""
        if self.dead:
            raise CrashError
        self.log.append(what)
        self.dead = len(self.log) == self.dies_at
        if self.dead and not self.accepted:
            raise CrashError
        yield
        if self.dead:
            raise CrashError

    def restart(self) -> None:
        """Another operator takes over, if this one is dead."""
        if self.dead:
            self.dies_at, self.dead = None, False


@dataclass
class SimulatedCluster:
    """Runs, and what the operator can see of them."""

    now: float = NOW
    truth: dict[Key, Run] = field(default_factory=dict)
    cache: dict[Key, Run] = field(default_factory=dict)
    """What is seen: of each run the truth of some earlier moment,
    never of one before what was seen already."""
    started: dict[int, list[Start]] = field(default_factory=lambda: defaultdict(list))
    """Every process that ever began, by item."""
    stopping: set[Key] = field(default_factory=set)
    lost: set[Key] = field(default_factory=set)
    """Processes that run on nodes of which nobody hears: whatever the API says, they may go on."""
    missing: dict[int | None, Blocker] = field(default_factory=dict)
    """What is in the way before anything is started."""
    refusing: set[int | None] = field(default_factory=set)
    """The items whose starts are refused; None for every start."""
    refused: dict[int | None, Blocker] = field(default_factory=dict)
    """What the operator remembers of refused starts: gone with it."""
    writes: Writes = field(default_factory=Writes)
    fetched_at_least_once: set[int] = field(default_factory=set)
    seed: int = 0
    nodes: tuple[str, ...] = ()
    """Where processes are placed, each with room for all of them; none: nobody says where."""

    async def observe(self, ledger: Ledger) -> Observation:
        """The cache, in any order, some of it twice, and what is in the way, as far as it is known."""
        del ledger
        chance = random.Random(self.seed)  # noqa: S311 -- an order, not a secret
        listed = [run for run in self.cache.values() for _ in range(chance.choice([1, 1, 2]))]
        chance.shuffle(listed)
        return Observation(tuple(listed), self.blockers())

    def blockers(self) -> tuple[Blocker, ...]:
        """What is in the way, as far as it is known."""
        return (*self.missing.values(), *self.refused.values())

    async def start(self, start: Start, item: Item, *others: Item) -> Blocker | None:
        """Begin a process, unless this one exists, or starts are refused."""
        assert item.index == start.index
        assert not others
        if (start.index, start.number) in self.truth:
            return None
        for place in (None, start.index):
            if place in self.refusing:
                self.refused[place] = Blocker("Refused", "not now", self.now + REFUSED_FOR, place)
                return self.refused[place]
        with self.writes.one(f"start {start.index}-{start.number}"):
            run = Run(
                start.index,
                start.number,
                start.charged_attempts,
                start.rung,
                start.disruptions,
                started_at=self.now,
                phase=start.phase,
            )
            assert not start.cached or start.index in self.fetched_at_least_once
            self.truth[start.index, start.number] = self._placed(run, start)
            self.started[start.index].append(start)
            self.refused.pop(None, None)
            self.refused.pop(start.index, None)
        return None

    def _placed(self, run: Run, start: Start) -> Run:
        """On one of the nodes that it may be placed on; where there is none it waits, and never begins."""
        fits = [node for node in self.nodes if node not in start.avoid]
        if not self.nodes:
            return run
        node = fits[(run.index + run.number) % len(fits)] if fits else None
        return replace(run, node=node, unplaced_since=None if fits else self.now, avoids=start.avoid)

    async def stop(self, index: int, number: int) -> None:
        """It will end, some time."""
        if (index, number) in self.truth and (index, number) not in self.stopping:
            with self.writes.one(f"stop {index}-{number}"):
                self.stopping.add((index, number))

    async def forget(self, run: Run, *, final: bool) -> None:
        """Its end is recorded."""
        del final
        if (run.index, run.number) in self.truth:
            with self.writes.one(f"forget {run.index}-{run.number}"):
                del self.truth[run.index, run.number]

    def sync(self, keys: Iterable[Key] | None = None) -> None:
        """Everything that happened is seen, or what happened to these runs."""
        for key in [*self.cache, *self.truth] if keys is None else keys:
            if key in self.truth:
                self.cache[key] = self.truth[key]
            else:
                self.cache.pop(key, None)

    def live(self) -> list[Key]:
        """Processes that run, seen or not."""
        return sorted(key for key, run in self.truth.items() if run.ended is None)

    def begun(self) -> list[Key]:
        """Those of them that have a place."""
        return [key for key in self.live() if self.truth[key].unplaced_since is None]

    def end(self, key: Key, reason: Reason | None) -> None:
        """A process ends; one that was asked to says nothing else. What comes back from a lost node ends once
        more, and otherwise."""
        self.lost.discard(key)
        if key not in self.truth:
            return
        asked = key in self.stopping and reason is not None
        good = fetched() if self.truth[key].phase is Phase.FETCH else success()
        ended = (
            Ended(143, None, on_request=True)
            if asked
            else ended_by(reason, receipt=good if reason is None else None)
        )
        if reason is None and self.truth[key].phase is Phase.FETCH:
            self.fetched_at_least_once.add(key[0])
        self._over(key, ended)

    def give_up_on(self, key: Key) -> None:
        """A process of which nobody has heard for long counts as lost, though it may run."""
        self._over(key, ended_by(Reason.NODE_LOST))

    def _over(self, key: Key, ended: Ended) -> None:
        self.truth[key] = replace(self.truth[key], ended=ended, ended_at=self.now, waits=Waits(queued=1.0))


def success() -> Receipt:
    """Every success looks the same, so that sums tell how often each was counted."""
    return a_receipt(seconds=60.0, media=600.0, segments=12)


def fetched() -> Receipt:
    """Every fetch leaves ten minutes of audio."""
    return Receipt(result="Succeeded", seconds=5.0, media_seconds=600.0, cached=Cached(bytes=10_000_000))
