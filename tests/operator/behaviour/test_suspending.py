"""A batch that is suspended, in both ways, and resumed: the whole operator on a real control plane."""

import pytest

from ingest_contract.failures import Reason
from ingest_operator.core import retries
from ingest_operator.kube.api.names import INGEST, ROLE, STOPPED
from testkit.cluster.lives import hangs, sequence
from testkit.cluster.program import until
from testkit.cluster.scene import Scene, condition, final, rows, stalled_by


def test_a_batch_that_drains_starts_nothing_new_and_goes_on_when_it_is_resumed(scene: Scene) -> None:
    kubelet = scene.play(sequence({0: [hangs()], 1: [hangs()]}))
    scene.operate()
    scene.batch(parallelism=2)
    for index in (0, 1):
        kubelet.until_running(index, 1)
    scene.change(suspend=True)
    status = scene.until_state("Suspending")
    assert (condition(status, "Suspended")["reason"], condition(status, "Suspended")["message"]) == (
        "Draining",
        "2 still running",
    )
    for index in (0, 1):
        kubelet.finish(index, 1)
    status = scene.until_state("Suspended")
    assert condition(status, "Suspended") | {"status": "True", "reason": "BySpec"} == condition(
        status, "Suspended"
    )
    assert (status["counts"]["succeeded"], status["counts"]["pending"]) == (2, 1)
    assert sorted(kubelet.runs()) == [(0, 1), (1, 1)]
    scene.change(suspend=False)
    assert final(scene.until_state("Complete")) == {"succeeded": 3, "skipped": 0, "failed": 0}
    assert sorted(kubelet.runs()) == [(0, 1), (1, 1), (2, 1)]


def test_a_batch_that_is_stopped_ends_what_runs_charges_nobody_and_tries_it_again_when_it_is_resumed(
    scene: Scene,
) -> None:
    kubelet = scene.play(sequence({0: [hangs()], 1: [hangs()]}))
    scene.operate()
    scene.batch(parallelism=2)
    for index in (0, 1):
        kubelet.until_running(index, 1)
    scene.change(suspend=True, suspendMode="Kill")
    status = scene.until_state("Suspended")
    assert {
        index: (row["state"], row["reason"], row.get("disruptions")) for index, row in rows(status).items()
    } == {
        0: ("Waiting", "Interrupted", None),
        1: ("Waiting", "Interrupted", None),
    }
    until(lambda: scene.pods() == [], "no pod is left")
    scene.change(suspend=False)
    status = scene.until_state("Complete")
    assert {index: (row["run"], row.get("chargedAttempts", 0)) for index, row in rows(status).items()} == {
        0: (2, 0),
        1: (2, 0),
        2: (1, 0),
    }
    assert sorted(kubelet.runs()) == [(0, 1), (0, 2), (1, 1), (1, 2), (2, 1)]


def test_a_batch_that_is_born_suspended_does_nothing_until_it_is_resumed(scene: Scene) -> None:
    kubelet = scene.play()
    scene.operate()
    scene.batch(suspend=True)
    scene.until_state("Suspended")
    assert scene.left() == []
    scene.change(suspend=False)
    scene.until_state("Complete")
    assert len(kubelet.orders()) == 4


def held(scene: Scene, run: int) -> None:
    """This run of both recordings has its Job, and their queue admits neither:
    they are suspended, without pods."""

    def made() -> list[str]:
        found = [job for job in scene.jobs() if job["metadata"]["name"].endswith(f"-{run}")]
        return [scene.admin.path_of({"apiVersion": "batch/v1", "kind": "Job"} | job) for job in found]

    until(lambda: len(made()) == 2, f"run {run} of both has its Job")
    for path in made():
        scene.admin.merge(path, {"spec": {"suspend": True}})
    until(
        lambda: not any(pod["metadata"]["labels"][ROLE] == INGEST for pod in scene.pods()), "no pod is left"
    )
    scene.until(
        lambda status: (
            [row["run"] for row in rows(status).values() if row["state"] == "Running"] == [run, run]
        ),
        "both are known to be under way",
    )


def test_jobs_that_a_queue_holds_are_ended_by_us_and_by_nobody_else_and_start_at_once_when_they_are_resumed(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "DISRUPTION_WAIT_SECONDS", 3600.0)
    scene.profile(pods={"queueName": "gpus"})
    scene.play(sequence({}, count=2), gpus=0)
    scene.operate()
    scene.batch(parallelism=2)
    for run in (1, 2, 3):
        held(scene, run)
        scene.change(suspend=True, suspendMode="Kill")
        status = scene.until_state("Suspended")
        told = {
            (row["state"], row.get("reason"), row["chargedAttempts"], row.get("disruptions"))
            for row in rows(status).values()
        }
        assert (told, stalled_by(status)) == ({("Waiting", Reason.INTERRUPTED, 0, None)}, None)
        until(lambda: scene.jobs() == [], "a Job that is there could be resumed by its queue")
        scene.change(suspend=False)
    held(scene, 4)
    assert stalled_by(scene.status()) is None


def test_jobs_that_an_operator_ended_before_it_died_are_known_to_be_ended_by_us(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "DISRUPTION_WAIT_SECONDS", 3600.0)
    scene.profile(pods={"queueName": "gpus"})
    scene.play(sequence({}, count=2), gpus=0)
    operator = scene.operate()
    scene.batch(parallelism=2)
    held(scene, 1)
    scene.change(suspend=True, suspendMode="Kill")
    until(
        lambda: all(STOPPED in job["metadata"].get("annotations", {}) for job in scene.jobs()), "it ends them"
    )
    operator.stop()
    scene.change(suspend=False)
    scene.operate()
    held(scene, 2)
    status = scene.status()
    assert ({row.get("disruptions") for row in rows(status).values()}, stalled_by(status)) == ({None}, None)
