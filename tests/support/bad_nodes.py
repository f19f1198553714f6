"""A simulated cluster of nodes with GPUs, some of them bad, and a scheduler that sends work where there is
most room: to those that fail fast. No clock runs; recordings are numbers.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from math import inf

from ingest_contract.conditions import ConditionStatus, ConditionType
from ingest_contract.failures import Reason
from ingest_contract.order import Item
from ingest_contract.status import IngestBatchStatus
from ingest_operator.core.actions import Start
from ingest_operator.core.ledger import Ledger
from ingest_operator.core.outcome import Ended, Observation, Run
from ingest_operator.reconcile import reconcile
from testkit.objects.builders import NOW, a_planned_batch, ended_by
from tests.support.simulated_operator import TextStatusStore

Key = tuple[int, int]
GPUS = 2
"""Of each node."""
LOOKS_APART = 5.0
"""Seconds between two looks:
a batch of which something ends all the time is looked at every three at most."""
RESYNC = 30.0
"""Seconds between two looks while nothing happens."""


class Kind(StrEnum):
    """What a node does to what it is given."""

    GOOD = "good"
    REJECTING = "rejecting"
    BROKEN_GPU = "broken GPU"
    SILENT = "silent"
    REBOOTING = "rebooting"
    PREEMPTING = "preempting"


ENDS: Mapping[Kind, tuple[float, Reason]] = {
    Kind.REJECTING: (0.0, Reason.NODE_REJECTED),
    Kind.BROKEN_GPU: (6.0, Reason.GPU_BROKEN),
    Kind.SILENT: (
        630.0,
        Reason.NODE_LOST,
    ),  # 300 s until it is tainted, 30 of grace, 300 until its slot is given away
    Kind.REBOOTING: (25.0, Reason.NODE_RESTARTED),
    Kind.PREEMPTING: (3.0, Reason.PREEMPTED),
}
"""After how many seconds, and how."""


@dataclass
class NodeCluster:
    """Behind the `Cluster` protocol."""

    nodes: Mapping[str, Kind]
    now: float = NOW
    runs: dict[Key, Run] = field(default_factory=dict)
    due: dict[Key, tuple[float, Ended]] = field(default_factory=dict)
    """When and how what has a place will end."""
    ended: Counter[str] = field(default_factory=Counter)
    """Runs by how they ended."""
    mended_at: float = inf
    """When every node is good."""
    chance: random.Random = field(default_factory=lambda: random.Random(7))  # noqa: S311 -- lengths, not secrets

    async def observe(self, ledger: Ledger) -> Observation:
        """All runs that are not forgotten; nothing else is in the way."""
        del ledger
        return Observation(tuple(self.runs.values()))

    async def start(self, start: Start, item: Item, *others: Item) -> None:
        """It waits for a node."""
        del item, others
        run = Run(
            start.index,
            start.number,
            start.charged_attempts,
            start.rung,
            start.disruptions,
            started_at=self.now,
        )
        self.runs.setdefault(
            (start.index, start.number), replace(run, unplaced_since=self.now, avoids=start.avoid)
        )

    async def stop(self, index: int, number: int) -> None:
        """It ends at once."""
        self._end((index, number), Ended(None, None, on_request=True))

    async def forget(self, run: Run, *, final: bool) -> None:
        """Gone."""
        del final
        self.runs.pop((run.index, run.number), None)

    def pass_time(self) -> None:
        """Until the next look: what is due ends, and what waits takes its place."""
        due = min((at for at, _ in self.due.values()), default=inf)
        self.now += LOOKS_APART if due <= self.now + RESYNC else RESYNC
        for key, (at, ended) in sorted(self.due.items(), key=lambda entry: entry[1][0]):
            if at <= self.now:
                self._end(key, ended)
        self._place()

    def _place(self) -> None:
        held = Counter(run.node for run in self.runs.values() if run.ended is None)
        for key, run in list(self.runs.items()):
            if run.ended is not None or run.node is not None:
                continue
            fits = [name for name in self.nodes if held[name] < GPUS and name not in run.avoids]
            if fits:
                node = min(fits, key=lambda name: (held[name], name))
                held[node] += 1
                self.runs[key] = replace(run, node=node, unplaced_since=None)
                kind = self.nodes[node] if self.now < self.mended_at else Kind.GOOD
                seconds, reason = ENDS.get(kind, (self.chance.uniform(40, 80), None))
                self.due[key] = (self.now + seconds, ended_by(reason))

    def _end(self, key: Key, ended: Ended) -> None:
        self.due.pop(key, None)
        run = self.runs.get(key)
        if run is not None and run.ended is None:
            self.runs[key] = replace(run, ended=ended, ended_at=self.now, unplaced_since=None)
            self.ended["Succeeded" if ended.exit_code == 0 else "wasted"] += 1


@dataclass
class Outcome:
    """What a batch came to."""

    status: IngestBatchStatus
    ended: Counter[str]
    named: set[str]
    """Nodes that its condition named at some time."""
    seconds: float

    @property
    def wasted(self) -> float:
        """Of all runs, the share that brought nothing."""
        return self.ended["wasted"] / self.ended.total()


def played(
    nodes: Mapping[str, Kind], recordings: int, parallelism: int, mended_after: float = inf, **spec: object
) -> Outcome:
    """A batch from its first look to its end, however long that takes: at most a week."""
    cluster, statuses, named = NodeCluster(nodes, mended_at=NOW + mended_after), TextStatusStore(), set[str]()
    batch = a_planned_batch(recordings, parallelism=parallelism, **spec)
    while True:
        decision = asyncio.run(reconcile(batch, cluster, statuses, cluster.now))
        status = decision.status
        named |= _named(status)
        if status.state.startswith("Complete"):
            return Outcome(status, cluster.ended, named, cluster.now - NOW)
        assert cluster.now < NOW + 7 * 24 * 3600, f"it never ends: {status.state}, {decision.ledger.nodes}"
        cluster.pass_time()


def _named(status: IngestBatchStatus) -> set[str]:
    """The nodes that the condition names. Cut messages count for what they show."""
    told = [
        each.message
        for each in status.conditions
        if each.type is ConditionType.NODES_AVOIDED and each.status is ConditionStatus.TRUE
    ]
    return {part.split(" ")[0] for message in told for part in message.split("; ")}
