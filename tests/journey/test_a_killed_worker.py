"""`kill -9` at any stage, and a run that goes on:
nothing half done in the store, nothing finished done twice."""

import json
import os
import signal
import threading
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from ingest_worker.store.connect import connect
from tests.support.journey import Ctl

pytestmark = [pytest.mark.models, pytest.mark.postgres, pytest.mark.timeout(900)]

STAGES = ("fetch", "diarize", "store")
"""Nothing is kept yet; one stage of two is kept; all is kept and only the rows are missing."""
BETWEEN = ("decode", "transcribe", "embed")
"""What is kept in these is what was kept in one of the others, so they run by night."""
FILES = ("call.webm", "podcast.mp3", "meeting.ogg")
"""Half a minute each: one for each stage."""
FETCHING = ("fetch", "decode")
"""The stages of the first run of a recording, which fetches; the second ingests."""
KEPT = ("transcribe", "diarize", "identify", "embed")
"""Stages whose results are kept, in their order."""


@dataclass
class Batch:
    """Whose workers are killed, each recording's in another stage."""

    ctl: Ctl
    waiting: dict[int, str]
    """Index of a recording -> the stage in which its worker is still to be killed."""
    rows: dict[int, int] = field(default_factory=dict)
    """How many rows a recording had in the store when its worker was dead."""

    def run_of(self, index: int, number: int) -> Path:
        return self.ctl.folder() / "runs" / f"{index:05}-{number:02}"

    def killed_run(self, index: int, stage: str) -> Path:
        return self.run_of(index, 1 if stage in FETCHING else 2)

    def kill(self) -> None:
        """Kill the process group of each run whose progress names its stage."""
        for index, stage in list(self.waiting.items()):
            run = self.killed_run(index, stage)
            try:
                if f'"stage":"{stage}"' not in (run / "progress.json").read_text():
                    continue
                pid = json.loads((run / "started.json").read_text())["pid"]
            except OSError:  # it has not begun, or nobody has noted yet that it has
                continue
            os.killpg(pid, signal.SIGKILL)
            del self.waiting[index]
            self.rows[index] = self.stored(index)

    def stored(self, index: int) -> int:
        items = json.loads((self.ctl.folder() / "plan-0.json").read_text())["document"]["items"]
        query = "select count(*) from current_segments where recording = %s"
        with connect(self.ctl.dsn, application="test") as connection:
            found = connection.execute(query, (items[index]["id"],)).fetchone()
        assert found is not None
        return int(found[0])


@pytest.mark.parametrize("stages", [STAGES, pytest.param(BETWEEN, marks=pytest.mark.nightly)], ids="-".join)
def test_a_worker_killed_in_any_stage_leaves_no_half_recording_and_repeats_no_finished_stage(
    ctl: Ctl, stages: tuple[str, ...]
) -> None:
    document = ctl.batch(*FILES, voices=True, retry={"maxAttempts": 3, "backoffSeconds": 0})
    command = ctl.start("run", str(document), "--output", "json")
    batch, pause = Batch(ctl, dict(enumerate(stages))), threading.Event()
    while batch.waiting and command.poll() is None:
        batch.kill()
        pause.wait(0.002)
    output, _ = command.communicate(timeout=600)
    assert batch.waiting == {}, f"no worker was killed in these: {output}"
    assert batch.rows == dict.fromkeys(range(len(stages)), 0)

    status = json.loads(output)["status"]
    assert command.returncode == 0, output
    assert [(row["state"], row["run"]) for row in status["recordings"]] == [("Succeeded", 3)] * len(stages)
    for index, stage in enumerate(stages):
        how = json.loads((batch.killed_run(index, stage) / "ended.json").read_text())["exitCode"]
        assert how == 128 + signal.SIGKILL, f"the run was over before it was killed in {stage}"
        figures = json.loads((batch.run_of(index, 3) / "receipt.json").read_text())["stages"]
        resumed = {name for name, each in figures.items() if each.get("resumed")}
        finished = KEPT[: KEPT.index(stage)] if stage in KEPT else KEPT if stage == "store" else ()
        assert resumed == set(finished), (
            f"killed in {stage}: what was kept, and that alone, is not made again"
        )
    with connect(ctl.dsn, application="test") as connection:
        stored = connection.execute("select count(*), count(distinct run) from current_segments").fetchone()
    assert stored == (status["sums"]["segments"], len(stages))


def test_a_killed_command_is_taken_up_by_the_next_one(ctl: Ctl) -> None:
    batch = ctl.batch("call.webm", "hls/master.m3u8")
    command = ctl.start("run", str(batch), "--output", "json")
    first = ctl.folder() / "runs" / "00000-01"
    pause = threading.Event()
    while not (first / "progress.json").exists():
        assert command.poll() is None
        pause.wait(0.05)
    worker = json.loads((first / "started.json").read_text())["pid"]
    command.kill()
    command.communicate()
    result = ctl.run("run", str(batch), "--output", "json")
    assert not psutil.pid_exists(worker)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["status"]["counts"]["succeeded"] == 2
