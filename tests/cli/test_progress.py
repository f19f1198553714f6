"""What takes long says what goes on, to people and to nobody else."""

import ast
import importlib
import io
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import typer
from rich.console import Console

import ingestctl
from ingest_reader.exports.formats import Format
from ingest_worker.models import load_set
from ingest_worker.trial import Tried
from ingestctl import export, machine, models, progress
from ingestctl.machine import StoreFacts
from ingestctl.place import Workplace
from ingestctl.progress import going
from tests.cli.talks import TALK

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


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    """What people are told."""
    made = Told()
    monkeypatch.setattr(progress, "people", lambda: Console(file=made, width=200))
    return made


@pytest.mark.usefixtures("hurried")
def test_doctor_says_what_it_looks_at_and_that_engines_are_tried(
    place: Workplace, told: Told, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = importlib.import_module("ingestctl.commands.doctor")

    def hashed(*_: object) -> Iterator[models.Verdict]:
        told.until(lambda text: "hashing the files of the models" in text)
        return iter(())

    def asked(*_: object) -> StoreFacts:
        told.until(lambda text: "asking the store" in text)
        return StoreFacts("embedded")

    def tried(*_: object) -> Iterator[Tried]:
        told.until(lambda text: "trying every engine" in text)
        yield Tried("diarization", "as it should")

    monkeypatch.setattr(machine, "require_models", lambda *_: ())
    monkeypatch.setattr(machine, "verified", hashed)
    monkeypatch.setattr(machine, "_store_of", asked)
    monkeypatch.setattr(command, "trials", tried)
    with pytest.raises(typer.Exit):
        command.doctor(home=place.home)
    assert capsys.readouterr().out.splitlines()[-1].split() == ["ok", "diarization", *["as", "it", "should"]]


@pytest.mark.usefixtures("hurried")
def test_one_transcript_that_takes_long_to_write_says_so(
    told: Told, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def slowly(_: object) -> str:
        told.until(lambda text: "writing the transcript" in text)
        return "its text"

    monkeypatch.setattr(export, "FORMATS", {Format.TXT: slowly})
    export.write(TALK, Format.TXT, None)
    assert capsys.readouterr().out == "its text"


SAID_BY_ITS_CALLER = {"search.py"}
"""`asking.finding`."""


def named_in(node: ast.AST) -> set[str]:
    """The functions that are called in it."""
    calls = (each.func for each in ast.walk(node) if isinstance(each, ast.Call))
    return {each.id for each in calls if isinstance(each, ast.Name)}


@pytest.mark.parametrize(
    "path", sorted(Path(ingestctl.__file__).parent.rglob("*.py")), ids=lambda path: path.stem
)
def test_whoever_reads_the_store_says_what_goes_on(path: Path) -> None:
    blocks = [each for each in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(each, ast.With)]
    silent = [
        block.lineno
        for block in blocks
        if any("reading" in named_in(item) for item in block.items) and "going" not in named_in(block)
    ]
    assert silent == [] or path.name in SAID_BY_ITS_CALLER


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
