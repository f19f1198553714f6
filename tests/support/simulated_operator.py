"""An operator that remembers nothing: each of its looks begins with the status that was accepted last, as
after a restart."""

import asyncio
from copy import deepcopy
from dataclasses import dataclass, field, replace

from ingest_contract.status import IngestBatchStatus
from ingest_operator.core.batch import Batch
from ingest_operator.core.decide import Previous, decide
from ingest_operator.core.ledger import Ledger
from ingest_operator.core.outcome import Observation
from ingest_operator.core.phases import Ahead
from ingest_operator.reconcile import reconcile
from testkit.objects.builders import a_planned_batch
from tests.support.simulation import CrashError, Key, SimulatedCluster, Writes


class ConflictError(Exception):
    """Somebody else wrote the object first."""


@dataclass
class TextStatusStore:
    """A status as an API server keeps it: as text, and not always willing."""

    text: str | None = None
    conflict: bool = False
    writes: Writes = field(default_factory=Writes)
    accepted: bool = True
    """Whether the last status was."""

    def read(self) -> IngestBatchStatus | None:
        """What was accepted last."""
        return None if self.text is None else IngestBatchStatus.model_validate_json(self.text)

    async def write(self, status: IngestBatchStatus) -> int:
        """Accept, or refuse once."""
        self.accepted = False
        if self.conflict:
            raise ConflictError
        with self.writes.one("status"):
            self.text, self.accepted = status.to_json(), True
        return len(self.text)


@dataclass
class SimulatedOperator:
    """Looks at a batch again and again."""

    count: int
    """Recordings planned so far."""
    cluster: SimulatedCluster = field(default_factory=SimulatedCluster)
    statuses: TextStatusStore = field(default_factory=TextStatusStore)
    spec: dict[str, object] = field(default_factory=dict)
    ahead: Ahead | None = None
    setup_fixed: bool = False
    """Whether somebody says so at the next look."""
    known: set[Key] = field(default_factory=set)
    """Runs that an accepted status has seen."""

    def __post_init__(self) -> None:
        self.statuses.writes = self.cluster.writes

    def look(self) -> bool:
        """One reconcile, as far as it comes; whether its status stands."""
        seen, self.statuses.accepted = set(self.cluster.cache), True
        try:
            asyncio.run(reconcile(self._batch, self.cluster, self.statuses, self.cluster.now))
        except CrashError:
            self.cluster.refused.clear()
        except ConflictError:
            pass
        finally:
            self.statuses.conflict, self.setup_fixed = False, False
            self.cluster.writes.restart()
        if self.statuses.accepted:
            self.known |= seen
        return self.statuses.accepted

    @property
    def status(self) -> IngestBatchStatus:
        """The last accepted one."""
        return self.statuses.read() or IngestBatchStatus()

    def thinks(self) -> Ledger:
        """What a look now would hold in memory, before a status carries it."""
        previous = Previous.of(self._batch, self.statuses.read())
        return decide(
            self._batch, previous, Observation(tuple(self.cluster.cache.values())), self.cluster.now
        ).ledger

    def would(self, seed: int) -> tuple[str | None, list[str]]:
        """(the status, the writes in alphabetical order) of a fresh operator that looks now at the same API.
        Nothing is changed."""
        twin = deepcopy(self)
        twin.cluster.seed, twin.statuses.conflict = seed, False
        twin.cluster.writes.log, twin.cluster.writes.dies_at = [], None
        twin.look()
        return twin.statuses.text, sorted(twin.cluster.writes.log)

    @property
    def _batch(self) -> Batch:
        batch = a_planned_batch(self.count, setup_fixed=self.setup_fixed, **self.spec)
        return replace(batch, ahead=self.ahead)
