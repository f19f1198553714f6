"""`ingestctl export --all`, from a real store: every transcript, in each format, and none that takes the
others with it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ingest_worker.store.connect import connect
from ingestctl.bulk import BulkFormat, file_name
from ingestctl.commands.every import app
from ingestctl.place import Workplace
from tests.worker.store.makers import a_recording, a_run, content, store


@pytest.fixture
def talks(database: str) -> str:
    with connect(database, application="tests") as connection:
        for name in ("test:one", "test:two", "test:../up"):
            store(connection, content("Hello", "there"), a_recording(name), a_run())
    return database


def exported(place: Workplace, dsn: str, *arguments: str) -> Result:
    return CliRunner().invoke(
        app, ["export", *arguments, "--home", str(place.home), "--dsn", dsn], catch_exceptions=False
    )


@pytest.mark.postgres
@pytest.mark.parametrize("form", ["json", "vtt", "srt", "txt", "rttm"])
def test_every_recording_gets_a_file_within_the_folder_with_what_a_single_export_has(
    place: Workplace, talks: str, tmp_path: Path, form: str
) -> None:
    folder = tmp_path / "out"
    done = exported(place, talks, "--all", "--format", form, "--to", str(folder))
    assert (done.exit_code, "3 recordings with 6 passages written" in done.output) == (0, True)
    files = sorted(path.name for path in folder.iterdir())
    assert files == sorted(file_name(each, form) for each in ("test:one", "test:two", "test:../up"))
    alone = exported(place, talks, "test:one", "--format", form).stdout
    assert (folder / f"test_one.{form}").read_text() == alone


@pytest.mark.postgres
def test_lines_have_a_recording_each_and_go_to_a_pipe_too(
    place: Workplace, talks: str, tmp_path: Path
) -> None:
    done = exported(place, talks, "--all", "--format", "jsonl")
    ids = [json.loads(line)["recording"]["id"] for line in done.stdout.splitlines() if line.startswith("{")]
    assert ids == ["test:../up", "test:one", "test:two"]
    path = tmp_path / "talks.jsonl"
    assert exported(place, talks, "--all", "--format", "jsonl", "--to", str(path)).exit_code == 0
    assert len(path.read_text().splitlines()) == 3
    assert list(tmp_path.glob(".talks*")) == []


@pytest.mark.postgres
def test_lines_for_their_owner_behind_a_link_stay_so(place: Workplace, talks: str, tmp_path: Path) -> None:
    path, link = tmp_path / "talks.jsonl", tmp_path / "link"
    path.touch(0o600)
    link.symlink_to(path)
    assert exported(place, talks, "--all", "--format", "jsonl", "--to", str(link)).exit_code == 0
    assert (link.is_symlink(), path.stat().st_mode & 0o777) == (True, 0o600)
    assert len(path.read_text().splitlines()) == 3


@pytest.mark.postgres
def test_parquet_has_a_row_per_passage(place: Workplace, talks: str, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "talks.parquet"
    assert exported(place, talks, "--all", "--format", "parquet", "--to", str(path)).exit_code == 0
    rows = parquet.read_table(path).to_pylist()
    assert [(row["recording"], row["passage"], row["speaker"], row["text"]) for row in rows[2:4]] == [
        ("test:one", 0, "ann", "Hello"),
        ("test:one", 1, "ann", "there"),
    ]
    assert (rows[2]["start_seconds"], rows[2]["end_seconds"]) == (0.0, 2.0)


@pytest.mark.postgres
def test_a_transcript_that_cannot_be_read_is_named_and_the_others_are_written(
    place: Workplace, talks: str, tmp_path: Path
) -> None:
    with connect(talks, application="tests") as connection:
        connection.execute(
            "update ingest.words set format = 999 where run = "
            "(select current_run from ingest.recording where id = 'test:one')"
        )
    path = tmp_path / "talks.jsonl"
    done = exported(place, talks, "--all", "--format", "jsonl", "--to", str(path))
    assert (done.exit_code, "not written: test:one: " in done.output) == (1, True)
    assert [json.loads(line)["recording"]["id"] for line in path.read_text().splitlines()] == [
        "test:../up",
        "test:two",
    ]


@pytest.mark.parametrize("arguments", [[], ["test:one", "--all"], ["test:one", "--format", "jsonl"]])
def test_one_recording_or_all_of_them_and_nothing_in_between(place: Workplace, arguments: list[str]) -> None:
    done = exported(place, "host=127.0.0.1 port=1", *arguments)
    assert done.exit_code == 2


HARD = [
    "test:a/b",
    "test:a_b",
    "test:.hidden",
    "test:" + "x" * 120,
    "test:" + "x" * 119 + "/",
    "test:é",
    "test:a b",
]


def test_no_two_recordings_share_a_file_and_none_leaves_its_folder() -> None:
    names = [file_name(each, "vtt") for each in HARD]
    assert len(set(names)) == len(HARD)
    assert not any("/" in name or name.startswith(".") or len(name.encode()) > 255 for name in names)
    assert {each.value for each in BulkFormat} >= {"jsonl", "parquet", "vtt"}
