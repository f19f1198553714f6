"""What the user sees while a batch runs: bars on a terminal, plain lines elsewhere. Decides nothing."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Final, Self

from rich.cells import cell_len, chop_cells, set_cell_size
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from ingest_contract.captions import TranscriptSource
from ingest_contract.order import Item
from ingest_contract.recording_status import RecordingState, RecordingStatus
from ingest_contract.status import IngestBatchStatus
from ingest_contract.text import legible, without_credentials
from ingestctl.ending import when_left
from ingestctl.progress import PLAIN_EVERY_SECONDS

_LIVE: Final = frozenset({RecordingState.FETCHING, RecordingState.RUNNING})

_TITLE_COLUMNS: Final = 44
"""Columns of a title."""

Items = Sequence[Item] | Mapping[int, Item]
"""Planned recordings, by index."""


def duration(seconds: float | None) -> str:
    """`1:02:03`, `4:05`, or `-`."""
    if seconds is None:
        return "-"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def title_of(item: Item) -> str:
    """A recording's title for people, cut to a readable length."""
    name = item.title or legible(without_credentials(item.url).rsplit("/", 1)[-1]) or item.id
    return name if cell_len(name) <= _TITLE_COLUMNS else chop_cells(name, _TITLE_COLUMNS - 1)[0] + "…"


def summary(status: IngestBatchStatus) -> str:
    """One line about a batch."""
    counts = status.counts
    parts = [
        f"{counts.succeeded} done",
        f"{counts.skipped} skipped",
        f"{counts.failed} failed",
        f"of {counts.total}",
    ]
    from_captions = sum(
        each.count for each in status.sums.transcripts if each.source is not TranscriptSource.SPEECH
    )
    if status.sums.transcripts:
        parts.append(f"{from_captions} from captions")
    if doubted := doubted_of(status):
        parts.append(f"{doubted} in another language than ordered")
    if status.rtf:
        parts.append(f"RTF {status.rtf.p50}")
    if status.audio_hours_per_hour:
        parts.append(f"{status.audio_hours_per_hour} h/h")
    if status.computing_percent is not None:
        parts.append(f"computing {status.computing_percent} %")
    if status.cost is not None and status.cost.media_hour is not None:
        parts.append(f"{status.cost.media_hour} {status.cost.currency} per media hour")
    if status.eta_seconds is not None:
        parts.append(f"ETA {duration(status.eta_seconds)}")
    return ", ".join(parts)


def doubted_of(status: IngestBatchStatus) -> int:
    """How many recordings are surely in another language than the one ordered."""
    return sum(each.count for each in status.sums.sounds_like)


class PlainWatcher:
    """Lines for logs: one per change of state, and a sign of life now and then."""

    def __init__(self, console: Console, clock: Callable[[], float]) -> None:
        self._console, self._clock = console, clock
        self._known: dict[int, tuple[RecordingState, int]] = {}
        self._shown_at = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def said(self, text: str) -> None:
        """Print a line."""
        self._console.print(_one_line(text), soft_wrap=True)

    def showed(self, status: IngestBatchStatus, items: Items) -> None:
        """Print a line per change, and one about the batch if nothing was printed for a while."""
        changed = [row for row in status.recordings if self._known.get(row.index) != (row.state, row.run)]
        for row in sorted(changed, key=lambda row: row.index):
            self._known[row.index] = (row.state, row.run)
            self.said(f"{status.progress_percent:3}%  {change_of(row, items[row.index])}")
        if changed:
            self._shown_at = self._clock()
        elif self._clock() - self._shown_at > PLAIN_EVERY_SECONDS:
            self._shown_at = self._clock()
            running = "; ".join(
                f"{title_of(items[row.index])}: {_where(row)}"
                for row in status.recordings
                if row.state in _LIVE
            )
            self.said(f"{status.progress_percent:3}%  {running or status.state} ({summary(status)})")


def change_of(row: RecordingStatus, item: Item) -> str:
    """A recording's new state, in words."""
    name = title_of(item)
    match row.state:
        case RecordingState.SUCCEEDED:
            return f"done      {name}" + (f"  RTF {row.rtf}" if row.rtf else "") + _words_of(row)
        case RecordingState.FAILED | RecordingState.SKIPPED:
            return f"{row.state.value.lower():9} {name}  {_why(row)}"
        case RecordingState.WAITING:
            return f"again     {name}  after run {row.run}: {_why(row)}"
        case RecordingState.FETCHING:
            return f"fetching  {name}" + (f"  run {row.run}" if row.run > 1 else "")
        case RecordingState.RUNNING:
            return f"started   {name}" + (f"  run {row.run}" if row.run > 1 else "")
        case RecordingState.PENDING:
            return f"pending   {name}"


