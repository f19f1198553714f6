"""The rows of a status: which recordings are shown one by one, and what of them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate, takewhile
from typing import Final

from ingest_contract.base import ContractModel
from ingest_contract.intervals import encode
from ingest_contract.obstacles import NodeStatus
from ingest_contract.order import Item
from ingest_contract.progress import Progress
from ingest_contract.status import MAX_ROWS, MAX_RUNNING_ROWS, ItemState, RunningItems, VideoStatus
from ingest_operator.core.ledger import Ledger, Trying
from ingest_operator.core.timestamps import as_text

ROOM: Final = 80_000
"""Bytes for rows and the intervals of final items, so that a status stays below 100 kB: finished rows, for
people only, give way first."""

RECENT: Final = 20
"""Rows of recordings that ended well, once more of them are final than there are rows."""


def rows_of(
    items: Sequence[Item], ledger: Ledger, progress: Mapping[int, Progress]
) -> tuple[VideoStatus, ...]:
    """Running ones that started last, all that wait (their tries live nowhere else), then failed ones, then
    the most recent."""
    running = [
        _trying_row(items[index], ledger.trying[index], progress.get(index))
        for index in sorted(_with_rows(ledger))
    ]
    waiting = [_trying_row(items[index], ledger.trying[index], None) for index in ledger.waiting]
    shown = running + waiting
    finished = ledger.rows[: MAX_ROWS - len(shown)]
    intervals = (ledger.succeeded, ledger.skipped, ledger.failed)
    room = (
        ROOM
        - sum(map(_size, (*shown, *groups_of(ledger), *nodes_of(ledger))))
        - sum(len(encode(indexes)) for indexes in intervals)
    )
    fitting = takewhile(lambda size: size <= room, accumulate(map(_size, finished)))
    return (*shown, *finished[: len(list(fitting))])


def groups_of(ledger: Ledger) -> tuple[RunningItems, ...]:
    """The running items that have no row, by what must be remembered of them."""
    groups: dict[tuple[int, int, int, int], list[int]] = {}
    for index in sorted({*ledger.running} - _with_rows(ledger)):
        item = ledger.trying[index]
        groups.setdefault((item.number, item.attempts, item.rung, item.disruptions), []).append(index)
    return tuple(
        RunningItems(
            number=number,
            attempts=attempts,
            rung=rung or None,
            disruptions=disruptions or None,
            indexes=encode(indexes),
        )
        for (number, attempts, rung, disruptions), indexes in sorted(groups.items())
    )


def nodes_of(ledger: Ledger) -> tuple[NodeStatus, ...]:
    """The suspect nodes, by name."""
    return tuple(
        NodeStatus(
            name=name, reason=node.reason, runs=node.runs, index=node.first, others=node.others,
            avoided=node.avoided, times=node.times, until=as_text(node.until),
        )
        for name, node in sorted(ledger.nodes.items())
    )  # fmt: skip


def as_rows_allow(ledger: Ledger) -> Ledger:
    """The ledger as the rows can hold it: running items without one keep what groups can say, and the oldest
    finished rows give way.

    The items that started last have the rows, so that a probe, which starts after everything else, is always
    known as one.
    """
    shown = _with_rows(ledger)
    grouped = {index: _in_a_group(ledger.trying[index]) for index in ledger.running if index not in shown}
    room = MAX_ROWS - len(shown) - len(ledger.waiting)
    rows = ledger.rows if len(ledger.final) <= MAX_ROWS else _failed_and_recent(ledger.rows)
    return replace(ledger, trying={**ledger.trying, **grouped}, rows=rows[:room])


def _failed_and_recent(rows: Sequence[VideoStatus]) -> tuple[VideoStatus, ...]:
    """Where not all can be shown anyway: every write of the status is kept whole, and few people read fifty
    successes of ten thousand."""
    failed = tuple(row for row in rows if row.state is ItemState.FAILED)
    return failed + tuple(row for row in rows if row.state is not ItemState.FAILED)[:RECENT]


def _with_rows(ledger: Ledger) -> set[int]:
    """The running items that have rows."""
    return set(
        sorted(ledger.running, key=lambda index: (-ledger.trying[index].not_before, index))[:MAX_RUNNING_ROWS]
    )


def _in_a_group(item: Trying) -> Trying:
    return Trying(item.number, item.attempts, item.rung, item.disruptions, running=True, not_before=0.0)


def _size(entry: ContractModel) -> int:
    return len(entry.to_json().encode()) + 1


def _trying_row(item: Item, trying: Trying, progress: Progress | None) -> VideoStatus:
    return VideoStatus(
        index=item.index,
        id=item.id,
        state=ItemState.RUNNING if trying.running else ItemState.WAITING,
        number=trying.number,
        attempts=trying.attempts,
        rung=trying.rung or None,
        disruptions=trying.disruptions or None,
        not_before=as_text(trying.not_before) if trying.not_before else None,
        stage=progress.stage if progress else trying.stage,
        percent=progress.percent if progress else None,
        reason=trying.reason,
        message=trying.message or None,
    )
