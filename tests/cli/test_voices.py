"""`ingestctl voices`, as people type it."""

import json
from collections.abc import Iterator
from functools import partial

import pytest
from typer.testing import CliRunner, Result

from ingest_worker.store.connect import Connection, connect
from ingestctl import consoles, voices
from ingestctl.commands.every import app
from tests.worker.store.talks import ANN, BOB, CAT, TWO, heard, labels, passages, talk, voice

pytestmark = pytest.mark.postgres


def said(database: str, *words: str, columns: int = 200) -> Result:
    return CliRunner().invoke(app, ["voices", *words, "--dsn", database], env={"COLUMNS": str(columns)})


@pytest.fixture
def corpus(database: str) -> Iterator[Connection]:
    with connect(database, application="tests") as connection:
        heard(connection, "test:one", talk(TWO, (ANN, BOB)))
        heard(connection, "test:two", talk(TWO, (CAT, voice(0.9, 0.3))))
        yield connection


@pytest.mark.usefixtures("corpus")
def test_the_list_says_how_long_where_and_whom_it_is_like(database: str) -> None:
    said(database, "name", "#1", "Ann Lee")
    rows = json.loads(said(database, "list", "-o", "json").stdout)
    assert [(row["voice"], row["seconds"], row["recordings"]) for row in rows] == [
        ("Ann Lee", 60.0, 2),
        ("unknown #3", 40.0, 1),
        ("unknown #2", 20.0, 1),
    ]
    assert rows[1]["nearest"] == "Ann Lee"
    assert rows[2]["link"] == "https://media.example/one#t=20"
    table = said(database, "list").stdout
    assert "https://media.example/one#t=0" in table
    assert "1:00" in table


def test_naming_says_what_changed_and_shows_at_once(database: str, corpus: Connection) -> None:
    done = said(database, "name", "#1", "Ann Lee", "--who", "tester", "--why", "she says so")
    assert done.exit_code == 0, done.output
    assert "decision 1: Ann Lee: 2 speakers in 2 recordings, 3 passages, 1:00 of speech" in done.stdout
    assert labels(corpus, "test:one") == ["Ann Lee", "unknown #2"]
    assert "tester: name unknown #1 is Ann Lee: she says so" in said(database, "show", "Ann Lee").stdout
    assert "the run says unknown #1" in said(database, "show", "Ann Lee").stdout


def test_a_dry_run_changes_nothing(database: str, corpus: Connection) -> None:
    done = said(database, "merge", "#1", "#2", "--dry-run", "-o", "json")
    assert json.loads(done.stdout)["speakers"] == 1
    assert json.loads(done.stdout)["decision"] is None
    assert labels(corpus, "test:one") == ["unknown #1", "unknown #2"]


def test_a_stretch_is_corrected_by_the_clock_and_taken_back(database: str, corpus: Connection) -> None:
    done = said(database, "correct", "test:one", "--is", "Cat", "--from", "0:40", "--to", "1:00")
    assert done.exit_code == 0, done.output
    assert passages(corpus, "test:one") == ["unknown #1", "unknown #2", "Cat"]
    assert said(database, "undo", "1").exit_code == 0
    assert passages(corpus, "test:one") == ["unknown #1", "unknown #2", "unknown #1"]
    history = json.loads(said(database, "history", "-o", "json").stdout)
    assert [(row["kind"], row["undoneBy"]) for row in history] == [("correct", 2), ("undo", None)]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("name", "#99", "Ann"), "no voice unknown #99"),
        (("name", "#x", "Ann"), "looks like a number"),
        (("name", "#1", " "), "neither"),
        (("split", "#1", "--recording", "test:none"), "does not speak"),
        (("correct", "test:one", "--is", "Cat"), "whose voice it is not"),
        (("correct", "test:one", "--is", "Cat", "--from", "1:75", "--to", "2:00"), "is no time"),
        (("correct", "test:one", "--is", "Cat", "--from", "10"), "a beginning and an end"),
        (("undo", "3"), "no decision 3"),
        (("show", "Nobody"), "no voice Nobody"),
    ],
)
@pytest.mark.usefixtures("corpus")
def test_a_mistake_is_said_and_ends_with_two(database: str, words: tuple[str, ...], why: str) -> None:
    done = said(database, *words)
    assert done.exit_code == 2
    assert why in " ".join(done.output.replace("│", " ").split())


@pytest.mark.usefixtures("corpus")
def test_no_terminal_cuts_a_link_and_in_a_pipe_a_voice_is_a_line(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = "https://media.example/one#t=20"
    assert [line.split()[-1] for line in said(database, "list").stdout.splitlines() if "#2" in line] == [link]
    for columns in (20, 40, 60, 100):
        narrow = partial(consoles.console, width=columns)
        monkeypatch.setattr(voices, "results", narrow)
        assert link in said(database, "list").stdout, columns


@pytest.mark.usefixtures("corpus")
def test_a_list_that_ends_before_the_last_voice_says_so(database: str) -> None:
    assert said(database, "list", "--limit", "3").stderr == ""
    fewer = said(database, "list", "--limit", "2", "-o", "json")
    assert len(json.loads(fewer.stdout)) == 2
    assert fewer.stderr == "there are more: a higher --limit shows them\n"
