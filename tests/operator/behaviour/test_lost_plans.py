"""A plan that is lost or damaged: nothing starts, what was counted stays counted, and the batch goes on when
the plan is back."""

import pytest

from ingest_operator.core import retries
from ingest_operator.kube.api.names import PLAN
from ingest_operator.kube.planning.frozen_plan import PART
from testkit.cluster.client import Json
from testkit.cluster.lives import hangs, image_missing, sequence
from testkit.cluster.program import until
from testkit.cluster.scene import Scene, final, stalled_by


def plan_of(scene: Scene) -> Json:
    """The ConfigMap that holds the frozen plan."""
    (found,) = scene.admin.get(f"/api/v1/namespaces/{scene.namespace}/configmaps", labelSelector=PART)[
        "items"
    ]
    return {"apiVersion": "v1", "kind": "ConfigMap"} | found


def test_a_plan_that_is_gone_stops_the_batch_until_it_is_restored_and_no_other_is_made(scene: Scene) -> None:
    kubelet = scene.play(sequence({1: [hangs()]}))
    operator = scene.operate()
    scene.batch(parallelism=1)
    kubelet.until_running(1, 1)
    operator.stop()
    plan = plan_of(scene)
    scene.admin.delete(scene.admin.path_of(plan))
    scene.operate()
    stalled = scene.until_stalled("PlanDamaged")
    assert "Restore it from a backup" in stalled["message"]
    kubelet.finish(1, 1)
    assert final(scene.status())["succeeded"] == 1
    kept = {name: plan["metadata"][name] for name in ("name", "labels", "ownerReferences")}
    scene.apply(plan | {"metadata": kept})
    status = scene.until_state("Complete")
    assert stalled_by(status) is None
    assert final(status)["succeeded"] == 3
    assert kubelet.runs() == [(0, 1), (1, 1), (2, 1)]


def test_a_batch_that_is_complete_needs_no_plan(scene: Scene) -> None:
    scene.play()
    operator = scene.operate()
    scene.batch()
    complete = scene.until_state("Complete")
    operator.stop()
    scene.admin.delete(scene.admin.path_of(plan_of(scene)))
    scene.operate()
    scene.batch("others")
    scene.until_state("Complete", "others")
    assert scene.status() == complete


def jobs_allowed(scene: Scene, count: int) -> None:
    """A quota of the namespace."""
    hard = {"count/jobs.batch": str(count)}
    scene.apply(
        {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "team"}, "spec": {"hard": hard}}
    )
    path = f"/api/v1/namespaces/{scene.namespace}/resourcequotas/team"
    until(lambda: scene.admin.get(path).get("status", {}).get("hard") == hard, "the quota holds")


def test_a_plan_job_that_we_replace_ourselves_is_not_called_lost_when_the_next_is_refused(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "DISRUPTION_WAIT_SECONDS", 3600.0)
    scene.play(sequence({}, plan=image_missing()))
    scene.operate()
    scene.batch()
    for turn in range(3):
        jobs_allowed(scene, 1)
        scene.until_stalled("ImageUnavailable")
        (stuck,) = scene.jobs(PLAN)
        jobs_allowed(scene, 0)
        scene.profile(pods={"image": f"video-ingest-worker:mended-{turn}"})
        scene.until_stalled("QuotaExceeded")
        assert stuck["metadata"]["uid"] not in {job["metadata"]["uid"] for job in scene.jobs(PLAN)}
