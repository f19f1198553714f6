"""`ingestctl verify`, against a real store: a sound one passes, and each kind of damage is named."""

import json
from pathlib import Path

import pytest
from psycopg import sql
from typer.testing import CliRunner, Result

from ingest_worker.store.connect import connect
from ingest_worker.store.verification import CHECKS
from ingestctl.commands.every import app
from ingestctl.place import Workplace
from testkit.postgres import DIMENSION
from tests.support.command_page import commands_under
from tests.support.silent_runs import STAND_IN
from tests.worker.store.makers import a_recording, a_run, content, store

pytestmark = pytest.mark.postgres

FIGURES = {"coverage": {"segments": 2, "vectors": 2, "speech_seconds": "10.0", "wordless_seconds": "0.5"}}


@pytest.fixture
def talks(database: str) -> str:
    with connect(database, application="tests") as connection:
        for name in ("test:one", "test:two"):
            store(connection, content("Hello", "there"), a_recording(name), a_run(figures=FIGURES))
    return database


def verified(place: Workplace, dsn: str) -> tuple[Result, dict[str, list[str]]]:
    arguments = ["verify", "--home", str(place.home), "--dsn", dsn, "-o", "json"]
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    return done, {each["name"]: each["examples"] for each in json.loads(done.stdout)["findings"]}


def test_a_store_that_is_whole_passes_and_says_what_it_has(place: Workplace, talks: str) -> None:
    done, findings = verified(place, talks)
    assert (done.exit_code, findings) == (0, {})
    coverage = json.loads(done.stdout)["coverage"]
    assert (coverage["recordings"], coverage["ingested"], coverage["passages"], coverage["vectors"]) == (
        2,
        2,
        4,
        4,
    )
    table = CliRunner().invoke(app, ["verify", "--home", str(place.home), "--dsn", talks])
    assert "2 of 2 recordings ingested" in table.stdout
    assert "nothing is wrong" in table.stdout


def test_the_commands_of_the_page_before_and_after_a_batch_work(
    place: Workplace, talks: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INGEST_HOME", str(place.home))
    monkeypatch.setenv("INGEST_DSN", talks)
    monkeypatch.setenv("PYTHONPATH", str(STAND_IN))
    monkeypatch.chdir(tmp_path)
    Path("batch.yaml").write_text(BATCH)
    for _, *arguments in commands_under("Before and after"):
        done = CliRunner().invoke(app, arguments, catch_exceptions=False)
        assert done.exit_code == 0, (arguments, done.output)
        if arguments[0] == "plan":
            assert "GPU-hours at RTF 0.05" in done.stdout
    lines = [json.loads(line) for line in Path("talks.jsonl").read_text().splitlines()]
    assert [line["recording"]["id"] for line in lines] == ["test:one", "test:two"]


BATCH = """
apiVersion: video-ingest.dev/v1alpha1
kind: IngestBatch
metadata: {name: talks}
spec:
  sources: [{url: "http://media/succeed"}]
"""
OF_ONE = "run = (select current_run from ingest.recording where id = 'test:one')"
NEAREST = f"embeddings_{DIMENSION}_nearest"
DAMAGE = {
    "MissingVectors": "delete from ingest.embeddings_8 where segment in "
    "(select id from ingest.segment where {of_one} and seq = 0)",
    "MissingWords": "delete from ingest.words where {of_one}",
    "FewerVectorsThanReported": "delete from ingest.segment where {of_one} and seq = 0",
    "SpeechWithoutWords": "update ingest.run set figures = jsonb_set(figures, "
    "'{{coverage,wordless_seconds}}', '\"4.0\"') where recording = 'test:one'",
    "OtherLanguage": "update ingest.run set figures = figures || "
    '\'{{"quality": {{"sounds_like": "de"}}}}\' where recording = \'test:one\'',
    "OrphanedRuns": "update ingest.recording set current_run = null where id = 'test:one'",
    "OrphanedArtifacts": "insert into ingest.artifact (recording, stage, stage_hash, format, content, "
    "created_at) values ('test:gone', 'Words', 'h', 1, '', now() - interval '8 days')",
    "InvalidIndexes": "update pg_index set indisvalid = false "
    "where indexrelid = 'ingest.embeddings_8_nearest'::regclass",
    "MissingIndexes": "drop index ingest.embeddings_8_nearest",
}
NAMED = {
    "OrphanedArtifacts": "test:gone",
    "InvalidIndexes": NEAREST,
    "MissingIndexes": f"embeddings_{DIMENSION}",
}
WARNINGS = {"SpeechWithoutWords", "OtherLanguage", "OrphanedArtifacts"}


def test_every_check_has_a_damage_that_it_finds() -> None:
    assert set(DAMAGE) == {check.name for check in CHECKS}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_named_with_what_it_concerns_and_nothing_else_is(
    place: Workplace, talks: str, name: str
) -> None:
    with connect(talks, application="tests") as connection:
        connection.execute(sql.SQL(DAMAGE[name]).format(of_one=sql.SQL(OF_ONE)))
    done, findings = verified(place, talks)
    assert findings == {name: [NAMED.get(name, "test:one")]}
    assert done.exit_code == (0 if name in WARNINGS else 1)


def test_what_a_reader_may_not_see_is_reported_as_unchecked(place: Workplace, talks: str) -> None:
    with connect(talks, application="tests") as connection:
        connection.execute("create role a_reader_of_verify login in role ingest_reader")
    try:
        done, findings = verified(place, f"{talks} user=a_reader_of_verify")
        assert (done.exit_code, set(findings)) == (0, {"OrphanedArtifacts"})
        assert json.loads(done.stdout)["findings"][0]["severity"] == "unchecked"
    finally:
        with connect(talks, application="tests") as connection:
            connection.execute("drop role a_reader_of_verify")
