"""The local backend with real processes, started by themselves and forked: how each can end, and what a later
session makes of what an earlier one left."""

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from ingest_contract.batch import IngestBatch
from ingest_contract.documents import parse
from ingest_contract.failures import Reason
from ingest_contract.order import Item
from ingest_contract.profile import IngestProfileSpec
from ingest_operator.core.actions import Start
from ingest_operator.core.ledger import Ledger
from ingest_operator.core.orders import Machine, Orders, runtime_of, settings_of
from ingest_operator.core.outcome import Outcome, Run, outcome_of
from ingest_operator.local.cluster import LocalCluster, Site
from ingest_operator.local.folders import BatchFolder
from ingest_operator.local.forks import Forks
from ingest_operator.local.processes import passed_on
from tests.support.silent_runs import STAND_IN


class Way:
    """How the runs of these tests are started."""

    forks: Forks | None = None


@pytest.fixture(autouse=True, scope="module", params=["alone", "forked"])
def _stand_in_worker(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(STAND_IN))
        folder = tmp_path_factory.mktemp("forking")
        Way.forks = Forks(passed_on(), folder / "forking.log") if request.param == "forked" else None
        yield
        if Way.forks is not None:
            assert Way.forks.runs, "every run of this round was to be a fork"
            Way.forks.close()
            Way.forks = None


def orders() -> Orders:
    metadata = {"name": "batch"}
    batch = parse(
        {
            "apiVersion": "video-ingest.dev/v1alpha1",
            "kind": "IngestBatch",
            "metadata": metadata,
            "spec": {"sources": [{"url": "http://x"}]},
        }
    )
    assert isinstance(batch, IngestBatch)
    profile = IngestProfileSpec()
    return Orders(
        batch,
        profile,
        settings_of(batch, profile, ()),
        runtime_of(profile, Machine(has_gpu=False, cores=2), 1),
        "0" * 32,
    )


def a_cluster(
    tmp_path: Path, *, memory_bytes: int | None = None, clock: Callable[[], float] = time.time
) -> LocalCluster:
    site = Site(BatchFolder(tmp_path), "/nowhere", "", memory_bytes, cache=str(tmp_path / "cache"))
    return LocalCluster(orders(), site, clock, Way.forks)


def started(cluster: LocalCluster, behaviour: str, *, number: int = 1) -> None:
    item = Item(index=0, id="url:x", url="http://x", title=behaviour, duration_seconds=10)
    asyncio.run(cluster.start(Start(0, number, charged_attempts=0, rung=0, disruptions=0), item))


