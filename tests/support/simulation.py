"""A cluster in memory with the faults that real ones have: a cache that lags, lists in any order and twice, runs that are deleted."""

import asyncio
import random
from collections import defaultdict
from dataclasses import dataclass, field, replace

from ingest_contract.failures import Reason
from ingest_contract.order import Item
from ingest_contract.receipt import Receipt
from ingest_contract.status import IngestBatchStatus, PlanStatus
from ingest_operator.actions import Start
from ingest_operator.hindrance import Hindrance
from ingest_operator.observe import Ended, Run
from ingest_operator.reconcile import Planned, reconcile
from tests.support.builders import NOW, TRACE, a_receipt, a_spec, ended_by, items

Key = tuple[int, int]
"""(index, number)."""


class ConflictError(Exception):
    """Somebody else wrote the object first."""


class CrashError(Exception):
    """The operator dies here."""


@dataclass
class SimulatedCluster:
    """Runs, and what the operator can see of them."""

    now: float = NOW
    truth: dict[Key, Run] = field(default_factory=dict)
    cache: dict[Key, Run] = field(default_factory=dict)
    """What is seen: the truth of some earlier moment, never of one before what was seen already."""
    started: dict[int, list[Start]] = field(default_factory=lambda: defaultdict(list))
    """Every process that ever began, by item."""
    stopping: set[Key] = field(default_factory=set)
    crash_after: int | None = None
    """How many starts succeed before the operator dies."""
    seed: int = 0

    async def runs(self) -> tuple[Run, ...]:
        """The cache, in any order, some of it twice."""
        chance = random.Random(self.seed)  # noqa: S311 -- an order, not a secret
        listed = [run for run in self.cache.values() for _ in range(chance.choice([1, 1, 2]))]
        chance.shuffle(listed)
        return tuple(listed)

    def hindrances(self) -> tuple[Hindrance, ...]:
        """Nothing is in the way."""
        return ()

    async def start(self, start: Start, item: Item) -> None:
        """Begin a process, unless this one exists."""
        assert item.index == start.index
        if (start.index, start.number) in self.truth:
            return
        if self.crash_after is not None:
            if self.crash_after == 0:
                raise CrashError
            self.crash_after -= 1
        run = Run(start.index, start.number, start.attempts, start.rung, start.disruptions, started_at=self.now)
        self.truth[start.index, start.number] = run
        self.started[start.index].append(start)

    async def stop(self, index: int, number: int) -> None:
        """It will end, some time."""
        self.stopping.add((index, number))

    async def forget(self, run: Run, *, final: bool) -> None:
        """Its end is recorded."""
        del final
        self.truth.pop((run.index, run.number), None)

    def sync(self) -> None:
        """Everything that happened is seen."""
        self.cache = dict(self.truth)

    def live(self) -> list[Key]:
        """Processes that run, seen or not."""
        return sorted(key for key, run in self.truth.items() if run.ended is None)

    def end(self, key: Key, reason: Reason | None) -> None:
        """A process ends; one that was asked to says nothing else."""
        asked = key in self.stopping and reason is not None
        ended = Ended(143, None, on_request=True) if asked else ended_by(reason, receipt=success() if reason is None else None)
        self.truth[key] = replace(self.truth[key], ended=ended, ended_at=self.now)


def success() -> Receipt:
    """Every success looks the same, so that sums tell how often each was counted."""
    return a_receipt(seconds=60.0, media=600.0, segments=12)


@dataclass
class TextKeeper:
    """A status as an API server keeps it: as text, and not always willing."""

    text: str | None = None
    conflict: bool = False

    def read(self) -> IngestBatchStatus | None:
        """What was accepted last."""
        return None if self.text is None else IngestBatchStatus.model_validate_json(self.text)

    async def write(self, status: IngestBatchStatus) -> None:
        """Accept, or refuse once."""
        if self.conflict:
            raise ConflictError
        self.text = status.to_json()


@dataclass
class SimulatedOperator:
    """Looks at a batch again and again. It remembers nothing: each look begins with the last accepted status, as after a restart."""

    count: int
    cluster: SimulatedCluster = field(default_factory=SimulatedCluster)
    keeper: TextKeeper = field(default_factory=TextKeeper)
    spec: dict[str, object] = field(default_factory=dict)
    known: set[Key] = field(default_factory=set)
    """Runs that an accepted status has seen."""

    def look(self) -> None:
        """One reconcile. Crashes and conflicts end it where they hit it."""
        plan = PlanStatus(sources=1, items=self.count, media_seconds=600 * self.count)
        batch = Planned(a_spec(**self.spec), 1, TRACE, items(self.count), plan)
        seen = set(self.cluster.cache)
        try:
            asyncio.run(reconcile(batch, self.cluster, self.keeper, self.cluster.now))
        except ConflictError:
            return
        except CrashError:
            pass
        finally:
            self.keeper.conflict, self.cluster.crash_after = False, None
        self.known |= seen

    @property
    def status(self) -> IngestBatchStatus:
        """The last accepted one."""
        return self.keeper.read() or IngestBatchStatus()
