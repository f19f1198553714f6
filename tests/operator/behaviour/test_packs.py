"""Several short recordings in one Job, on a real control plane: fewer Jobs and pods, and of each recording as
much is known as if it had its own."""

from typing import Any

import pytest

from ingest_contract.failures import Reason
from ingest_contract.order import IngestOrder
from ingest_contract.progress import Progress
from ingest_contract.stages import Stage
from testkit.cluster.kubelet import RunningKubelet
from testkit.cluster.life import Life
from testkit.cluster.lives import (
    evicted,
    fails,
    hangs,
    killed,
    out_of_memory,
    preempted,
    sequence,
    succeeds,
)
from testkit.cluster.scene import Scene, final, rows

COUNT = 6
PACK = {"maxSeconds": 600, "recordings": 4}


def shared(scene: Scene, **pods: Any) -> None:
    scene.profile(pods={"packShort": PACK} | pods)


def ran(kubelet: RunningKubelet) -> list[tuple[int, int]]:
    """(index, run) of every process that a pod was told of."""
    return sorted((each.item.index, each.run) for each in kubelet.orders() if isinstance(each, IngestOrder))


def jobs(scene: Scene) -> list[str]:
    """Which recording comes first in each Job, and which run of it this is."""
    return sorted(job["metadata"]["name"].split("-", 2)[2] for job in scene.jobs())


def test_short_recordings_share_jobs_and_each_counts_once(scene: Scene) -> None:
    kubelet = scene.play(sequence({}, count=COUNT))
    shared(scene)
    scene.operate()
    scene.batch(parallelism=2)
    status = scene.until_state("Complete")
    assert jobs(scene) == ["0-1", "4-1"]
    assert ran(kubelet) == [(index, 1) for index in range(COUNT)]
    assert status["counts"]["succeeded"] == COUNT
    assert status["sums"]["mediaSeconds"] == str(600 * COUNT)
    assert status["sums"]["segments"] == 12 * COUNT


def test_a_failure_in_a_pack_takes_no_other_with_it_and_its_retry_runs_alone(scene: Scene) -> None:
    lives = {
        1: [fails(Reason.DOWNLOAD_FAILED), succeeds()],
        2: [fails(Reason.GPU_OUT_OF_MEMORY), succeeds()],
        3: [fails(Reason.NOT_FOUND)],
    }
    kubelet = scene.play(sequence(lives, count=COUNT))
    shared(scene)
    scene.operate()
    scene.batch(parallelism=1)
    status = scene.until_state("CompleteWithFailures")
    assert final(status) == {"succeeded": COUNT - 1, "skipped": 0, "failed": 1}
    assert jobs(scene) == ["0-1", "1-2", "2-2", "4-1"]
    assert ran(kubelet) == [(0, 1), (1, 1), (1, 2), (2, 1), (2, 2), (3, 1), (4, 1), (5, 1)]
    shown = rows(status)
    assert (shown[1]["chargedAttempts"], shown[2]["chargedAttempts"], shown[2]["rung"]) == (1, 0, 1)


@pytest.mark.parametrize(
    ("life", "charged", "rung"),
    [
        (out_of_memory(), 0, 1),
        (killed(), 1, None),
        (evicted(), 0, None),
        (preempted(), 0, None),
    ],
    ids=["out of memory", "killed", "evicted", "preempted"],
)
def test_a_pod_that_dies_in_mid_pack_costs_its_recording_an_attempt_at_most_and_the_rest_none(
    scene: Scene, life: Life, charged: int, rung: int | None
) -> None:
    kubelet = scene.play(sequence({1: [life]}, count=4))
    shared(scene)
    scene.operate()
    scene.batch(parallelism=1, retry={"backoffSeconds": 0, "maxAttempts": 2})
    status = scene.until_state("Complete")
    assert status["counts"]["succeeded"] == 4
    assert status["sums"]["mediaSeconds"] == "2400", "each counts once"
    shown = rows(status)
    assert (shown[1]["chargedAttempts"], shown[1].get("rung")) == (charged, rung)
    assert [shown[index]["chargedAttempts"] for index in (2, 3)] == [0, 0]
    last = dict(ran(kubelet))
    assert (last[1], last[2], last[3]) == (2, 2, 2)


