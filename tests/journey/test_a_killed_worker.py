"""`kill -9` at any stage, and a run that goes on:
nothing half done in the store, nothing finished done twice."""

import json
import os
import signal
import threading
import time
from pathlib import Path

import psutil
import pytest

from ingest_worker.store.connect import connect
from tests.support.journey import Ctl

pytestmark = [pytest.mark.models, pytest.mark.postgres, pytest.mark.timeout(900)]

STAGES = ("fetch", "diarize", "store")
"""Nothing is kept yet; one stage of two is kept; all is kept and only the rows are missing."""
FETCHING = ("fetch", "decode")
"""The stages of the first run of a recording, which fetches; the second ingests."""
BETWEEN = ("decode", "transcribe", "embed")
"""What is kept in these is what was kept in one of the others, so they run by night."""
NAMED = ("embed", "store")
"""Stages before which people are named, so that there must be voices."""
EACH = [*STAGES, *(pytest.param(stage, marks=pytest.mark.nightly) for stage in BETWEEN)]


def kill_in(stage: str, run: Path, within: float = 300.0) -> bool:
    """Kill the run's process group when its progress names the stage; False if the run was over before."""
    pause = threading.Event()
    deadline = time.monotonic() + within
    while time.monotonic() < deadline and not (run / "ended.json").exists():
        try:
            now = json.loads((run / "progress.json").read_text())["stage"]
            pid = json.loads((run / "started.json").read_text())["pid"]
        except (OSError, ValueError, KeyError):
            now, pid = None, None
        if now == stage and pid is not None:
            os.killpg(pid, signal.SIGKILL)
            return True
        pause.wait(0.001)
    return False


@pytest.mark.parametrize("stage", EACH)
def test_a_worker_killed_in_any_stage_leaves_no_half_recording_and_repeats_no_finished_stage(
    ctl: Ctl, stage: str
) -> None:
    batch = ctl.batch("call.webm", voices=stage in NAMED, retry={"maxAttempts": 3, "backoffSeconds": 0})
    command = ctl.start("run", str(batch), "--output", "json")
    runs = [ctl.folder() / "runs" / f"00000-0{number}" for number in (1, 2, 3)]
    killed = kill_in(stage, runs[0] if stage in FETCHING else runs[1])
    with connect(ctl.dsn, application="test") as connection:
        seen = connection.execute("select count(*) from current_segments").fetchone()
    output, _ = command.communicate(timeout=600)
    assert killed, f"the run was over before it reached {stage}"
    assert seen == (0,)

    status = json.loads(output)["status"]
    assert command.returncode == 0, output
    assert [(row["state"], row["run"]) for row in status["recordings"]] == [("Succeeded", 3)]
    receipt = json.loads((runs[2] / "receipt.json").read_text())
    resumed = {name for name, figures in receipt["stages"].items() if figures.get("resumed")}
    order = ("transcribe", "diarize", "identify", "embed")
    finished = (
        set(order[: order.index(stage)]) if stage in order else set(order) if stage == "store" else set()
    )
    assert finished <= resumed | (set(order) - set(receipt["stages"]))
    with connect(ctl.dsn, application="test") as connection:
        stored = connection.execute("select count(*), count(distinct run) from current_segments").fetchone()
    assert stored is not None
    assert stored[0] == status["sums"]["segments"]
    assert stored[1] == 1


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
