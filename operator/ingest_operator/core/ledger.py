"""The Ledger: all that is remembered about a batch's items between two looks. Frozen; restored from the
status and from nothing else. Pure.

Nothing here may be known to memory alone: `restore(render(ledger))` gives the ledger back (a property test),
so an operator that is killed at any point goes on where it was.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from ingest_contract.failures import Reason
from ingest_contract.intervals import decode
from ingest_contract.obstacles import NodeStatus
from ingest_contract.stages import Stage
from ingest_contract.status import RTF_BUCKETS, IngestBatchStatus, ItemState, VideoStatus
from ingest_operator.core.timestamps import as_seconds

WINDOW: Final = 10
"""Outcomes that the stall detector looks back on."""


@dataclass(frozen=True, slots=True)
class Trying:
    """An item that has been tried and is not final: running, or between tries."""

    number: int
    attempts: int
    rung: int
    disruptions: int
    running: bool
    not_before: float
    """Epoch seconds; of a running item, when its process started, or 0 where others have started since and
    have the rows."""
    reason: Reason | None = None
    message: str = ""
    stage: Stage | None = None


@dataclass(frozen=True, slots=True)
class Suspect:
    """A node on which runs ended for reasons of its own, and none has gone well since."""

    reason: Reason
    """Of the last of them."""
    runs: int
    first: int
    """The item that met it first."""
    others: bool
    avoided: bool
    times: int
    until: float
    """Epoch seconds until which it is avoided, or remembered. The others are as in `NodeStatus`."""


@dataclass(frozen=True, slots=True)
class Open:
    """An open breaker."""

    reason: Reason
    until: float
    opened: int
    message: str


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums in seconds and counts: over the succeeded items, and from `queued` on over every process that
    ended."""

    media: float = 0.0
    processing: float = 0.0
    overhead: float = 0.0
    speech: float = 0.0
    voiced: float = 0.0
    dropped: float = 0.0
    wordless: float = 0.0
    cut_words: int = 0
    segments: int = 0
    vectors: int = 0
    stages: Mapping[Stage, float] = field(default_factory=dict)
    queued: float = 0.0
    starting: float = 0.0
    pulling: float = 0.0
    gpu: float = 0.0


