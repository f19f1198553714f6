"""The Ledger: all that is remembered about a batch's recordings between two reconciles. Frozen; restored from
the status and from nothing else. Pure.

Memory alone may know nothing: `restore(render(ledger))` gives the ledger back (a property test), so an
operator that is killed at any point goes on where it was.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from ingest_contract.failures import Reason
from ingest_contract.intervals import decode
from ingest_contract.obstacles import NodeStatus
from ingest_contract.recording_status import RecordingState, RecordingStatus
from ingest_contract.stages import Stage
from ingest_contract.status import RTF_BUCKETS, IngestBatchStatus
from ingest_operator.core.timestamps import from_rfc3339
from ingest_operator.core.totals import Totals, totals_of

WINDOW_OUTCOMES: Final = 10
"""How many of the last outcomes the breaker considers."""


@dataclass(frozen=True, slots=True)
class OpenItem:
    """A recording that has had a run and is not final: running, or waiting between two runs."""

    number: int
    charged_attempts: int
    rung: int
    disruptions: int
    running: bool
    not_before: float
    """Epoch seconds. For a running recording, when its run started, or 0 where recordings that started later
    have the rows."""
    reason: Reason | None = None
    message: str = ""
    stage: Stage | None = None


@dataclass(frozen=True, slots=True)
class Suspect:
    """A node on which runs ended for reasons of its own, with no success since."""

    reason: Reason
    """Reason of the last of them."""
    runs: int
    first: int
    """The recording that met it first."""
    others: bool
    avoided: bool
    times: int
    until: float
    """Epoch seconds until which it is avoided, or remembered. The other fields are as in `NodeStatus`."""


@dataclass(frozen=True, slots=True)
class Open:
    """An open breaker."""

    reason: Reason
    until: float
    opened: int
    message: str


def _nothing() -> Mapping[Any, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Ledger:
    """What is remembered."""

    open_items: Mapping[int, OpenItem] = field(default_factory=dict)
    succeeded: frozenset[int] = frozenset()
    skipped: frozenset[int] = frozenset()
    failed: frozenset[int] = frozenset()
    runs: Mapping[int, int] = field(default_factory=_nothing)
    """Highest run number used by each failed recording, so that no later run reuses that number or a lower
    one, with `retryFailed` or without."""
    rows: tuple[RecordingStatus, ...] = ()
    """Details of finished recordings, for people only: failed ones, then the others, newest first; as many as
    the rows of `open_item` leave."""
    failures: Mapping[Reason, int] = field(default_factory=_nothing)
    skips: Mapping[Reason, int] = field(default_factory=_nothing)
    totals: Totals = field(default_factory=Totals)
    histogram: tuple[int, ...] = (0,) * (len(RTF_BUCKETS) + 1)
    active: float = 0.0
    active_until: float = 0.0
    recent: tuple[str, ...] = ()
    breaker: Open | None = None
    learned_rung: int = 0
    nodes: Mapping[str, Suspect] = field(default_factory=_nothing)
    """Suspect nodes by name; `nodes.py` decides what follows from them."""
    retry_failed: str = ""

    @property
    def final(self) -> frozenset[int]:
        """Recordings that have reached their final state."""
        return self.succeeded | self.skipped | self.failed

    @property
    def running(self) -> tuple[int, ...]:
        """Recordings with a live run, by index."""
        return tuple(sorted(index for index, item in self.open_items.items() if item.running))

    @property
    def waiting(self) -> tuple[int, ...]:
        """Recordings between two runs, by index."""
        return tuple(sorted(index for index, item in self.open_items.items() if not item.running))

    def with_open_item(self, index: int, item: OpenItem | None) -> "Ledger":
        """The ledger with the open state of one recording replaced, or removed."""
        others = {key: value for key, value in self.open_items.items() if key != index}
        return replace(self, open_items=others if item is None else others | {index: item})


def restore(status: IngestBatchStatus | None) -> Ledger:
    """The ledger that a status was made from."""
    if status is None:
        return Ledger()
    breaker = status.breaker
    succeeded, skipped = decode(status.final_recordings.succeeded), decode(status.final_recordings.skipped)
    return Ledger(
        open_items=_under_way(status),
        succeeded=succeeded,
        skipped=skipped,
        failed=decode(status.final_recordings.failed),
        runs={
            index: group.run for group in status.runs for index in decode(group.indexes) - succeeded - skipped
        },
        rows=tuple(
            row
            for row in status.recordings
            if row.state not in (RecordingState.RUNNING, RecordingState.WAITING)
        ),
        failures={Reason(entry.reason): entry.count for entry in status.failures},
        skips={Reason(entry.reason): entry.count for entry in status.skips},
        totals=totals_of(status.sums),
        histogram=status.rtf.histogram if status.rtf else Ledger().histogram,
        active=float(status.active_seconds),
        active_until=from_rfc3339(status.active_until) if status.active_until else 0.0,
        recent=status.recent,
        breaker=Open(breaker.reason, from_rfc3339(breaker.until), breaker.opened, breaker.message)
        if breaker
        else None,
        learned_rung=status.learned_rung or 0,
        nodes={each.name: _suspect(each) for each in status.nodes},
        retry_failed=status.retry_failed,
    )


def within(ledger: Ledger, total: int) -> Ledger:
    """The ledger without what a batch of `total` recordings cannot have: an index beyond it, or one recording
    in two places.

    The status says such things only if someone else has written it. What is doubtful is done again, which
    costs a run; a wrong belief would lose a recording.
    """
    succeeded = frozenset(index for index in ledger.succeeded if index < total)
    skipped = frozenset(index for index in ledger.skipped - succeeded if index < total)
    failed = frozenset(index for index in ledger.failed - succeeded - skipped if index < total)
    final = succeeded | skipped | failed
    open_item = {
        index: item for index, item in ledger.open_items.items() if index < total and index not in final
    }
    return replace(ledger, open_items=open_item, succeeded=succeeded, skipped=skipped, failed=failed)


def _under_way(status: IngestBatchStatus) -> Mapping[int, OpenItem]:
    rows = {
        row.index: _open_item(row)
        for row in status.recordings
        if row.state in (RecordingState.RUNNING, RecordingState.WAITING)
    }
    for group in status.running:
        item = OpenItem(
            group.run,
            group.charged_attempts,
            group.rung or 0,
            group.disruptions or 0,
            running=True,
            not_before=0.0,
        )
        rows |= dict.fromkeys(decode(group.indexes), item)
    return rows


def _open_item(row: RecordingStatus) -> OpenItem:
    return OpenItem(
        number=row.run,
        charged_attempts=row.charged_attempts,
        rung=row.rung or 0,
        disruptions=row.disruptions or 0,
        running=row.state is RecordingState.RUNNING,
        not_before=from_rfc3339(row.not_before) if row.not_before else 0.0,
        reason=row.reason,
        message=row.message or "",
        stage=row.stage,
    )


def _suspect(node: NodeStatus) -> Suspect:
    return Suspect(
        node.reason, node.runs, node.index, node.others, node.avoided, node.times, from_rfc3339(node.until)
    )
