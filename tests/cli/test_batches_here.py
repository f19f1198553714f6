"""`ingestctl list`, `watch`, `why`, `logs` and `plan` of batches on this machine, with real processes: the
same answers as of a cluster's."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ingest_contract.batch import IngestBatch
from ingest_contract.documents import parse
from ingest_contract.names import API_VERSION
from ingest_contract.profile import IngestProfile
from ingest_operator.core.orders import Machine
from ingest_operator.local.folders import BatchFolder, RunFolder
from ingest_operator.local.interrupted import InterruptedBeforeRunsError
from ingest_operator.local.processes import read_started
from ingest_operator.local.session import Request, run
from ingest_operator.local.starting import born_at
from ingest_operator.local.status_store import alive, marked_alive, read_batch
from ingestctl import planning
from ingestctl.backends.here import Here
from ingestctl.backends.port import PassingError
from ingestctl.planning import LEFT_SECONDS, document, dry, planned
from ingestctl.watching import follow
from testkit.cluster.program import until
from tests.support.command_line import CommandLine
from tests.support.command_page import commands_under
from tests.support.silent_runs import STAND_IN, Silent

pytestmark = pytest.mark.slow


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PYTHONPATH", str(STAND_IN))
    monkeypatch.setenv("INGEST_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which a batch has run, for all tests here."""
    made = tmp_path_factory.mktemp("once")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(STAND_IN))
        ran(a_request(made, "succeed", "fail NotFound"))
    return made


@pytest.fixture
def finished(home: Path, once: Path) -> Path:
    """A copy of it: a batch `talks` of which one recording failed."""
    shutil.copytree(once / "batches", home / "batches")
    return home


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    return CommandLine(capsys, monkeypatch)


def a_request(home: Path, *behaviours: str, **spec: Any) -> Request:
    sources = [{"url": f"http://media/{behaviour.replace(' ', '+')}"} for behaviour in behaviours]
    wanted = {"sources": sources, "retry": {"backoffSeconds": 0, "maxAttempts": 1}} | spec
    batch = parse(
        {"apiVersion": API_VERSION, "kind": "IngestBatch", "metadata": {"name": "talks"}, "spec": wanted}
    )
    profile = parse({"apiVersion": API_VERSION, "kind": "IngestProfile", "metadata": {"name": "default"}})
    assert isinstance(batch, IngestBatch)
    assert isinstance(profile, IngestProfile)
    return Request(batch, profile, home, home / "models", "", Machine(has_gpu=False, cores=2))


def ran(request: Request) -> IngestBatch:
    return asyncio.run(run(request, Silent(), asyncio.Event(), time.time))


def test_a_batch_of_this_machine_is_listed_followed_and_explained(
    finished: Path, command: CommandLine
) -> None:
    batch = read_batch(BatchFolder.of(finished, "default", "talks"))
    assert batch is not None
    assert batch.status is not None
    (failed,) = (row for row in batch.status.recordings if row.reason is not None)
    (record,) = json.loads(command("list", "-o", "json").out)
    assert (record["namespace"], record["name"], record["state"]) == (
        "default",
        "talks",
        "CompleteWithFailures",
    )
    assert record["ageSeconds"] >= 0
    assert command("list").out.split()[-10:][:3] == ["default", "talks", "CompleteWithFailures"]
    followed = command("watch", "talks")
    assert (followed.code, "CompleteWithFailures: Every recording is final" in followed.err) == (1, True)
    assert "failed    fail NotFound  NotFound: " in followed.err, "with its title"
    lines = command("watch", "talks", "-o", "json").out.splitlines()
    assert [json.loads(line)["state"] for line in lines] == ["CompleteWithFailures"]
    why = command("why", "talks", failed.id)
    assert "NotFound: Nothing is at the address" in why.out
    assert "run `ingestctl run FILE --retry-failed`.\n" in why.out
    told = json.loads(command("why", "talks", f"#{failed.index}", "-o", "json").out)
    assert [(run["state"], run["exitCode"]) for run in told["runs"]] == [("Succeeded", 0), ("NotFound", 27)]
    logs = command("logs", "talks", failed.id, "-o", "json")
    assert (logs.code, json.loads(logs.out)["run"]["number"]) == (0, 2)
    assert command("logs", "talks", failed.id, "--run", "9").code == 2
    answers = [command(*arguments) for _, *arguments in commands_under("On this machine")]
    assert [said.code for said in answers] == [0, 0, 1, 0, 0, 0, 0, 0], "something failed, as `watch` says"
    text = (finished / "talks.html").read_text(encoding="utf-8")
    assert "default/talks" in text
    assert "NotFound" in text


