"""A forked run is what a started one is; and when there is nothing to fork from, runs are started by
themselves, and that is said."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from math import inf
from pathlib import Path
from typing import Any

import psutil
import pytest

from ingest_contract.order import Item
from ingest_contract.order_variables import DSN_VARIABLE, ORDER_VARIABLE
from ingest_contract.receipt import decode
from ingest_operator.core.outcome import Ended, outcome_of
from ingest_operator.local.folders import RunFolder
from ingest_operator.local.forks import Forks
from ingest_operator.local.processes import Limits, RunFacts, WorkerProcess, launch, passed_on
from ingest_operator.local.starting import Alone, Launch
from tests.support.silent_runs import STAND_IN
from tests.support.worker import order_for, place_in

FACTS = RunFacts(0.0, charged_attempts=0, rung=0, disruptions=0)


@pytest.fixture(autouse=True)
def _stand_in_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(STAND_IN))


@pytest.fixture
def forks(tmp_path: Path) -> Iterator[Forks]:
    forks = Forks(passed_on(), tmp_path / "forking.log")
    forks.ready(threads=2)
    yield forks
    forks.close()


def until(look: Callable[[], Any], what: str, within: float = 180.0) -> Any:
    """Poll a process: not all of these are children of the test."""
    pause, deadline = threading.Event(), time.monotonic() + within
    while (found := look()) is None:
        assert time.monotonic() < deadline, f"not after {within} s: {what}"
        pause.wait(0.02)
    return found


def an_item(behaviour: str) -> Item:
    return Item(index=0, id="url:x", url="http://x", title=behaviour, duration_seconds=10)


def begun(folder: Path, behaviour: str, forks: Forks | None) -> WorkerProcess:
    run = RunFolder(folder / "run")
    place = place_in(run.path, folder).model_copy(update={"receipt": str(run.receipt)})
    order = order_for(Path("/x"), place, item=an_item(behaviour))
    return launch(run, order.to_json(), "the store", Limits(None, inf), FACTS, forks)


def the_end(process: WorkerProcess) -> Ended:
    return until(lambda: process.poll(time.time()), "the run is over")


def told(folder: Path, forks: Forks | None) -> dict[str, Any]:
    process = begun(folder, "tell", forks)
    assert the_end(process).exit_code == 0
    return dict(json.loads((process.folder.path / "told.json").read_text()))


def test_a_fork_sees_what_a_started_process_sees(tmp_path: Path, forks: Forks) -> None:
    (tmp_path / "alone").mkdir()
    (tmp_path / "forked").mkdir()
    alone, forked = told(tmp_path / "alone", None), told(tmp_path / "forked", forks)
    assert forks.runs
    here, there = (json.dumps(each, sort_keys=True) for each in (alone, forked))
    assert there.replace("forked", "alone") == here
    assert alone["environment"][DSN_VARIABLE] == "the store"
    assert alone["leads its session"]
    assert set(alone["files"]) == {"0", "1", "2"}


@pytest.mark.parametrize(
    "behaviour", ["exit 0", "exit 3", "exit 255", "exit words", "raise", "interrupt", "vanish", "mute"]
)
def test_a_fork_ends_as_a_started_process_does(tmp_path: Path, forks: Forks, behaviour: str) -> None:
    def end(folder: Path, forks: Forks | None) -> tuple[int | None, str]:
        process = begun(folder, behaviour, forks)
        return the_end(process).exit_code, process.folder.log.read_text().rpartition("\n  File")[2]

    alone, forked = end(tmp_path / "alone", None), end(tmp_path / "forked", forks)
    assert alone[0] == forked[0]
    assert alone[1].splitlines()[-1:] == forked[1].splitlines()[-1:]


def test_a_fork_can_be_asked_to_end_as_soon_as_it_is_known(tmp_path: Path, forks: Forks) -> None:
    for number in range(20):
        process = begun(tmp_path / str(number), "hang", forks)
        process.stop(0.0)  # by its clock nothing more follows for a long time
        ended = until(lambda process=process: process.poll(0.0), "it heard that at once", within=60.0)
        assert (outcome_of(ended).reason, ended.on_request) == ("Interrupted", True)


def test_runs_go_on_when_the_process_they_were_forked_from_dies_and_the_next_is_started_by_itself(
    tmp_path: Path, forks: Forks, caplog: pytest.LogCaptureFixture
) -> None:
    first = begun(tmp_path / "first", "hang", forks)
    until(lambda: (first.folder.path / "ready").exists() or None, "it runs")
    parent = psutil.Process(first.started.pid).parent()
    assert parent is not None
    assert "ingest_worker.forking" in parent.cmdline()
    parent.kill()
    parent.wait()
    assert first.poll(time.time()) is None
    second = begun(tmp_path / "second", "succeed", forks)
    assert outcome_of(the_end(second)).succeeded
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "one by one" in caplog.text
    first.stop(time.time())
    ended = the_end(first)
    assert (ended.exit_code, ended.on_request) == (None, True)
    assert ended.receipt is not None
    assert decode(ended.receipt).reason == "Interrupted"


def test_a_run_whose_exit_code_nobody_learned_is_believed_its_receipt(tmp_path: Path, forks: Forks) -> None:
    good, bad = begun(tmp_path / "good", "succeed", forks), begun(tmp_path / "bad", "mute", forks)
    until(lambda: good.folder.receipt.exists() or None, "the good one is done")
    parent = psutil.Process(good.started.pid).parent()
    assert parent is not None
    parent.kill()
    parent.wait()
    assert outcome_of(the_end(good)).succeeded
    assert outcome_of(the_end(bad)).reason == "Killed"


def test_closing_ends_the_forking_process_and_no_run(tmp_path: Path, forks: Forks) -> None:
    process = begun(tmp_path, "hang", forks)
    until(lambda: (process.folder.path / "ready").exists() or None, "it runs")
    parent = psutil.Process(process.started.pid).parent()
    assert parent is not None
    forks.close()
    assert not parent.is_running()
    assert process.poll(time.time()) is None
    os.killpg(process.started.pid, signal.SIGKILL)
    assert the_end(process).exit_code is None


@pytest.mark.parametrize(
    ("imports", "why"),
    [
        pytest.param(lambda _: "thread", "2 threads run", id="a thread"),
        pytest.param(lambda folder: f"open {folder}/nvidia0", "nvidia0", id="a GPU"),
        pytest.param(lambda _: "fail", "the imports failed: it ended with exit code 1", id="no imports"),
    ],
)
def test_what_must_not_fork_says_why_and_runs_are_started_by_themselves(
    tmp_path: Path, imports: Callable[[Path], str], why: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "nvidia0").touch()
    forks = Forks(passed_on() | {"STAND_IN_IMPORTS": imports(tmp_path)}, tmp_path / "forking.log")
    forks.ready(threads=2)
    assert not forks.runs
    process = begun(tmp_path, "succeed", forks)
    assert isinstance(process._process, Alone)
    assert outcome_of(the_end(process)).succeeded
    forks.ready(threads=2)  # asked once, told once
    assert [why in record.getMessage() for record in caplog.records] == [True]


def test_an_order_longer_than_a_sockets_buffer_arrives_whole(tmp_path: Path, forks: Forks) -> None:
    run = RunFolder(tmp_path)
    text = order_for(Path("/x"), place_in(tmp_path, tmp_path), item=an_item("tell")).to_json()
    long = {f"LONG_{index}": "x" * 100_000 for index in range(8)}
    wanted = Launch(tmp_path, passed_on() | long | {ORDER_VARIABLE: text}, run.output, run.log)
    process = forks.start(wanted)
    assert process is not None
    assert until(process.ended, "the run is over").code == 0
    assert json.loads((tmp_path / "told.json").read_text())["environment"].items() >= long.items()
