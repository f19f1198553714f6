"""Every command that prints JSON, against a real store and a batch that ran here: each time in it is text in
UTC, which the fixture `for_programs` looks for."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ingest_contract.batch import IngestBatch
from ingest_contract.documents import parse
from ingest_contract.names import API_VERSION
from ingest_contract.profile import IngestProfile
from ingest_operator.core.orders import Machine
from ingest_operator.local.session import Request, run
from ingest_worker.store.connect import connect
from ingestctl.commands.every import app
from tests.cli.test_options import COMMANDS, options
from tests.support.json_times import odd_times
from tests.support.silent_runs import STAND_IN, Silent
from tests.worker.store.talks import ANN, BOB, TWO, heard, talk

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

BATCH: dict[str, Any] = {
    "apiVersion": API_VERSION,
    "kind": "IngestBatch",
    "metadata": {"name": "talks"},
    "spec": {"sources": [{"url": "http://media/succeed"}], "retry": {"maxAttempts": 1}},
}
STORED = {
    "search": ("search", "--words", "word0"),
    "verify": ("verify",),
    "voices list": ("voices", "list"),
    "voices name": ("voices", "name", "#1", "Ann Lee"),
    "voices merge": ("voices", "merge", "Ann Lee", "#2", "--dry-run"),
    "voices split": ("voices", "split", "Ann Lee", "--recording", "test:one", "--dry-run"),
    "voices correct": ("voices", "correct", "test:one", "--is", "#2", "--voice", "Ann Lee", "--dry-run"),
    "voices undo": ("voices", "undo", "1", "--dry-run"),
    "voices show": ("voices", "show", "Ann Lee"),
    "voices history": ("voices", "history"),
    "plan": ("plan", "batch.yaml"),
    "models list": ("models", "list"),
    "forget": ("forget", "--recording", "test:one", "--yes"),
    "tombstones list": ("tombstones", "list"),
}
"""In an order in which each has something to say."""
OF_A_BATCH = {
    "list": ("list",),
    "status": ("status", "talks"),
    "watch": ("watch", "talks"),
    "why": ("why", "talks", "0"),
    "logs": ("logs", "talks", "0"),
}
PRINTED_BY_STATUS = {"run"}
"""`run.show` prints its document as that of `status`."""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home in which a batch ran."""
    monkeypatch.setenv("PYTHONPATH", str(STAND_IN))
    monkeypatch.setenv("INGEST_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    Path("batch.yaml").write_text(json.dumps(BATCH))
    batch = parse(BATCH)
    profile = parse({"apiVersion": API_VERSION, "kind": "IngestProfile", "metadata": {"name": "default"}})
    assert isinstance(batch, IngestBatch)
    assert isinstance(profile, IngestProfile)
    machine = Machine(has_gpu=False, cores=2)
    request = Request(batch, profile, tmp_path, tmp_path / "models", "", machine)
    asyncio.run(run(request, Silent(), asyncio.Event(), time.time))
    return tmp_path


def test_every_command_that_prints_json_is_here() -> None:
    with_json = {name for name in COMMANDS if "--output" in options(name)}
    assert with_json == {*STORED, *OF_A_BATCH} | PRINTED_BY_STATUS


@pytest.mark.usefixtures("home")
def test_times_of_every_command_are_text_in_utc(database: str, for_programs: list[Any]) -> None:
    """The store's server is in Tokyo."""
    with connect(database, application="tests") as connection:
        heard(connection, "test:one", talk(TWO, (ANN, BOB)))
    dsn = f"{database} options='-c TimeZone=Asia/Tokyo'"
    times: dict[str, str] = {}
    for name, arguments in {**STORED, **OF_A_BATCH}.items():
        where = ("--dsn", dsn) if name in STORED and name != "models list" else ()
        before = len(for_programs)
        done = CliRunner().invoke(app, [*arguments, *where, "-o", "json"], catch_exceptions=False)
        assert (name, done.exit_code) == (name, 0), done.output
        assert list(odd_times(for_programs[before:])) == [], name
        times[name] = json.dumps(for_programs[before:])
    told = {name for name, text in times.items() if '"20' in text}
    assert told >= {"list", "status", "watch", "why", "logs", "search", "voices history", "tombstones list"}