def test_what_is_not_here_is_answered_with_what_is(home: Path, once: Path, command: CommandLine) -> None:
    assert "no batches in this machine" in command("list").err
    assert json.loads(command("list", "-o", "json").out) == []
    shutil.copytree(once / "batches", home / "batches")
    for verb in ("watch", "why", "report", "suspend", "resume", "retry"):
        missing = command(verb, "talk")
        assert (missing.code, "did you mean talks?" in missing.err) == (2, True), verb
        assert "kubectl ingest" in missing.err
    assert command("why", "talks", "nothing").code == 2
    retried = command("retry", "talks", "fail")
    assert (retried.code, "no recording 'fail'" in retried.err) == (2, True)
    retried = command("retry", "talks", "1")
    assert (retried.code, "`--retry RECORDING` one of them" in retried.err) == (2, True)
    here = command("suspend", "talks")
    assert (here.code, "Ctrl-C in `ingestctl run` suspends it" in here.err) == (2, True)


def test_the_watch_of_a_batch_that_nobody_carries_on_ends_and_says_so(finished: Path) -> None:
    folder = BatchFolder.of(finished, "default", "talks")
    text = json.loads(folder.status.read_text())
    text["status"]["conditions"] = []
    folder.status.write_text(json.dumps(text))
    said: list[str] = []
    shown: list[object] = []
    asyncio.run(follow(Here(finished, "default"), "talks", lambda *seen: shown.append(seen), said.append))
    assert said == ["nobody carries default/talks on: `ingestctl run` with its file does"]
    assert len(shown) == 1


def test_the_watch_goes_on_while_a_run_holds_the_batch_and_when_the_place_is_silent_for_a_moment(
    finished: Path,
) -> None:
    folder = BatchFolder.of(finished, "default", "talks")
    whole = folder.status.read_text()
    text = json.loads(whole)
    text["status"]["conditions"] = []
    folder.status.write_text(json.dumps(text))

    class Flaky(Here):
        async def get(self, name: str) -> Any:
            if len(paused) == 1:
                raise PassingError("no answer")
            return await super().get(name)

    paused: list[float] = []
    said: list[str] = []

    async def pause(seconds: float) -> None:
        paused.append(seconds)
        if len(paused) == 3:
            folder.status.write_text(whole)

    with marked_alive(folder, "somebody"):
        found = asyncio.run(follow(Flaky(finished, "default"), "talks", lambda *_: None, said.append, pause))
    assert said == ["no answer; asked again"]
    assert found.batch is not None
    assert len(paused) == 3


TYPED = """
import signal
# what runs in the background ignores it, and so would this
signal.signal(signal.SIGINT, signal.default_int_handler)
import sys
sys.argv = ["ingestctl", "watch", "talks"]
from ingestctl.__main__ import main
main()
"""


def test_ctrl_c_ends_the_watch_and_leaves_no_traceback(finished: Path) -> None:
    folder = BatchFolder.of(finished, "default", "talks")
    text = json.loads(folder.status.read_text())
    text["status"]["conditions"] = []
    folder.status.write_text(json.dumps(text))
    with (
        marked_alive(folder, "somebody"),
        subprocess.Popen([sys.executable, "-c", TYPED], stderr=subprocess.PIPE, text=True) as watching,
    ):
        assert watching.stderr is not None
        first = watching.stderr.readline()
        watching.send_signal(signal.SIGINT)
        rest = watching.stderr.read()
        assert watching.wait(180) == 130
    assert first.startswith("NotSeen: No operator has reconciled the batch")
    assert "Traceback" not in rest


