"""The Ledger: all that is remembered about a batch's recordings between two reconciles. Frozen; restored from
the status and from nothing else. Pure.

Memory alone may know nothing: `restore(render(ledger))` gives the ledger back (a property test), so an
operator that is killed at any point goes on where it was.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import chain, repeat
from types import MappingProxyType
from typing import Any, Final

from ingest_contract.failures import Reason
from ingest_contract.groups import FetchStatus
from ingest_contract.intervals import decode
from ingest_contract.obstacles import Breaker, NodeStatus
from ingest_contract.recording_status import RecordingState, RecordingStatus
from ingest_contract.stages import Stage
from ingest_contract.status import RTF_BUCKETS, IngestBatchStatus
from ingest_operator.core.failed import ByReason, of_entries, only
from ingest_operator.core.phases import Phase
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
    phase: Phase = Phase.INGEST
    """Of the live run."""
    cached_mib: int | None = None
    """Size of its audio in the cache, 0 if unknown; None if it is not fetched."""

    @property
    def is_fetched(self) -> bool:
        """Whether it waits for a slot, with its audio in the cache and nothing else to remember."""
        waits = self.running or self.reason is not None or self.not_before > 0
        return self.cached_mib is not None and not waits


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


_OPEN_STATES: Final = (RecordingState.FETCHING, RecordingState.RUNNING, RecordingState.WAITING)


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
    failures: ByReason = field(default_factory=_nothing)
    skips: Mapping[Reason, int] = field(default_factory=_nothing)
    totals: Totals = field(default_factory=Totals)
    histogram: tuple[int, ...] = (0,) * (len(RTF_BUCKETS) + 1)
    active: float = 0.0
    active_until: float = 0.0
    recent: tuple[str, ...] = ()
    breaker: Open | None = None
    fetch_recent: tuple[str, ...] = ()
    """Outcomes of fetches, and below their own breaker: they say nothing about ingesting."""
    fetch_breaker: Open | None = None
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
        """Recordings between two runs, by index, those left out that wait for nothing but a slot."""
        return tuple(
            sorted(
                index for index, item in self.open_items.items() if not item.running and not item.is_fetched
            )
        )

    @property
    def fetched(self) -> tuple[int, ...]:
        """Recordings that are fetched and wait for a slot, by index."""
        return tuple(sorted(index for index, item in self.open_items.items() if item.is_fetched))

    @property
    def cached(self) -> Mapping[int, int]:
        """Recordings whose audio lies in the cache, running ones too: their sizes in MiB, 0 if unknown."""
        items = self.open_items.items()
        return {index: item.cached_mib for index, item in items if item.cached_mib is not None}

    def has_audio(self, index: int) -> bool:
        """Whether the audio of a recording lies in the cache."""
        item = self.open_items.get(index)
        return item is not None and item.cached_mib is not None

    def running_in(self, phase: Phase) -> tuple[int, ...]:
        """Recordings with a live run of one phase, by index."""
        return tuple(index for index in self.running if self.open_items[index].phase is phase)

    @property
    def breakers(self) -> tuple[Open, ...]:
        """Those that are open, the one of ingesting first."""
        return tuple(each for each in (self.breaker, self.fetch_breaker) if each is not None)

    def breaker_of(self, phase: Phase) -> Open | None:
        """The breaker of one phase, if it is open."""
        return self.fetch_breaker if phase is Phase.FETCH else self.breaker

    def outcomes_of(self, phase: Phase) -> tuple[str, ...]:
        """The last outcomes of one phase."""
        return self.fetch_recent if phase is Phase.FETCH else self.recent

    def with_gate(self, phase: Phase, recent: tuple[str, ...], breaker: Open | None) -> "Ledger":
        """The ledger with the last outcomes and the breaker of one phase replaced."""
        if phase is Phase.FETCH:
            return replace(self, fetch_recent=recent, fetch_breaker=breaker)
        return replace(self, recent=recent, breaker=breaker)

    def with_open_item(self, index: int, item: OpenItem | None) -> "Ledger":
        """The ledger with the open state of one recording replaced, or removed."""
        others = {key: value for key, value in self.open_items.items() if key != index}
        return replace(self, open_items=others if item is None else others | {index: item})


def restore(status: IngestBatchStatus | None) -> Ledger:
    """The ledger that a status was made from."""
    if status is None:
        return Ledger()
    fetch = status.fetch or FetchStatus()
    succeeded, skipped = decode(status.final_recordings.succeeded), decode(status.final_recordings.skipped)
    failed = decode(status.final_recordings.failed)
    return Ledger(
        open_items=_under_way(status),
        succeeded=succeeded,
        skipped=skipped,
        failed=failed,
        runs={
            index: group.run for group in status.runs for index in decode(group.indexes) - succeeded - skipped
        },
        rows=tuple(row for row in status.recordings if row.state not in _OPEN_STATES),
        failures=of_entries(status.failures, failed),
        skips={Reason(entry.reason): entry.count for entry in status.skips},
        totals=totals_of(status.sums),
        histogram=status.rtf.histogram if status.rtf else Ledger().histogram,
        active=float(status.active_seconds),
        active_until=from_rfc3339(status.active_until) if status.active_until else 0.0,
        recent=status.recent,
        breaker=_open(status.breaker),
        fetch_recent=fetch.recent,
        fetch_breaker=_open(fetch.breaker),
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
    places = replace(ledger, open_items=open_item, succeeded=succeeded, skipped=skipped, failed=failed)
    return replace(places, failures=only(ledger.failures, failed))


def _under_way(status: IngestBatchStatus) -> Mapping[int, OpenItem]:
    rows = {row.index: _open_item(row) for row in status.recordings if row.state in _OPEN_STATES}
    for group in status.running:
        item = OpenItem(
            group.run,
            group.charged_attempts,
            group.rung or 0,
            group.disruptions or 0,
            running=True,
            not_before=0.0,
            phase=Phase.FETCH if group.fetching else Phase.INGEST,
            cached_mib=0 if group.cached else None,
        )
        rows |= dict.fromkeys(decode(group.indexes), item)
    return rows | _fetched(status.fetch)


def _fetched(fetch: FetchStatus | None) -> dict[int, OpenItem]:
    """Those that wait in the cache. A list of sizes that is too short was written by someone else: what it
    lacks is unknown."""
    found: dict[int, OpenItem] = {}
    for group in fetch.fetched if fetch else ():
        sizes = chain(group.mib, repeat(0))
        for index, mib in zip(sorted(decode(group.indexes)), sizes, strict=False):
            found[index] = OpenItem(
                group.run,
                group.charged_attempts,
                group.rung or 0,
                group.disruptions or 0,
                running=False,
                not_before=0.0,
                cached_mib=mib,
            )
    return found


def _open(breaker: Breaker | None) -> Open | None:
    if breaker is None:
        return None
    return Open(breaker.reason, from_rfc3339(breaker.until), breaker.opened, breaker.message)


def _open_item(row: RecordingStatus) -> OpenItem:
    return OpenItem(
        number=row.run,
        charged_attempts=row.charged_attempts,
        rung=row.rung or 0,
        disruptions=row.disruptions or 0,
        running=row.state is not RecordingState.WAITING,
        not_before=from_rfc3339(row.not_before) if row.not_before else 0.0,
        reason=row.reason,
        message=row.message or "",
        stage=row.stage,
        phase=Phase.FETCH if row.state is RecordingState.FETCHING else Phase.INGEST,
        cached_mib=row.cached_mib,
    )


def _suspect(node: NodeStatus) -> Suspect:
    return Suspect(
        node.reason, node.runs, node.index, node.others, node.avoided, node.times, from_rfc3339(node.until)
    )
