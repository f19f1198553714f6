"""`ingestctl logs --follow` of batches on this machine, with real processes."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingest_contract.batch import IngestBatch
from ingest_contract.documents import parse
from ingest_contract.names import API_VERSION
from ingest_contract.profile import IngestProfile
from ingest_operator.core.orders import Machine
from ingest_operator.local.folders import BatchFolder
from ingest_operator.local.planning import read_items
from ingest_operator.local.session import Request, run
from ingestctl.backends.here import Here
from ingestctl.log_following import Wanted, follow_logs
from testkit.cluster.program import until
from tests.support.command_line import CommandLine
from tests.support.silent_runs import STAND_IN, Silent

pytestmark = pytest.mark.slow

FAILS_ONCE = "speak Unknown"


class Story:
    """A batch that runs, and what a follower of its logs has printed."""

    def __init__(self, home: Path, *titles: str) -> None:
        self.home, self.lines, self.said = home, list[tuple[int, str]](), list[str]()
        for index in range(len(titles)):
            (home / "models").mkdir(exist_ok=True)
            os.mkfifo(self.pipe(index))
        sources = [{"url": f"http://media/{title.replace(' ', '+')}"} for title in titles]
        spec = {
            "sources": sources,
            "parallelism": 2,
            "retry": {"backoffSeconds": 0, "maxAttempts": 2},
        }
        kinds = ("IngestBatch", "talks", {"spec": spec}), ("IngestProfile", "default", {})
        batch, profile = (
            parse({"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}} | rest)
            for kind, name, rest in kinds
        )
        assert isinstance(batch, IngestBatch)
        assert isinstance(profile, IngestProfile)
        self.request = Request(batch, profile, home, home / "models", "", Machine(has_gpu=False, cores=2))
        self.folder = BatchFolder.of(home, "default", "talks")

    def pipe(self, index: int) -> Path:
        return self.home / "models" / f"go-{index}"

    def carried_out(self, beside: Callable[[], Any]) -> Any:
        """What happens beside the batch, in a thread; both to their ends."""

        async def both() -> Any:
            batch = asyncio.create_task(run(self.request, Silent(), asyncio.Event(), time.time))
            told = await asyncio.to_thread(beside)
            await batch
            return told

        return asyncio.run(both())

    def until_planned(self) -> None:
        until(lambda: self.folder.status.is_file() and read_items(self.folder), "it is planned")

    def follow(self, wanted: Wanted) -> asyncio.Task[Any]:
        return asyncio.create_task(
            follow_logs(
                Here(self.home, "default"),
                wanted,
                lambda items, _, line: self.lines.append((items[0].index, line)),
                self.said.append,
            )
        )

    async def until_line(self, index: int, line: str) -> None:
        await asyncio.to_thread(until, lambda: (index, line) in self.lines, line)

    async def tell(self, index: int, word: str) -> None:
        await asyncio.to_thread(self.pipe(index).write_text, word)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PYTHONPATH", str(STAND_IN))
    monkeypatch.setenv("INGEST_HOME", str(tmp_path))
    return tmp_path


def test_the_log_of_a_recording_is_followed_through_its_runs_to_its_end(home: Path) -> None:
    story = Story(home, FAILS_ONCE)

    async def beside() -> None:
        following = story.follow(Wanted("talks", "url:0"))
        await story.until_line(0, "run 2 begins")
        await story.tell(0, "fail")
        await story.until_line(0, "run 3 begins")
        assert not following.done(), "the recording has another run"
        await story.tell(0, "succeed")
        await following

    def in_a_thread() -> None:
        story.until_planned()
        asyncio.run(beside())

    story.carried_out(in_a_thread)
    assert [line for _, line in story.lines] == [
        "run 2 begins",
        "run 2 was told fail",
        "run 3 begins",
        "run 3 was told succeed",
    ], "each line once, in order"
    assert story.said[-3:] == ["run 2 (Ingest) of url:0", "run 3 (Ingest) of url:0", "url:0: Succeeded"]


TYPED = """
import signal
# what runs in the background ignores it, and so would this
signal.signal(signal.SIGINT, signal.default_int_handler)
import sys
sys.argv = ["ingestctl", "logs", "talks", "-f"]
from ingestctl.__main__ import main
main()
"""


def test_a_batch_is_followed_with_its_recordings_in_front_and_ctrl_c_ends_that_alone(home: Path) -> None:
    story = Story(home, FAILS_ONCE, FAILS_ONCE)

    def beside() -> tuple[list[str], int, str]:
        story.until_planned()
        with subprocess.Popen(
            [sys.executable, "-c", TYPED], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as following:
            assert following.stdout is not None
            assert following.stderr is not None
            patience = threading.Timer(60, following.kill)  # else a line that does not come is waited for
            patience.start()
            first = sorted(following.stdout.readline() for _ in range(2))
            following.send_signal(signal.SIGINT)
            rest, code = following.stderr.read(), following.wait(60)
            patience.cancel()
        for index in range(2):
            story.pipe(index).write_text("succeed")
        return first, code, rest

    first, code, said = story.carried_out(beside)
    assert first == ["[#0 0] run 2 begins\n", "[#1 1] run 2 begins\n"]
    assert (code, "Traceback" in said) == (130, False)


def test_what_is_over_is_printed_to_its_end_and_the_command_returns(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    story = Story(home, FAILS_ONCE)

    def beside() -> None:
        for word in ("fail", "succeed"):
            story.pipe(0).write_text(word)
            until(lambda word=word: word in written(story), f"it was told {word}")  # type: ignore[misc]  # a name of its own

    story.carried_out(beside)
    command = CommandLine(capsys, monkeypatch)
    followed = command("logs", "talks", "0", "--follow")
    assert (followed.code, followed.out) == (0, "run 3 begins\nrun 3 was told succeed\n")
    assert followed.err.endswith("url:0: Succeeded\n")
    second = command("logs", "talks", "0", "-f", "--run", "2", "--tail", "1")
    assert (second.code, second.out) == (0, "run 2 was told fail\n")
    assert second.err.endswith("run 2 of url:0: Unknown\n")
    (line,) = command("logs", "talks", "0", "-f", "--tail", "1", "-o", "json").out.splitlines()
    assert json.loads(line) == {"recordings": ["url:0"], "run": 3, "line": "run 3 was told succeed"}
    whole = command("logs", "talks", "-f")
    assert (whole.code, whole.out) == (0, ""), "nothing of it is written any more"
    for wrong, words in (
        (("logs", "talks"), "which recording?"),
        (("logs", "talks", "-f", "--run", "2"), "a run of which recording?"),
        (("logs", "talks", "0", "-f", "-o", "yaml"), "an object per line"),
        (("logs", "talks", "nothing", "-f"), "no recording 'nothing'"),
    ):
        refused = command(*wrong)
        assert (refused.code, words in " ".join(refused.err.split())) == (2, True), refused.err


def written(story: Story) -> str:
    return "".join(path.read_text() for path in story.folder.path.glob("runs/*/log.jsonl"))


def test_a_batch_that_nobody_carries_on_ends_the_following_with_what_its_run_wrote(home: Path) -> None:
    story = Story(home, FAILS_ONCE)
    story.carried_out(lambda: story.pipe(0).write_text("succeed"))
    text = json.loads(story.folder.status.read_text())
    text["status"] |= {"conditions": [], "finalRecordings": {}, "recordings": []}
    story.folder.status.write_text(json.dumps(text))

    async def followed() -> None:
        await story.follow(Wanted("talks", "url:0"))

    asyncio.run(followed())
    assert [line for _, line in story.lines] == ["run 2 begins", "run 2 was told succeed"]
    assert story.said[-1] == "nobody carries default/talks on: `ingestctl run` with its file does"