def _nothing() -> Mapping[Any, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Ledger:
    """What is remembered."""

    trying: Mapping[int, Trying] = field(default_factory=dict)
    succeeded: frozenset[int] = frozenset()
    skipped: frozenset[int] = frozenset()
    failed: frozenset[int] = frozenset()
    tries: Mapping[int, int] = field(default_factory=_nothing)
    """Processes of items that failed, `retryFailed` or not: no later process of theirs may have such a
    number, or a lower one."""
    rows: tuple[VideoStatus, ...] = ()
    """Particulars of finished items, for people only: failed ones, then the others, newest first; as many as
    the rows of `trying` leave."""
    failures: Mapping[Reason, int] = field(default_factory=_nothing)
    skips: Mapping[Reason, int] = field(default_factory=_nothing)
    totals: Totals = Totals()
    histogram: tuple[int, ...] = (0,) * (len(RTF_BUCKETS) + 1)
    active: float = 0.0
    active_until: float = 0.0
    recent: tuple[str, ...] = ()
    breaker: Open | None = None
    learned_rung: int = 0
    nodes: Mapping[str, Suspect] = field(default_factory=_nothing)
    """Suspect nodes by name; `nodes.py` says what follows from them."""
    retry_failed: str = ""

    @property
    def final(self) -> frozenset[int]:
        """Items that nothing more happens to."""
        return self.succeeded | self.skipped | self.failed

    @property
    def running(self) -> tuple[int, ...]:
        """Items with a live process, by index."""
        return tuple(sorted(index for index, item in self.trying.items() if item.running))

    @property
    def waiting(self) -> tuple[int, ...]:
        """Items between tries, by index."""
        return tuple(sorted(index for index, item in self.trying.items() if not item.running))

    def with_trying(self, index: int, item: Trying | None) -> "Ledger":
        """The ledger with one item's tries replaced, or forgotten."""
        others = {key: value for key, value in self.trying.items() if key != index}
        return replace(self, trying=others if item is None else others | {index: item})


def restore(status: IngestBatchStatus | None) -> Ledger:
    """The ledger that a status was made from."""
    if status is None:
        return Ledger()
    breaker = status.breaker
    succeeded, skipped = decode(status.items.succeeded), decode(status.items.skipped)
    return Ledger(
        trying=_under_way(status),
        succeeded=succeeded,
        skipped=skipped,
        failed=decode(status.items.failed),
        tries={
            index: group.number
            for group in status.tries
            for index in decode(group.indexes) - succeeded - skipped
        },
        rows=tuple(row for row in status.videos if row.state not in (ItemState.RUNNING, ItemState.WAITING)),
        failures={Reason(entry.reason): entry.count for entry in status.failures},
        skips={Reason(entry.reason): entry.count for entry in status.skips},
        totals=_totals(status),
        histogram=status.rtf.histogram if status.rtf else Ledger().histogram,
        active=float(status.active_seconds),
        active_until=as_seconds(status.active_until) if status.active_until else 0.0,
        recent=status.recent,
        breaker=Open(breaker.reason, as_seconds(breaker.until), breaker.opened, breaker.message)
        if breaker
        else None,
        learned_rung=status.learned_rung or 0,
        nodes={each.name: _suspect(each) for each in status.nodes},
        retry_failed=status.retry_failed,
    )


def within(ledger: Ledger, total: int) -> Ledger:
    """The ledger without what a batch of `total` recordings cannot have: others, or one recording at two
    places.

    The status says so only if somebody else has written it. What is doubtful is done again, which costs a
    run; what was believed wrongly would be lost.
    """
    succeeded = frozenset(index for index in ledger.succeeded if index < total)
    skipped = frozenset(index for index in ledger.skipped - succeeded if index < total)
    failed = frozenset(index for index in ledger.failed - succeeded - skipped if index < total)
    final = succeeded | skipped | failed
    trying = {index: item for index, item in ledger.trying.items() if index < total and index not in final}
    return replace(ledger, trying=trying, succeeded=succeeded, skipped=skipped, failed=failed)


def _under_way(status: IngestBatchStatus) -> Mapping[int, Trying]:
    rows = {
        row.index: _trying(row)
        for row in status.videos
        if row.state in (ItemState.RUNNING, ItemState.WAITING)
    }
    for group in status.running:
        item = Trying(
            group.number,
            group.attempts,
            group.rung or 0,
            group.disruptions or 0,
            running=True,
            not_before=0.0,
        )
        rows |= dict.fromkeys(decode(group.indexes), item)
    return rows


def _trying(row: VideoStatus) -> Trying:
    return Trying(
        number=row.number,
        attempts=row.attempts,
        rung=row.rung or 0,
        disruptions=row.disruptions or 0,
        running=row.state is ItemState.RUNNING,
        not_before=as_seconds(row.not_before) if row.not_before else 0.0,
        reason=row.reason,
        message=row.message or "",
        stage=row.stage,
    )


def _suspect(node: NodeStatus) -> Suspect:
    return Suspect(
        node.reason, node.runs, node.index, node.others, node.avoided, node.times, as_seconds(node.until)
    )


def _totals(status: IngestBatchStatus) -> Totals:
    sums = status.sums
    return Totals(
        media=float(sums.media_seconds),
        processing=float(sums.processing_seconds),
        overhead=float(sums.overhead_seconds),
        speech=float(sums.speech_seconds),
        voiced=float(sums.voiced_seconds),
        dropped=float(sums.dropped_seconds),
        wordless=float(sums.wordless_seconds),
        cut_words=sums.cut_words,
        segments=sums.segments,
        vectors=sums.vectors,
        stages={entry.stage: float(entry.seconds) for entry in sums.stages},
        queued=float(sums.queued_seconds),
        starting=float(sums.starting_seconds),
        pulling=float(sums.pulling_seconds),
        gpu=float(sums.gpu_seconds),
    )
