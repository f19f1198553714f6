"""The rows of a status: which recordings are shown one by one, and what of them. Pure."""

from collections.abc import Mapping, Sequence
from itertools import accumulate, takewhile
from typing import Final

from ingest_contract.intervals import encode
from ingest_contract.order import Item
from ingest_contract.progress import Progress
from ingest_contract.status import MAX_ROWS, ItemState, VideoStatus
from ingest_operator.ledger import Ledger, Trying
from ingest_operator.moments import as_text

ROOM: Final = 80_000
"""Bytes for rows and the intervals of final items, so that a status stays below 100 kB: finished rows, for people only, give way first."""


def rows_of(items: Sequence[Item], ledger: Ledger, progress: Mapping[int, Progress]) -> tuple[VideoStatus, ...]:
    """Waiting ones always (their tries live nowhere else), then running, then failed, then the most recent: at most `MAX_ROWS`."""
    waiting = [_trying_row(items[index], ledger.trying[index], None) for index in ledger.waiting]
    running = [_trying_row(items[index], ledger.trying[index], progress.get(index)) for index in ledger.running]
    shown = running[: MAX_ROWS - len(waiting)] + waiting
    finished = ledger.rows[: MAX_ROWS - len(shown)]
    intervals = (ledger.succeeded, ledger.skipped, ledger.failed)
    room = ROOM - sum(map(_size, shown)) - sum(len(encode(indexes)) for indexes in intervals)
    fitting = takewhile(lambda size: size <= room, accumulate(map(_size, finished)))
    return (*shown, *finished[: len(list(fitting))])


def _size(row: VideoStatus) -> int:
    return len(row.to_json().encode()) + 1


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
