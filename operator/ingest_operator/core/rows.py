"""The rows of a status: which recordings are shown one by one, and which of their fields. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate, takewhile
from typing import Final

from ingest_contract.base import ContractModel
from ingest_contract.groups import FetchedRecordings, RunningRecordings
from ingest_contract.intervals import encode
from ingest_contract.obstacles import NodeStatus
from ingest_contract.order import Item
from ingest_contract.progress import Progress
from ingest_contract.recording_status import RecordingState, RecordingStatus
from ingest_contract.status import MAX_ROWS, MAX_RUNNING_ROWS
from ingest_operator.core.ledger import Ledger, OpenItem
from ingest_operator.core.phases import Phase
from ingest_operator.core.timestamps import to_rfc3339

ROOM_BYTES: Final = 79_000
"""Bytes for rows and the intervals of final recordings, so that a status stays below 100 kB: finished rows,
which are for people only, are dropped first."""

RECENT_ROWS: Final = 20
"""Rows of recordings that ended well, once more recordings are final than there are rows."""


def rows_of(
    items: Sequence[Item], ledger: Ledger, progress: Mapping[int, Progress]
) -> tuple[RecordingStatus, ...]:
    """Running recordings that started last, all that wait (their runs are recorded nowhere else), then failed
    ones, then the most recent."""
    running = [
        _open_row(items[index], ledger.open_items[index], progress.get(index))
        for index in sorted(_with_rows(ledger))
    ]
    waiting = [_open_row(items[index], ledger.open_items[index], None) for index in ledger.waiting]
    shown = running + waiting
    finished = ledger.rows[: MAX_ROWS - len(shown)]
    intervals = (ledger.succeeded, ledger.skipped, ledger.failed)
    room = (
        ROOM_BYTES
        - sum(map(_size, (*shown, *groups_of(ledger), *fetched_of(ledger), *nodes_of(ledger))))
        - sum(len(encode(indexes)) for indexes in intervals)
    )
    fitting = takewhile(lambda size: size <= room, accumulate(map(_size, finished)))
    return (*shown, *finished[: len(list(fitting))])


def groups_of(ledger: Ledger) -> tuple[RunningRecordings, ...]:
    """The running recordings that have no row, grouped by what must be remembered of them."""
    groups: dict[tuple[tuple[int, int, int, int], bool, bool], list[int]] = {}
    for index in sorted({*ledger.running} - _with_rows(ledger)):
        item = ledger.open_items[index]
        kind = (_budget(item), item.phase is Phase.FETCH, item.cached_mib is not None)
        groups.setdefault(kind, []).append(index)
    return tuple(
        RunningRecordings(
            run=number,
            charged_attempts=charged_attempts,
            rung=rung or None,
            disruptions=disruptions or None,
            fetching=fetching or None,
            cached=cached or None,
            indexes=encode(indexes),
        )
        for ((number, charged_attempts, rung, disruptions), fetching, cached), indexes in sorted(
            groups.items()
        )
    )


def fetched_of(ledger: Ledger) -> tuple[FetchedRecordings, ...]:
    """The recordings that wait in the cache, grouped by what must be remembered of them."""
    groups: dict[tuple[int, int, int, int], list[int]] = {}
    for index in ledger.fetched:
        groups.setdefault(_budget(ledger.open_items[index]), []).append(index)
    return tuple(
        FetchedRecordings(
            run=number,
            charged_attempts=charged_attempts,
            rung=rung or None,
            disruptions=disruptions or None,
            indexes=encode(indexes),
            mib=tuple(ledger.open_items[index].cached_mib or 0 for index in indexes),
        )
        for (number, charged_attempts, rung, disruptions), indexes in sorted(groups.items())
    )


def _budget(item: OpenItem) -> tuple[int, int, int, int]:
    return item.number, item.charged_attempts, item.rung, item.disruptions


def nodes_of(ledger: Ledger) -> tuple[NodeStatus, ...]:
    """The suspect nodes, by name."""
    return tuple(
        NodeStatus(
            name=name, reason=node.reason, runs=node.runs, index=node.first, others=node.others,
            avoided=node.avoided, times=node.times, until=to_rfc3339(node.until),
        )
        for name, node in sorted(ledger.nodes.items())
    )  # fmt: skip


def as_rows_allow(ledger: Ledger) -> Ledger:
    """The ledger as the rows can hold it: running recordings without a row keep what groups can say, and the
    oldest finished rows are dropped.

    The recordings that started last have the rows, so that a probe, which starts after everything else, is
    always known as one.
    """
    shown = _with_rows(ledger)
    grouped = {index: _in_a_group(ledger.open_items[index]) for index in ledger.running if index not in shown}
    room = MAX_ROWS - len(shown) - len(ledger.waiting)
    rows = ledger.rows if len(ledger.final) <= MAX_ROWS else _failed_and_recent(ledger.rows)
    return replace(ledger, open_items={**ledger.open_items, **grouped}, rows=rows[:room])


def _failed_and_recent(rows: Sequence[RecordingStatus]) -> tuple[RecordingStatus, ...]:
    """Used where not all rows fit anyway: etcd keeps every write of the status whole, and few people read
    fifty successes of ten thousand."""
    failed = tuple(row for row in rows if row.state is RecordingState.FAILED)
    return failed + tuple(row for row in rows if row.state is not RecordingState.FAILED)[:RECENT_ROWS]


def _with_rows(ledger: Ledger) -> set[int]:
    """The running recordings that have rows."""
    return set(
        sorted(ledger.running, key=lambda index: (-ledger.open_items[index].not_before, index))[
            :MAX_RUNNING_ROWS
        ]
    )


def _in_a_group(item: OpenItem) -> OpenItem:
    return OpenItem(
        item.number,
        item.charged_attempts,
        item.rung,
        item.disruptions,
        running=True,
        not_before=0.0,
        phase=item.phase,
        cached_mib=None if item.cached_mib is None else 0,
    )


def _size(entry: ContractModel) -> int:
    return len(entry.to_json().encode()) + 1


def _open_row(item: Item, open_item: OpenItem, progress: Progress | None) -> RecordingStatus:
    return RecordingStatus(
        index=item.index,
        id=item.id,
        state=_state(open_item),
        run=open_item.number,
        charged_attempts=open_item.charged_attempts,
        rung=open_item.rung or None,
        disruptions=open_item.disruptions or None,
        not_before=to_rfc3339(open_item.not_before) if open_item.not_before else None,
        stage=progress.stage if progress else open_item.stage,
        percent=progress.percent if progress else None,
        reason=open_item.reason,
        message=open_item.message or None,
        cached_mib=open_item.cached_mib,
    )


def _state(item: OpenItem) -> RecordingState:
    if not item.running:
        return RecordingState.WAITING
    return RecordingState.FETCHING if item.phase is Phase.FETCH else RecordingState.RUNNING
