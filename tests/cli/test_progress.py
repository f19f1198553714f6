"""What takes long says what goes on, to people and to nobody else."""

import io
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from ingest_worker.models import load_set
from ingestctl import models, progress
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
@pytest.mark.parametrize("made", [os.pipe, os.openpty])
def test_nothing_is_drawn_over_whoever_shows_results_as_they_are_found(
    made: Callable[[], tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = made()
    told = Told()
    with os.fdopen(one), os.fdopen(other, "w") as out, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", out)
        with going("hashing", Console(file=told, force_terminal=True, width=80), prints=True):
            told.until(lambda text: "hashing" in text)
            told.until(lambda text: "\n" in text)
    assert "\x1b" not in told.getvalue()


@pytest.mark.usefixtures("hurried")
def test_a_line_moves_while_results_go_to_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told()
    with (tmp_path / "out").open("w", encoding="utf-8") as out, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", out)
        with going("hashing", Console(file=told, force_terminal=True, width=80), prints=True):
            told.until(lambda text: "hashing" in text)
    assert "\x1b" in told.getvalue()


TELLING = """
import io, sys, threading
from ingestctl import progress
heard = threading.Event()
class Told(io.TextIOWrapper):
    def write(self, text):
        heard.set()
        return super().write(text)
sys.stderr = Told(sys.stderr.detach(), line_buffering=True)
progress.LATE_SECONDS = 0.001
with progress.going("reading"):
    heard.wait()
progress.people().print("read")
print("the result")
"""


def test_a_standard_error_that_nobody_reads_takes_no_result_along() -> None:
    """`ingestctl verify -o json >v.json 2> >(head -1)`."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as nobody:
        done = subprocess.run(
            [sys.executable, "-c", TELLING],
            stdout=subprocess.PIPE, stderr=nobody, text=True, check=False, timeout=180,
        )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "the result\n")


@pytest.mark.usefixtures("hurried")
def test_a_download_in_a_pipe_says_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told, wanted = Told(), load_set("default")
    name = wanted.models[0].name

    def fetched(_: object, __: object, report: Callable[[str, float], None]) -> str:
        told.until(lambda text: "checking what is here" in text)
        report(name, 0.25)
        told.until(lambda text: f"{name}: 25%" in text)
        return "its lock"

    monkeypatch.setattr(models, "fetch", fetched)
    lock: object = models.fetch_with_bars(wanted, tmp_path, Console(file=told, width=80))
    assert lock == "its lock"


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
