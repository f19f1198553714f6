"""`ingestctl export`, from a real store."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ingest_contract.failures import Reason
from ingest_worker.store import schema
from ingest_worker.store.claims import claim
from ingest_worker.store.commit import record_outcome
from ingest_worker.store.connect import connect
from ingest_worker.store.records import FinalEnd
from ingest_worker.store.schema import migrate
from ingestctl.commands.every import app
from ingestctl.place import Workplace
from tests.worker.store.makers import a_recording, content, store, unknown

pytestmark = pytest.mark.postgres


@pytest.fixture
def talk(database: str) -> str:
    with connect(database, application="tests") as connection:
        store(connection, content("Hello", "there", identities=(unknown(0), unknown(1))))
        silent = a_recording("test:silent")
        record_outcome(
            connection,
            claim(connection, silent.id, "tester"),
            silent,
            FinalEnd("default/batch", Reason.NO_SPEECH, "Nobody.", "hash-1"),
        )
    return database


def export(place: Workplace, dsn: str, *arguments: str) -> Result:
    return CliRunner().invoke(
        app, ["export", *arguments, "--home", str(place.home), "--dsn", dsn], catch_exceptions=False
    )


def test_what_was_stored_comes_out_as_captions(place: Workplace, talk: str) -> None:
    lines = export(place, talk, "test:one", "--format", "vtt").stdout.splitlines()
    assert lines[:4] == ["WEBVTT", "", "NOTE", "Title of test:one"]
    assert [line for line in lines if "<v" in line] == ["<v unknown #1>Hello", "<v unknown #2>there"]


def test_a_file_is_written_whole_in_place_of_an_older_one(
    place: Workplace, talk: str, tmp_path: Path
) -> None:
    path = tmp_path / "talk.json"
    path.write_text("older")
    assert export(place, talk, "test:one", "--to", str(path)).stdout == ""
    assert [part["text"] for part in json.loads(path.read_text())["segments"]] == ["Hello", "there"]
    assert list(tmp_path.glob("*.json*")) == [path]


def test_a_recording_that_is_not_there_is_answered_with_what_is(place: Workplace, talk: str) -> None:
    done = export(place, talk, "test:two")
    assert done.exit_code == 2
    assert "no transcript of 'test:two' is stored; the store has test:one" in " ".join(
        done.output.replace("│", " ").split()
    )


def test_a_recording_in_which_nobody_speaks_says_how_it_ended(place: Workplace, talk: str) -> None:
    done = export(place, talk, "test:silent")
    assert done.exit_code == 2
    assert "it ended as NoSpeech" in done.output


def test_a_place_that_cannot_be_written_is_named(place: Workplace, talk: str) -> None:
    done = export(place, talk, "test:one", "--to", "/dev/null/talk.vtt")
    assert done.exit_code == 2
    assert "cannot be written" in done.output


def test_the_embedded_store_is_brought_up_to_date_before_it_is_read(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = schema.migrations()[:-1]
    with place.store() as dsn, monkeypatch.context() as version:
        version.setattr(schema, "migrations", lambda: earlier)
        assert migrate(dsn) == tuple(each.name for each in earlier)
    done = CliRunner().invoke(app, ["export", "test:one", "--format", "txt", "--home", str(place.home)])
    assert "no transcript of 'test:one' is stored" in done.output
    with place.store() as dsn, connect(dsn, application="tests") as connection:
        schema.check(connection)