def until(look: Callable[[], Any], within: float = 30.0) -> Any:
    """Poll a real process: the only way to wait for one that is not a child of the test."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if (found := look()) is not None:
            return found
        asyncio.run(asyncio.sleep(0.05))
    raise AssertionError(f"nothing after {within} s")


def runs(cluster: LocalCluster) -> tuple[Run, ...]:
    return asyncio.run(cluster.observe(Ledger())).runs


def the_end(cluster: LocalCluster) -> Run:
    def look() -> Run | None:
        return next((run for run in runs(cluster) if run.ended is not None), None)

    return until(look)


def outcome(cluster: LocalCluster) -> Outcome:
    ended = the_end(cluster).ended
    assert ended is not None
    return outcome_of(ended)


def ready(tmp_path: Path) -> Path:
    folder = BatchFolder(tmp_path).run(0, 1).path
    until(lambda: True if (folder / "ready").exists() else None)
    return folder


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("succeed", None),
        ("fail NotFound", Reason.NOT_FOUND),
        ("fail GpuOutOfMemory", Reason.GPU_OUT_OF_MEMORY),
        ("mute", Reason.RECEIPT_MISSING),
        ("vanish", Reason.KILLED),
    ],
)
def test_a_process_ends_as_its_receipt_and_its_exit_say(
    tmp_path: Path, behaviour: str, reason: Reason | None
) -> None:
    cluster = a_cluster(tmp_path)
    started(cluster, behaviour)
    assert outcome(cluster).reason is reason


def test_a_process_over_its_memory_limit_is_killed_and_told_apart_from_other_kills(tmp_path: Path) -> None:
    cluster = a_cluster(tmp_path, memory_bytes=200 * 1024 * 1024)
    started(cluster, "grow")
    assert outcome(cluster).reason is Reason.HOST_OUT_OF_MEMORY


def test_a_process_past_its_deadline_is_killed_and_says_so(tmp_path: Path) -> None:
    now = [0.0]
    cluster = a_cluster(tmp_path, clock=lambda: now[0])
    started(cluster, "hang")
    ready(tmp_path)
    now[0] = 1e6
    assert outcome(cluster).reason is Reason.DEADLINE_EXCEEDED


def test_a_process_that_is_asked_to_end_does_so_and_is_not_blamed(tmp_path: Path) -> None:
    cluster = a_cluster(tmp_path)
    started(cluster, "hang")
    ready(tmp_path)
    asyncio.run(cluster.stop(0, 1))
    run = the_end(cluster)
    assert run.ended is not None
    assert (outcome_of(run.ended).reason, run.ended.on_request, run.ended.exit_code) == (
        Reason.INTERRUPTED,
        True,
        143,
    )


def test_a_process_that_does_not_listen_is_killed_after_the_grace_period(tmp_path: Path) -> None:
    now = [0.0]
    cluster = a_cluster(tmp_path, clock=lambda: now[0])
    started(cluster, "deaf")
    ready(tmp_path)
    asyncio.run(cluster.stop(0, 1))
    now[0] = 60.0
    assert outcome(cluster).reason is Reason.INTERRUPTED


def test_a_process_takes_its_children_with_it(tmp_path: Path) -> None:
    cluster = a_cluster(tmp_path)
    started(cluster, "family")
    child = psutil.Process(int((ready(tmp_path) / "child.pid").read_text()))
    asyncio.run(cluster.stop(0, 1))
    the_end(cluster)
    gone, alive = psutil.wait_procs([child], timeout=10)
    assert (len(gone), alive) == (1, [])


def test_a_run_holds_the_machine_from_its_start_to_its_end(tmp_path: Path) -> None:
    now = [100.0]
    cluster = a_cluster(tmp_path, clock=lambda: now[0])
    started(cluster, "hang")
    ready(tmp_path)
    now[0] = 130.0
    asyncio.run(cluster.stop(0, 1))
    run = the_end(cluster)
    assert (run.held_seconds, run.gpu_seconds) == (30.0, 0.0)
    [again] = (later := a_cluster(tmp_path)).adopt() or runs(later)
    assert again.held_seconds == 30.0


def test_the_same_run_is_never_started_twice(tmp_path: Path) -> None:
    cluster = a_cluster(tmp_path)
    started(cluster, "hang")
    ready(tmp_path)
    started(cluster, "succeed")
    assert [run.ended for run in runs(cluster)] == [None]
    asyncio.run(cluster.stop(0, 1))
    the_end(cluster)


def test_a_later_session_finds_how_an_earlier_ones_runs_ended(tmp_path: Path) -> None:
    earlier = a_cluster(tmp_path)
    started(earlier, "fail NoSpeech")
    the_end(earlier)
    later = a_cluster(tmp_path)
    assert later.adopt() == 0
    assert outcome(later).reason is Reason.NO_SPEECH


def test_a_later_session_ends_what_a_dead_one_left_running(tmp_path: Path) -> None:
    earlier = a_cluster(tmp_path)
    started(earlier, "hang")
    ready(tmp_path)
    later = a_cluster(tmp_path)
    assert later.adopt() == 1
    assert outcome(later).reason is Reason.INTERRUPTED
    run = the_end(earlier)  # the process is this test's own child, so only the earlier cluster can see it end
    assert run.ended is not None
    assert run.ended.exit_code == 128 + 9


def test_a_receipt_of_success_is_believed_though_nobody_saw_the_process_end(tmp_path: Path) -> None:
    earlier = a_cluster(tmp_path)
    started(earlier, "succeed")
    the_end(earlier)
    BatchFolder(tmp_path).run(0, 1).ended.unlink()
    later = a_cluster(tmp_path)
    later.adopt()
    assert outcome(later).succeeded


def test_the_media_of_an_item_stay_for_its_next_run_and_go_when_it_is_final(tmp_path: Path) -> None:
    cluster = a_cluster(tmp_path)
    started(cluster, "mute")
    run = the_end(cluster)
    scratch = BatchFolder(tmp_path).scratch(0)
    asyncio.run(cluster.forget(run, final=False))
    assert scratch.exists()
    asyncio.run(cluster.forget(run, final=True))
    assert not scratch.exists()
    assert BatchFolder(tmp_path).run(0, 1).receipt.parent.exists()
