"""`ingestctl report`: what it takes of the store, and where it writes."""

import re
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from ingest_contract.status import ReasonCount
from ingest_operator.local.folders import BatchFolder, write_atomically
from ingest_worker.store.connect import connect
from ingestctl.backends.choice import Where
from ingestctl.commands import reporting
from ingestctl.commands.every import app
from ingestctl.place import Workplace
from testkit.objects.builders import a_batch
from testkit.objects.statuses import a_status
from tests.worker.store.makers import a_recording, a_run, content, named, store

THIS, EARLIER = "1" * 32, "2" * 32


def a_home(folder: Path, trace_id: str | None = THIS, **more: object) -> Path:
    """A home with a batch `default/talks` that has a status."""
    status = a_status().model_copy(update={"trace_id": trace_id} | more)
    batch = a_batch().model_copy(update={"status": status})
    path = BatchFolder.of(folder, "default", "talks").status
    write_atomically(path, batch.model_dump_json(exclude_none=True))
    return folder


def reported(home: Path, *options: object) -> Result:
    return CliRunner().invoke(app, ["report", "talks", "--home", str(home), *map(str, options)])


def text_of(home: Path, database: str) -> str:
    to = home / "report.html"
    done = reported(home, "--dsn", database, "--to", to)
    assert done.exit_code == 0, done.output
    return to.read_text(encoding="utf-8")


@pytest.mark.postgres
def test_runs_and_speakers_are_those_of_this_life_of_the_batch(tmp_path: Path, database: str) -> None:
    lives = ((EARLIER, "test:old", "olaf"), (THIS, "test:new", "nina"))
    with connect(database, application="tests") as connection:
        for trace_id, recording, who in lives:
            said = content("hello", identities=(named(0, who),))
            store(connection, said, a_recording(recording), a_run(batch="default/talks", trace_id=trace_id))
    text = text_of(a_home(tmp_path), database)
    assert [each for each in ("test:new", "nina") if each not in text] == []
    assert [each for each in ("test:old", "olaf", "the store has") if each in text] == []
    unknown = text_of(a_home(tmp_path, None), database)
    assert "test:new" in unknown
    assert "test:old" in unknown, "a status without an id tells no lives apart"


@pytest.mark.postgres
def test_what_is_left_out_is_said(tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reporting, "SHOWN_RUNS", 1)
    monkeypatch.setattr(reporting, "SHOWN_VOICES", 1)
    with connect(database, application="tests") as connection:
        for number in range(2):
            said = content("hello", identities=(named(0, f"person {number}"),))
            run = a_run(batch="default/talks", trace_id=THIS)
            store(connection, said, a_recording(f"test:{number}"), run)
    text = text_of(a_home(tmp_path), database)
    assert "are the latest 1 of this batch: the store has earlier ones" in text
    assert "The 1 of this batch who speak most: the store has more." in text


@pytest.mark.parametrize("place", ["/dev/null/report.html", "."])
def test_a_file_that_cannot_be_written_is_named_in_one_sentence(tmp_path: Path, place: str) -> None:
    done = reported(a_home(tmp_path), "--to", tmp_path / place)
    assert done.exit_code == 2
    said = " ".join(done.output.replace("\u2502", " ").split())
    assert "--to" in said
    assert "cannot be written" in said


def test_a_report_of_this_machine_names_no_command_that_refuses_its_batch(tmp_path: Path) -> None:
    home, to = a_home(tmp_path, failures=(ReasonCount(reason="NotFound", count=1),)), tmp_path / "report.html"
    assert reported(home, "--to", to).exit_code == 0
    text = re.sub("</?span[^>]*>", "", to.read_text(encoding="utf-8"))
    assert "ingestctl run FILE --retry-failed" in text
    assert "ingestctl retry" not in text


def test_a_store_is_there_once_it_is_named_or_was_made(place: Workplace) -> None:
    assert not place.has_store
    assert Workplace.of(place.home, "postgresql://db/ingest").has_store
    data = place.home / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("18\n")
    assert place.has_store


def test_a_place_is_this_machine_unless_a_cluster_is_named() -> None:
    assert Where(None, None, None, cluster=False, home=None).is_here
    assert not Where(None, "there", None, cluster=False, home=None).is_here
    assert not Where(None, None, "config", cluster=False, home=None).is_here
    assert not Where(None, None, None, cluster=True, home=None).is_here
