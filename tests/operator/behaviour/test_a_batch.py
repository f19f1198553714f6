"""The whole operator on a real control plane: a batch goes in, one Job per try comes of it, and the status
tells the truth about them."""

import pytest

from ingest_contract.failures import Reason
from ingest_contract.order import IngestOrder, PlanOrder
from ingest_operator.kube import workqueue
from ingest_operator.kube.api.names import INDEX, MANAGER, RUN
from testkit.cluster.lives import fails, sequence
from testkit.cluster.scene import Scene, final, rows

COUNT = 8
FATES = {
    1: [fails(Reason.DOWNLOAD_FAILED)],
    2: [fails(Reason.GPU_OUT_OF_MEMORY)],
    3: [fails(Reason.NO_SPEECH)],
    4: [fails(Reason.NOT_FOUND)],
}
"""A retry, a rung of the memory ladder, a skip and a failure."""

RUNS = sorted([(index, 1) for index in range(COUNT)] + [(1, 2), (2, 2)])


def test_every_recording_gets_a_job_per_run_and_the_status_says_what_became_of_it(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workqueue, "APART_SECONDS", 1.0)  # as people have it: writes are counted
    kubelet = scene.play(sequence(FATES, count=COUNT))
    mark = scene.plane.audit.now()
    scene.operate()
    scene.batch(parallelism=3)
    status = scene.until_state("CompleteWithFailures")
    assert final(status) == {"succeeded": 6, "skipped": 1, "failed": 1}
    assert [(entry["reason"], entry["count"]) for entry in status["failures"]] == [("NotFound", 1)]
    shown = rows(status)
    assert (
        shown[1]["run"],
        shown[1]["chargedAttempts"],
        shown[2]["run"],
        shown[2]["chargedAttempts"],
        shown[2]["rung"],
    ) == (2, 1, 2, 0, 1)
    assert status["sums"]["mediaSeconds"] == "3600"
    assert sorted(kubelet.runs()) == RUNS
    labels = [job["metadata"]["labels"] for job in scene.jobs()]
    assert sorted((int(each[INDEX]), int(each[RUN])) for each in labels) == RUNS
    assert sum(isinstance(order, PlanOrder) for order in kubelet.orders()) == 1
    writes = scene.plane.audit.writes(
        mark, user=f"system:serviceaccount:{scene.namespace}:{MANAGER}", namespace=scene.namespace
    )
    assert {write.code for write in writes} <= {200, 201}
    assert 2 <= sum(write.resource == "ingestbatches/status" for write in writes) <= 2 * len(RUNS)


def test_a_batch_that_does_everything_again_lets_no_worker_take_what_is_kept(scene: Scene) -> None:
    kubelet = scene.play(sequence({}, count=3))
    scene.operate()
    scene.batch(parallelism=2, reprocess="Always")
    scene.until_state("Complete")
    told = [order.artifacts_since for order in kubelet.orders() if isinstance(order, IngestOrder)]
    assert len(told) == 3
    assert None not in told


LONG = f"{'l' * 60}.{'o' * 60}.{'n' * 60}.{'g' * 70}"
"""The longest name that a cluster takes: 253 letters."""


@pytest.mark.parametrize(
    ("batch", "profile"), [("talks.2026", "gpu.large"), ("t" * 64, "p" * 64), (LONG, LONG)]
)
def test_whatever_name_the_api_server_takes_is_served(scene: Scene, batch: str, profile: str) -> None:
    scene.profile(profile)
    kubelet = scene.play(sequence({}, count=1))
    scene.operate()
    scene.batch(batch, profileRef={"name": profile})
    assert final(scene.until_state("Complete", batch))["succeeded"] == 1
    assert {order.batch for order in kubelet.orders()} == {f"{scene.namespace}/{batch}"}
