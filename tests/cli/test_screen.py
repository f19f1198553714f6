"""What a person reads while a batch runs: a line for a change, whatever a site put into a title; on a
terminal, bars below the lines."""

import io
import re
from collections.abc import Iterator

import pytest
from rich.cells import cell_len
from rich.console import Console

from ingest_contract.failures import Reason
from ingest_contract.order import Item
from ingest_contract.recording_status import RecordingState, RecordingStatus
from ingest_contract.stages import Stage
from ingestctl.screen import PlainWatcher, TerminalWatcher, change_of, table_of, title_of
from testkit.objects.statuses import a_status

FORGED = "A talk\n100%  done      every other talk\r\x0b\x0c\x1c\x85\u2028\u2029  RTF 0.1"


def an_item(title: str, url: str = "https://media.example/talk.mp4") -> Item:
    return Item(index=0, id="test:one", url=url, title=title)


def a_row(state: RecordingState, message: str = "") -> RecordingStatus:
    return RecordingStatus(index=0, id="test:one", state=state, run=1, reason=Reason.UNKNOWN, message=message)


@pytest.mark.parametrize("state", RecordingState)
def test_a_change_of_one_recording_is_one_line_whatever_its_title_and_reason_hold(
    state: RecordingState,
) -> None:
    line = change_of(a_row(state, message=FORGED), an_item(FORGED))
    assert len(line.splitlines()) == 1
    assert "A talk 100% done every other talk RTF 0.1" in line


def test_a_recording_in_another_language_than_ordered_says_so_when_it_is_done() -> None:
    row = RecordingStatus(
        index=0, id="test:one", state=RecordingState.SUCCEEDED, run=1, rtf="0.1", sounds_like="de"
    )
    assert change_of(row, an_item("A talk")) == "done      A talk  RTF 0.1  sounds like de, as not ordered"


def test_a_row_of_the_table_is_one_line_too() -> None:
    status = a_status(count=1)
    out = io.StringIO()
    rows = (a_row(RecordingState.FAILED, message=FORGED),)
    Console(file=out, width=300).print(
        table_of(status.model_copy(update={"recordings": rows}), (an_item(FORGED),))
    )
    assert len(out.getvalue().splitlines()) == 2, "the head and the row"


@pytest.mark.parametrize(
    ("title", "shown"), [("東" * 30, "東" * 21 + "…"), ("กี่" * 44, "กี่" * 44), ("a" * 45, "a" * 43 + "…")]
)
def test_a_title_is_cut_where_it_is_as_wide_as_there_is_room(title: str, shown: str) -> None:
    assert title_of(an_item(title)) == shown
    assert cell_len(shown) <= 44


def test_a_title_of_nothing_but_line_ends_gives_way_to_the_address() -> None:
    assert title_of(an_item("\n \r\n")) == "talk.mp4"


STYLES = re.compile("\x1b\\[[0-9;?]*[a-zA-Z]")
ITEMS = tuple(
    Item(index=index, id=f"test:{index}", url="https://media.example/a.mp4", title=f"Talk {index}")
    for index in range(3)
)


class Terminal:
    """A terminal of 120 columns, and the bars on it."""

    def __init__(self) -> None:
        self._file = io.StringIO()
        self.watcher = TerminalWatcher(
            Console(
                file=self._file, force_terminal=True, width=120, markup=False, emoji=False, highlight=False
            )
        )
        self.watcher._bars.live.auto_refresh = False  # another thread would draw between two of ours

    def shows(self, *rows: RecordingStatus, percent: int = 0) -> list[str]:
        """The bars after this status, as text, as they are drawn next."""
        status = a_status(count=3).model_copy(update={"recordings": rows, "progress_percent": percent})
        self.watcher.showed(status, ITEMS)
        before = self._file.tell()
        self.watcher._bars.refresh()
        return [
            line.rstrip()
            for line in STYLES.sub("", self._file.getvalue()[before:]).splitlines()
            if line.strip()
        ]

    def above(self) -> str:
        """Everything that was ever written."""
        return STYLES.sub("", self._file.getvalue())


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    made = Terminal()
    with made.watcher:
        yield made


def running(
    index: int, stage: Stage | None = None, percent: int | None = None, number: int = 1
) -> RecordingStatus:
    row = RecordingStatus(index=index, id=f"test:{index}", state=RecordingState.RUNNING, run=number)
    return row.model_copy(update={"stage": stage, "percent": percent})


def test_before_the_first_status_a_bar_says_that_somebody_is_at_work(terminal: Terminal) -> None:
    terminal.watcher.said("planning: looking at 1 source")
    said, ready = terminal.above().splitlines()[-2:]
    assert said == "planning: looking at 1 source"
    assert re.match(r"getting ready +\S+ +0%", ready)
    assert not any("getting ready" in line for line in terminal.shows(running(0)))


def test_each_recording_that_runs_has_a_bar_that_moves_and_the_batch_has_one(terminal: Terminal) -> None:
    first, batch = terminal.shows(running(0), percent=3)
    assert re.match(r"Talk 0 +\S+ +0% +\S+ +starting$", first)
    assert re.match(r"batch +\S+ +3% +\S+ +0 done, 0 skipped, 0 failed, of 3$", batch)
    first, batch, second = terminal.shows(
        running(0, Stage.TRANSCRIBE, 40), running(1, Stage.FETCH, 9), percent=13
    )
    assert re.match(r"Talk 0 +\S+ +40% +\S+ +transcribe$", first)
    assert re.match(r"Talk 1 +\S+ +9% +\S+ +fetch$", second)
    assert " 13% " in batch


@pytest.mark.parametrize(
    "state", [RecordingState.SUCCEEDED, RecordingState.FAILED, RecordingState.SKIPPED, RecordingState.WAITING]
)
def test_what_ended_is_a_line_above_the_bars_once_and_has_no_bar(
    terminal: Terminal, state: RecordingState
) -> None:
    terminal.shows(running(0, Stage.EMBED, 90), running(1))
    ended = RecordingStatus(
        index=0, id="test:0", state=state, run=1, reason=Reason.UNKNOWN, message="what happened"
    )
    for _ in range(2):
        assert [line[:6].strip() for line in terminal.shows(ended, running(1))] == ["Talk 1", "batch"]
    assert terminal.above().count(change_of(ended, ITEMS[0])) == 1


def test_a_recording_that_is_tried_again_has_a_bar_again(terminal: Terminal) -> None:
    terminal.shows(running(0, Stage.EMBED, 90))
    terminal.shows(
        RecordingStatus(
            index=0, id="test:0", state=RecordingState.WAITING, run=1, reason=Reason.UNKNOWN, message=""
        )
    )
    assert re.match(r"Talk 0 +\S+ +0% +\S+ +starting$", terminal.shows(running(0, number=2))[-1])


def test_a_run_that_a_status_has_no_row_for_leaves_no_bar_behind(terminal: Terminal) -> None:
    terminal.shows(running(0, Stage.DIARIZE, 40), running(1))
    assert not any(line.startswith("Talk 0") for line in terminal.shows(running(1)))


def test_lines_of_a_log_stand_in_columns_too() -> None:
    out = io.StringIO()
    ended = RecordingStatus(
        index=0, id="test:0", state=RecordingState.SKIPPED, run=1, reason=Reason.NO_SPEECH, message="music"
    )
    PlainWatcher(Console(file=out, width=20), lambda: 0.0).showed(
        a_status(count=3).model_copy(update={"recordings": (ended,)}), ITEMS
    )
    assert out.getvalue() == "  0%  skipped   Talk 0  NoSpeech: music\n"
