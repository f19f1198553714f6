"""What takes long says what goes on, to people and to nobody else."""

import io
import sys
import threading
from collections.abc import Callable

import pytest
from rich.console import Console

from ingestctl import progress
from ingestctl.progress import going

WAIT_SECONDS = 60


class Told(io.StringIO):
    """A standard error that tells when something was written."""

    def __init__(self) -> None:
        super().__init__()
        self.changed = threading.Condition()

    def write(self, text: str) -> int:
        with self.changed:
            written = super().write(text)
            self.changed.notify_all()
            return written

    def until(self, wanted: Callable[[str], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: wanted(self.getvalue()), WAIT_SECONDS), self.getvalue()


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LATE_SECONDS", "PLAIN_EVERY_SECONDS", "_DRAWN_EVERY_SECONDS"):
        monkeypatch.setattr(progress, name, 0.001)


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("is_terminal", [False, True])
def test_what_takes_long_says_what_goes_on_and_then_each_step(*, is_terminal: bool) -> None:
    told = Told()
    with going("reading", Console(file=told, force_terminal=is_terminal, width=80)) as step:
        told.until(lambda text: "reading" in text)
        step.text = "3 of 9 written"
        told.until(lambda text: "3 of 9 written" in text)
        with going("opening the store"):
            told.until(lambda text: "opening the store" in text)
        before = len(told.getvalue())
        told.until(lambda text: "3 of 9 written" in text[before:])


@pytest.mark.usefixtures("hurried")
def test_a_line_that_moves_leaves_standard_output_alone_and_goes_at_the_end() -> None:
    told, out = Told(), sys.stdout
    with going("[reading]", Console(file=told, force_terminal=True, width=80)):
        told.until(lambda text: "[reading]" in text)
        assert sys.stdout is out
    assert told.getvalue().endswith("\x1b[2K")


@pytest.mark.usefixtures("hurried")
def test_nothing_is_drawn_where_results_are_shown_as_they_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_is_shown", lambda: True)
    told = Told()
    with going("hashing", Console(file=told, force_terminal=True, width=80), prints=True):
        told.until(lambda text: "hashing\n" in text)
    assert "\x1b" not in told.getvalue()


@pytest.mark.parametrize("is_terminal", [False, True])
def test_what_is_done_at_once_says_nothing(*, is_terminal: bool) -> None:
    told = Told()
    with going("reading", Console(file=told, force_terminal=is_terminal)):
        pass
    assert told.getvalue() == ""


def test_a_fault_in_the_block_ends_the_telling() -> None:
    before = threading.active_count()
    with pytest.raises(ValueError, match="broken"), going("reading", Console(file=Told())):
        raise ValueError("broken")
    assert threading.active_count() == before