def test_what_every_recording_would_meet_ends_the_pack_and_charges_nobody(scene: Scene) -> None:
    kubelet = scene.play(sequence({0: [fails(Reason.DATABASE_UNAVAILABLE)]}, count=4))
    shared(scene)
    scene.operate()
    scene.batch(parallelism=1, retry={"backoffSeconds": 0, "maxAttempts": 1})
    status = scene.until_state("Complete")
    assert status["counts"]["succeeded"] == 4
    assert dict(ran(kubelet)) == {0: 2, 1: 2, 2: 2, 3: 2}
    assert [row["chargedAttempts"] for row in rows(status).values()] == [0] * 4


def test_while_a_pack_runs_the_progress_is_that_of_the_recording_that_runs(scene: Scene) -> None:
    waiting = hangs()
    told = Life(
        end=waiting.end,
        seconds=None,
        progress=lambda elapsed: Progress(stage=Stage.DIARIZE, percent=70, seconds=elapsed, index=2),
    )
    kubelet = scene.play(sequence({2: [told]}, count=4))
    shared(scene)
    scene.operate()
    scene.batch(parallelism=1)
    status = scene.until(
        lambda status: any("percent" in row for row in status["recordings"]), "somebody is seen at work"
    )
    assert {index: row.get("percent") for index, row in rows(status).items()} == {
        0: None,
        1: None,
        2: 70,
        3: None,
    }
    assert status["counts"]["running"] == 4
    kubelet.finish(0, 1)
    scene.until_state("Complete")


def test_an_operator_that_starts_again_in_mid_pack_counts_each_of_its_recordings_once(scene: Scene) -> None:
    kubelet = scene.play(sequence({2: [hangs()]}, count=4))
    shared(scene)
    first = scene.operate()
    scene.batch(parallelism=1)
    scene.until(lambda status: status["counts"]["running"] == 4, "the pack runs")
    first.stop()
    scene.operate()
    scene.change(suspend=True, suspendMode="Kill")
    scene.until(lambda status: status["counts"]["running"] == 0, "the pack is stopped")
    scene.change(suspend=False)
    status = scene.until_state("Complete")
    assert status["counts"]["succeeded"] == 4
    assert status["sums"]["mediaSeconds"] == "2400"
    assert dict(ran(kubelet)) == {0: 1, 1: 1, 2: 2, 3: 2}, (
        "what was over when it was stopped is not run again"
    )


def test_a_pack_whose_job_somebody_deletes_runs_again_one_by_one(scene: Scene) -> None:
    kubelet = scene.play(sequence({0: [hangs()]}, count=3))
    shared(scene)
    scene.operate()
    scene.batch(parallelism=1)
    scene.until(lambda status: status["counts"]["running"] == 3, "the pack runs")
    (job,) = scene.jobs()
    path = f"/apis/batch/v1/namespaces/{scene.namespace}/jobs/{job['metadata']['name']}"
    scene.admin.delete(path, propagationPolicy="Background")
    status = scene.until_state("Complete")
    assert status["counts"]["succeeded"] == 3
    assert dict(ran(kubelet)) == {0: 2, 1: 2, 2: 2}


def test_what_is_fetched_ahead_shares_ingest_jobs_and_has_fetch_jobs_of_its_own(scene: Scene) -> None:
    kubelet = scene.play(sequence({}, count=4))
    scene.profile(pods={"packShort": PACK, "cache": {"claimName": "fetched"}})
    scene.operate()
    scene.batch(parallelism=1)
    status = scene.until_state("Complete")
    assert status["counts"]["succeeded"] == 4
    assert ran(kubelet) == [(index, 2) for index in range(4)]
    assert len(scene.jobs("fetch")) == 4
    assert len(scene.jobs()) <= 4
