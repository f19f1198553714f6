"""`ingestctl forget` and `tombstones`, as people type them: the store, and what lies on this machine."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ingest_contract.cache import cache_key
from ingest_contract.order import Item
from ingest_contract.plan_document import PlanDocument, Skipped, SkipReason
from ingest_operator.local.folders import BatchFolder
from ingest_operator.local.planning import read_items
from ingest_worker.store.connect import Connection, connect
from ingestctl.commands.every import app
from tests.worker.store.looking import places
from tests.worker.store.makers import a_recording, store
from tests.worker.store.talks import ANN, BOB, TWO, labels, talk

pytestmark = pytest.mark.postgres

SECRET, OTHER = "test:secret", "test:other"


def said(database: str, home: Path, *words: str) -> Result:
    options = ["--dsn", database, "--home", str(home)]
    return CliRunner().invoke(app, [*words, *options], env={"COLUMNS": "200"})


@pytest.fixture
def corpus(database: str) -> Iterator[Connection]:
    with connect(database, application="tests") as connection:
        for name, channel in ((SECRET, "Hidden"), (OTHER, "Seen")):
            store(connection, talk(TWO, (ANN, BOB)), a_recording(name, channel=channel))
        yield connection


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home in which a batch has met both recordings."""
    folder = BatchFolder.of(tmp_path, "team", "talks")
    items = tuple(
        Item(index=index, id=name, url=f"https://media.example/{name[5:]}", title=f"Title of {name}")
        for index, name in enumerate((SECRET, OTHER))
    )
    document = PlanDocument(
        items=items, skipped=(Skipped(reason=SkipReason.DUPLICATE, id=SECRET, title="Title of test:secret"),)
    )
    folder.path.mkdir(parents=True)
    plan = {"sources": 1, "at": "2026-01-01T00:00:00Z", "document": json.loads(document.to_json())}
    folder.plan(0).write_text(json.dumps(plan))
    (folder.path / "plans" / "0000-01").mkdir(parents=True)
    (folder.path / "plans" / "0000-01" / "log.jsonl").write_text("Title of test:secret")
    (tmp_path / "cache").mkdir()
    for item in items:
        for path in (folder.scratch(item.index), folder.run(item.index, 1).path):
            path.mkdir(parents=True)
            (path / "order.json").write_text(item.to_json())
        (tmp_path / "cache" / f"{cache_key('team/talks', item.id)}.json").write_text(item.id)
    return tmp_path


def holding(home: Path, text: str) -> list[str]:
    """Every file of a home with this in its name or content."""
    files = [path for path in home.rglob("*") if path.is_file()]
    return sorted(
        str(path.relative_to(home)) for path in files if text in path.name or text in path.read_text()
    )


def test_a_forgotten_recording_is_in_no_table_and_no_folder(
    database: str, corpus: Connection, home: Path
) -> None:
    assert len(holding(home, "secret")) == 5
    done = said(database, home, "forget", "--recording", SECRET, "--yes", "-o", "json")
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert (report["rows"]["segment"], report["files"], report["planEntries"]) == (3, 4, 2)
    assert holding(home, "secret") == []
    assert places(corpus, [SECRET, "Title of test:secret"]) == set()
    left = read_items(BatchFolder.of(home, "team", "talks"))
    assert [item.index for item in left] == [0, 1], "and others keep their places"
    assert left[1].id == OTHER
    assert len(holding(home, "other")) == 4


def test_counting_removes_nothing_and_without_a_yes_nothing_goes(
    database: str, corpus: Connection, home: Path
) -> None:
    counted = said(database, home, "forget", "--channel", "Hidden", "--dry-run")
    assert "would go: 1 recording, 1 run, 3 segment" in counted.stdout
    refused = said(database, home, "forget", "--channel", "Hidden")
    assert refused.exit_code == 2
    assert "--yes" in refused.output
    assert len(holding(home, "secret")) == 5
    assert labels(corpus, SECRET) == ["unknown #1", "unknown #2"]


def test_a_forgotten_voice_leaves_its_recordings_where_they_are(
    database: str, corpus: Connection, home: Path
) -> None:
    said(database, home, "voices", "name", "#1", "Zoe Quill")
    done = said(database, home, "forget", "--voice", "Zoe Quill", "--yes")
    assert done.exit_code == 0, done.output
    assert places(corpus, ["Zoe Quill"], [ANN]) == set()
    assert labels(corpus, SECRET)[1] == "unknown #2"
    assert len(holding(home, "secret")) == 5
    again = said(database, home, "voices", "name", "#2", "Zoe Quill")
    assert again.exit_code == 2
    assert "tombstones lift" in again.output
    assert said(database, home, "tombstones", "lift", "--voice", "Zoe Quill").exit_code == 0
    assert said(database, home, "voices", "name", "#2", "Zoe Quill").exit_code == 0


def test_tombstones_say_what_kind_and_who_and_not_what(database: str, corpus: Connection, home: Path) -> None:
    del corpus
    said(database, home, "forget", "--recording", SECRET, "--yes", "--who", "dpo", "--why", "letter 12")
    shown = said(database, home, "tombstones", "list").stdout
    assert "dpo: letter 12" in shown
    assert "1 recording" in shown
    assert "secret" not in shown
    assert said(database, home, "tombstones", "lift", "--recording", OTHER).exit_code == 2
    assert said(database, home, "tombstones", "lift", "--recording", SECRET).exit_code == 0
    assert "no tombstones" in said(database, home, "tombstones", "list").stdout


@pytest.mark.parametrize("words", [(), ("talks", "--voice", "#1"), ("--voice", "#1", "--channel", "x")])
def test_one_thing_is_forgotten_at_a_time(database: str, home: Path, words: tuple[str, ...]) -> None:
    assert said(database, home, "forget", *words).exit_code == 2
