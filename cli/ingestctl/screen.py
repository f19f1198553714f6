"""What a person sees while a batch runs: bars on a terminal, plain lines elsewhere. Decides nothing."""

from collections.abc import Callable
from typing import Final, Self

from rich.cells import cell_len, chop_cells, set_cell_size
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from ingest_contract.order import Item
from ingest_contract.status import IngestBatchStatus, ItemState, VideoStatus
from ingest_contract.text import legible, without_credentials

PLAIN_EVERY: Final = 15.0
"""Seconds between two lines about a recording that merely goes on."""

_SHOWN: Final = 44
"""Columns of a title."""


def duration(seconds: float | None) -> str:
    """`1:02:03`, `4:05`, or `-`."""
    if seconds is None:
        return "-"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def title_of(item: Item) -> str:
    """What people call a recording, cut to a readable length."""
    name = item.title or legible(without_credentials(item.url).rsplit("/", 1)[-1]) or item.id
    return name if cell_len(name) <= _SHOWN else chop_cells(name, _SHOWN - 1)[0] + "…"


def summary(status: IngestBatchStatus) -> str:
    """One line about a batch."""
    counts = status.counts
    parts = [
        f"{counts.succeeded} done",
        f"{counts.skipped} skipped",
        f"{counts.failed} failed",
        f"of {counts.total}",
    ]
    if status.rtf:
        parts.append(f"RTF {status.rtf.p50}")
    if status.audio_hours_per_hour:
        parts.append(f"{status.audio_hours_per_hour} h/h")
    if status.eta_seconds is not None:
        parts.append(f"ETA {duration(status.eta_seconds)}")
    return ", ".join(parts)


class PlainWatcher:
    """Lines for logs: every change of state, and a sign of life now and then."""

    def __init__(self, console: Console, clock: Callable[[], float]) -> None:
        self._console, self._clock = console, clock
        self._known: dict[int, tuple[ItemState, int]] = {}
        self._told_at = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def said(self, text: str) -> None:
        """A line."""
        self._console.print(_one_line(text), soft_wrap=True)

    def showed(self, status: IngestBatchStatus, items: tuple[Item, ...]) -> None:
        """A line per change, and one about the batch when nothing has been said for a while."""
        changed = [row for row in status.videos if self._known.get(row.index) != (row.state, row.number)]
        for row in sorted(changed, key=lambda row: row.index):
            self._known[row.index] = (row.state, row.number)
            self.said(f"{status.progress_percent:3}%  {change_of(row, items[row.index])}")
        if changed:
            self._told_at = self._clock()
        elif self._clock() - self._told_at > PLAIN_EVERY:
            self._told_at = self._clock()
            running = "; ".join(
                f"{title_of(items[row.index])}: {_where(row)}"
                for row in status.videos
                if row.state is ItemState.RUNNING
            )
            self.said(f"{status.progress_percent:3}%  {running or status.state} ({summary(status)})")


def change_of(row: VideoStatus, item: Item) -> str:
    """A recording's new state, in words."""
    name = title_of(item)
    match row.state:
        case ItemState.SUCCEEDED:
            return f"done      {name}" + (f"  RTF {row.rtf}" if row.rtf else "")
        case ItemState.FAILED | ItemState.SKIPPED:
            return f"{row.state.value.lower():9} {name}  {_why(row)}"
        case ItemState.WAITING:
            return f"again     {name}  after try {row.number}: {_why(row)}"
        case ItemState.RUNNING:
            return f"started   {name}" + (f"  try {row.number}" if row.number > 1 else "")
        case ItemState.PENDING:
            return f"pending   {name}"


def _one_line(text: str) -> str:
    """What `legible` makes of it, but for the spaces by which our own words stand in columns."""
    return " ".join(legible(part) for part in text.split(" "))


def _why(row: VideoStatus) -> str:
    return f"{row.reason}: {legible(row.message or '')}"


def _where(row: VideoStatus) -> str:
    return f"{row.stage} {row.percent}%" if row.stage and row.percent is not None else "starting"


class TerminalWatcher:
    """A bar per running recording, and one for the batch."""

    def __init__(self, console: Console) -> None:
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:3.0f}%"),
        )
        self._bars = Progress(
            *columns,
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            console=console,
            transient=True,
        )
        self._tasks: dict[int, TaskID] = {}
        self._batch: TaskID | None = None
        self._states: dict[int, tuple[ItemState, int]] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def said(self, text: str) -> None:
        """A line above the bars."""
        self._bars.console.print(_one_line(text))

    def showed(self, status: IngestBatchStatus, items: tuple[Item, ...]) -> None:
        """Move the bars; what ended becomes a line above them."""
        for row in sorted(status.videos, key=lambda row: row.index):
            known = self._states.get(row.index)
            self._states[row.index] = (row.state, row.number)
            if row.state is ItemState.RUNNING:
                self._move(row, items[row.index])
            elif known != (row.state, row.number):
                self.said(change_of(row, items[row.index]))
        self._end_bars(status)
        if self._batch is None:
            self._batch = self._bars.add_task("batch".ljust(_SHOWN), total=100, note="")
        self._bars.update(self._batch, completed=status.progress_percent, note=summary(status))

    def _end_bars(self, status: IngestBatchStatus) -> None:
        """A run that is over, or that has no row any more because others need the room, has no bar."""
        running = {row.index for row in status.videos if row.state is ItemState.RUNNING}
        for index in self._tasks.keys() - running:
            self._bars.remove_task(self._tasks.pop(index))

    def _move(self, row: VideoStatus, item: Item) -> None:
        if row.index not in self._tasks:
            self._tasks[row.index] = self._bars.add_task(
                set_cell_size(title_of(item), _SHOWN), total=100, note=""
            )
        self._bars.update(
            self._tasks[row.index],
            completed=row.percent or 0,
            note=row.stage.value if row.stage else "starting",
        )


def table_of(status: IngestBatchStatus, items: tuple[Item, ...]) -> Table:
    """The batch as a table: one line per recording that has one in the status."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name, right in (
        ("#", True),
        ("STATE", False),
        ("TRY", True),
        ("LENGTH", True),
        ("RTF", True),
        ("TITLE", False),
        ("REASON", False),
    ):
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    for row in sorted(status.videos, key=lambda row: row.index):
        item = items[row.index]
        shown = (title_of(item), _why(row) if row.reason else "")
        cells = (
            str(row.index),
            row.state.value,
            str(row.number),
            duration(item.duration_seconds),
            row.rtf or "",
            *shown,
        )
        table.add_row(*cells)
    return table
