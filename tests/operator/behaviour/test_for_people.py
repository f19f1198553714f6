"""What people see of a batch with kubectl, and what they follow it by: columns, conditions, Events, percent,
and one trace id."""

import pytest

from ingest_contract.failures import Reason
from ingest_operator.kube import requeueing
from ingest_operator.kube.api.names import BATCH_UID, PLAN
from testkit.cluster.lives import fails, hangs, sequence
from testkit.cluster.scene import Scene, condition


def test_a_batch_that_runs_shows_how_far_it_is_by_the_length_of_its_recordings(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requeueing, "RESYNC_SECONDS", 1.0)
    kubelet = scene.play(sequence({1: [hangs(percent=50)]}, count=4))
    scene.operate()
    scene.batch(parallelism=2)
    status = scene.until(
        lambda status: status["progressPercent"] == 87, "three of four, and half of the other"
    )
    row = next(row for row in status["recordings"] if row["index"] == 1)
    assert (row["state"], row["stage"], row["percent"]) == ("Running", "transcribe", 50)
    assert status["etaSeconds"] == 30  # half of ten minutes at RTF 0.1
    shown = scene.kubectl("get", "ib").splitlines()
    assert shown[0].split() == ["NAME", "STATE", "DONE", "FAILED", "TOTAL", "PROGRESS", "RTF", "ETA", "AGE"]
    assert shown[1].split()[:-1] == ["talks", "Running", "3", "0", "4", "87", "0.087", "30"]
    kubelet.finish(1, 1)
    scene.until_state("Complete")


def test_kubectl_waits_for_the_end_and_describes_it_with_few_events(scene: Scene) -> None:
    scene.play(sequence({0: [fails(Reason.NOT_FOUND)], 1: [fails(Reason.NO_SPEECH)]}, count=5))
    scene.operate()
    scene.batch(parallelism=5)
    scene.kubectl("wait", "--for=condition=Complete", "ib/talks", "--timeout=120s")
    status = scene.status()
    assert (condition(status, "Complete")["reason"], condition(status, "Reconciling")["status"]) == (
        "WithFailures",
        "False",
    )
    told = scene.kubectl("describe", "ib", "talks")
    assert "3 succeeded, 1 skipped, 1 failed of 5" in told
    scene.kubectl("wait", "--for=jsonpath={.status.counts.succeeded}=3", "ib/talks", "--timeout=1s")


def test_one_trace_id_runs_through_status_jobs_and_orders(scene: Scene) -> None:
    kubelet = scene.play()
    scene.operate()
    made = scene.batch()
    trace = scene.until_state("Complete")["traceId"]
    assert {order.trace_id for order in kubelet.orders()} == {trace}
    assert {job["metadata"]["labels"][BATCH_UID].replace("-", "") for job in scene.jobs()} == {trace}
    assert made["metadata"]["uid"].replace("-", "") == trace
    assert scene.jobs(PLAN) == []
