"""Voices on this machine: heard before the batch is planned, by a process of their own each, and told."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ingest_contract.voice_orders import EnrolOrder
from ingest_operator.core.orders import Machine
from ingest_operator.local import enrolling, forks, session
from ingest_operator.local.enrolling import EnrolmentError
from ingest_operator.local.folders import BatchFolder
from ingest_operator.local.starting import Launch, Process
from testkit.objects.builders import a_voice
from tests.operator.local.test_local_session import STAND_IN, a_request, ran, states

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _stand_in_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(STAND_IN))


def orders(home: Path) -> dict[str, EnrolOrder]:
    folder = BatchFolder.of(home, "default", "batch").path / "voices"
    return {
        path.parent.name: EnrolOrder.model_validate_json(path.read_text())
        for path in folder.glob("*/order.json")
    }


def voice_lines(lines: list[str]) -> list[str]:
    return [line for line in lines if line.startswith("voice ")]


def test_the_voices_of_a_batch_are_enrolled_first_and_each_source_is_reported(tmp_path: Path) -> None:
    ann = a_voice("ann", "http://media/used", "http://media/refused+SeveralPeople", displayName="Ann Example")
    bob = a_voice("bob", "http://media/used")
    request = replace(a_request(tmp_path, "succeed", speakers={"profiles": ["ann"]}), speakers=(ann, bob))
    status, lines = ran(request)
    assert states(status) == {0: ("Succeeded", 2)}
    assert voice_lines(lines) == [
        "voice Ann Example: hearing what it is enrolled from",
        "voice Ann Example: http://media/used: used, 12.5 s of speech, 0.75 like the others",
        "voice Ann Example: http://media/refused+SeveralPeople: refused: SeveralPeople",
    ]
    planning = next(i for i, line in enumerate(lines) if line.startswith("planning"))
    assert lines.index(voice_lines(lines)[-1]) < planning
    (order,) = orders(tmp_path).values()
    assert (order.owner, order.profile, order.voice) == ("default", "default/ann", "Ann Example")
    run = json.loads((BatchFolder.of(tmp_path, "default", "batch").run(0, 2).order).read_text())
    assert [voice["name"] for voice in run["settings"]["voices"]] == ["Ann Example"]


def test_a_voice_of_which_the_store_has_everything_starts_no_process(tmp_path: Path) -> None:
    asked: list[str] = []

    def needs(order: EnrolOrder) -> bool:
        asked.append(order.voice)
        return order.voice == "bob"

    request = replace(a_request(tmp_path, "succeed"), speakers=(a_voice("bob"), a_voice("ann")), needs=needs)
    ran(request)
    assert asked == ["ann", "bob"]
    assert [order.voice for order in orders(tmp_path).values()] == ["bob"]


@pytest.mark.parametrize(("reason", "runs"), [("DownloadFailed", 3), ("NotIngested", 1), ("RateLimited", 1)])
def test_a_voice_that_cannot_be_heard_now_ends_the_command_after_the_others_were_heard(
    tmp_path: Path, reason: str, runs: int
) -> None:
    ann, bob = a_voice("ann", f"http://media/waits+{reason}"), a_voice("bob")
    with pytest.raises(EnrolmentError, match=f"voice ann is not enrolled: {reason}: as asked"):
        ran(replace(a_request(tmp_path, "succeed"), speakers=(ann, bob)))
    assert sorted(orders(tmp_path)) == [*(f"ann-{run:02d}" for run in range(1, runs + 1)), "bob-01"]
    saved = json.loads(BatchFolder.of(tmp_path, "default", "batch").status.read_text())["status"]
    failed = next(condition for condition in saved["conditions"] if condition["type"] == "Failed")
    assert reason in failed["message"]
    assert not (tmp_path / "batches/default/batch/runs").exists()


def test_a_voice_that_could_not_be_heard_is_heard_by_the_next_run(tmp_path: Path) -> None:
    with pytest.raises(EnrolmentError):
        ran(
            replace(a_request(tmp_path, "succeed"), speakers=(a_voice("ann", "http://media/waits+BotCheck"),))
        )
    status, _ = ran(replace(a_request(tmp_path, "succeed"), speakers=(a_voice("ann"),)))
    assert status.state == "Complete"


@pytest.mark.parametrize(
    ("cores", "imports"),
    [pytest.param(2, 1, id="with the same threads"), pytest.param(4, 2, id="with others")],
)
def test_voices_and_runs_are_forked_and_import_again_only_for_another_number_of_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cores: int, imports: int
) -> None:
    servers, forked = [], []

    class Server(forks._Server):
        def __init__(self, *given: Any) -> None:
            servers.append(self)
            super().__init__(*given)

    class Forks(forks.Forks):
        def start(self, launch: Launch) -> Process | None:
            process = super().start(launch)
            forked.append((launch.folder.name, process is not None))
            return process

    monkeypatch.setattr(forks, "_Server", Server)
    monkeypatch.setattr(session, "Forks", Forks)
    parallelism = cores // 2
    request = a_request(tmp_path, *["succeed"] * parallelism, parallelism=parallelism)
    request = replace(
        request, speakers=(a_voice("ann"), a_voice("bob")), machine=Machine(has_gpu=False, cores=cores)
    )
    status, _ = ran(request)
    assert status.counts.succeeded == parallelism
    runs = [(f"0000{index}-02", True) for index in range(parallelism)]
    assert forked == [("ann-01", True), ("bob-01", True), *runs]
    assert len(servers) == imports
    assert all(server._popen.poll() is not None for server in servers)


def test_one_recording_and_no_voice_are_not_worth_a_process_to_fork_from(tmp_path: Path) -> None:
    ran(a_request(tmp_path, "succeed"))
    assert not (BatchFolder.of(tmp_path, "default", "batch").path / "forking.log").exists()


def test_a_dry_run_hears_nobody(tmp_path: Path) -> None:
    status, lines = ran(replace(a_request(tmp_path, "succeed", dryRun=True), speakers=(a_voice("ann"),)))
    assert (status.state, voice_lines(lines), orders(tmp_path)) == ("DryRun", [], {})


def test_a_voice_that_another_batch_hears_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enrolling, "CLAIMED_SECONDS", 0.01)
    voice = a_voice("ann", "http://media/claimed")
    status, lines = ran(replace(a_request(tmp_path, "succeed"), speakers=(voice,)))
    assert status.state == "Complete"
    assert "used" in voice_lines(lines)[-1]