def test_a_watch_that_nobody_reads_any_more_ends(finished: Path) -> None:
    folder = BatchFolder.of(finished, "default", "talks")
    text = json.loads(folder.status.read_text())
    text["status"]["conditions"] = []
    folder.status.write_text(json.dumps(text))
    reading, writing = os.pipe()
    os.close(reading)
    with marked_alive(folder, "somebody"), os.fdopen(writing, "w") as nobody:
        done = subprocess.run([sys.executable, "-c", TYPED], stderr=nobody, check=False, timeout=180)
    assert done.returncode == 1


def left_in(home: Path) -> list[str]:
    """The folders of batches and of plans that are still there."""
    return sorted(folder.path.name for folder in BatchFolder.every(home))


def test_a_plan_says_what_would_be_done_and_leaves_nothing_behind(home: Path) -> None:
    request = a_request(home, "succeed", "fail NotFound")
    found = asyncio.run(planned(dry(request), Silent(), time.time, 0.1))
    told = document(found)
    assert (told["recordings"], told["leftOut"], told["rtf"]) == (2, [], 0.1)
    assert told["gpuHours"] == round(told["mediaHours"] * 0.1, 3)
    assert left_in(home) == []


def test_a_plan_leaves_every_batch_alone_whatever_it_is_called(home: Path) -> None:
    others = [BatchFolder.of(home, "default", name) for name in ("talks", "dry-run-talks", "plans")]
    for other in others:
        other.path.mkdir(parents=True)
        other.status.write_text("what ran here", encoding="utf-8")
    asyncio.run(planned(dry(a_request(home, "succeed")), Silent(), time.time, 0.1))
    assert [other.status.read_text(encoding="utf-8") for other in others] == ["what ran here"] * 3


def test_a_plan_clears_up_after_one_that_was_killed_and_leaves_one_that_goes_on(home: Path) -> None:
    folders = [BatchFolder(home / "plans" / name) for name in ("killed", "fresh", "long")]
    long_ago = time.time() - LEFT_SECONDS - 60
    for folder in folders:
        folder.path.mkdir(parents=True)
    with marked_alive(folders[2], "somebody"):
        for folder in (folders[0], folders[2]):
            os.utime(folder.path, (long_ago, long_ago))
        asyncio.run(planned(dry(a_request(home, "succeed")), Silent(), time.time, 0.1))
        assert alive(home) == {"somebody"}
    assert left_in(home) == ["fresh", "long"]


def test_a_plan_that_ends_while_another_begins_harms_nobody(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ending(folder: BatchFolder) -> bool:
        shutil.rmtree(folder.path)
        return False

    (home / "plans" / "ending").mkdir(parents=True)
    monkeypatch.setattr(planning, "is_alive", ending)
    found = asyncio.run(planned(dry(a_request(home, "succeed")), Silent(), time.time, 0.1))
    assert (len(found.items), left_in(home)) == (1, [])


def test_ctrl_c_ends_the_process_that_plans(home: Path) -> None:
    """It would read a channel for an hour more, for nobody."""

    async def interrupted() -> int:
        task = asyncio.create_task(planned(dry(a_request(home, "endless")), Silent(), time.time, 0.1))
        began = "plans/*/plans/0000-01/started.json"
        await asyncio.to_thread(until, lambda: next(home.glob(began), None) is not None, "somebody plans")
        (facts,) = (RunFolder(path.parent) for path in home.glob(began))  # noqa: ASYNC240  one folder
        started = read_started(facts)
        assert started is not None
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(InterruptedBeforeRunsError):
            await task
        return started.pid

    assert born_at(asyncio.run(interrupted())) is None
    assert left_in(home) == []