def _words_of(row: RecordingStatus) -> str:
    """Where its words are from, if captions are preferred; and that they are of another language."""
    problem = f" ({row.captions_problem})" if row.captions_problem else ""
    origin = f"  words: {row.transcript}{problem}" if row.transcript is not None else ""
    return origin + (f"  sounds like {legible(row.sounds_like)}, as not ordered" if row.sounds_like else "")


def _one_line(text: str) -> str:
    """The text made `legible`, except that the spaces that align our own words in columns stay."""
    return " ".join(legible(part) for part in text.split(" "))


def _why(row: RecordingStatus) -> str:
    return f"{row.reason}: {legible(row.message or '')}"


def _where(row: RecordingStatus) -> str:
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
        self._leaving = ExitStack()
        self._tasks: dict[int, TaskID] = {}
        self._batch: TaskID | None = None
        self._before: TaskID | None = None
        self._states: dict[int, tuple[RecordingState, int]] = {}

    def __enter__(self) -> Self:
        self._before = self._bars.add_task("getting ready".ljust(_TITLE_COLUMNS), total=None, note="")
        # a second Ctrl-C waits for nobody, but the shell behind it has a cursor
        self._leaving.enter_context(when_left(partial(self._bars.console.show_cursor, show=True)))
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()
        self._leaving.close()

    def said(self, text: str) -> None:
        """Print a line above the bars."""
        self._bars.console.print(_one_line(text))

    def showed(self, status: IngestBatchStatus, items: Items) -> None:
        """Move the bars; a recording that ended becomes a line above them."""
        if self._before is not None:  # until now sources were read, or voices heard
            self._bars.remove_task(self._before)
            self._before = None
        for row in sorted(status.recordings, key=lambda row: row.index):
            known = self._states.get(row.index)
            self._states[row.index] = (row.state, row.run)
            if row.state in _LIVE:
                self._move(row, items[row.index])
            elif known != (row.state, row.run):
                self.said(change_of(row, items[row.index]))
        self._end_bars(status)
        if self._batch is None:
            self._batch = self._bars.add_task("batch".ljust(_TITLE_COLUMNS), total=100, note="")
        self._bars.update(self._batch, completed=status.progress_percent, note=summary(status))

    def _end_bars(self, status: IngestBatchStatus) -> None:
        """Remove the bar of a run that has ended, or that has lost its row because others need the room."""
        running = {row.index for row in status.recordings if row.state in _LIVE}
        for index in self._tasks.keys() - running:
            self._bars.remove_task(self._tasks.pop(index))

    def _move(self, row: RecordingStatus, item: Item) -> None:
        if row.index not in self._tasks:
            self._tasks[row.index] = self._bars.add_task(
                set_cell_size(title_of(item), _TITLE_COLUMNS), total=100, note=""
            )
        self._bars.update(
            self._tasks[row.index],
            completed=row.percent or 0,
            note=row.stage.value if row.stage else "starting",
        )


def watcher_on(console: Console) -> PlainWatcher | TerminalWatcher:
    """Bars on a terminal; lines where the output is a file, a pipe, or a terminal that can only print."""
    is_able = console.is_terminal and not console.is_dumb_terminal
    return TerminalWatcher(console) if is_able else PlainWatcher(console, time.monotonic)


def table_of(status: IngestBatchStatus, items: Items) -> Table:
    """The batch as a table: one line per recording that has a row in the status."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name, right in (
        ("#", True),
        ("STATE", False),
        ("RUN", True),
        ("LENGTH", True),
        ("RTF", True),
        ("TITLE", False),
        ("REASON", False),
    ):
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    for row in sorted(status.recordings, key=lambda row: row.index):
        item = items[row.index]
        shown = (title_of(item), _why(row) if row.reason else "")
        cells = (
            str(row.index),
            row.state.value,
            str(row.run),
            duration(item.duration_seconds),
            row.rtf or "",
            *shown,
        )
        table.add_row(*cells)
    return table
