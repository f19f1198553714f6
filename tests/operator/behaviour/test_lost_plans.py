"""A plan that is lost or damaged: nothing starts, what was counted stays counted, and the batch goes on when
the plan is back."""

from ingest_operator.kube.planning.frozen_plan import PART
from testkit.cluster.client import Json
from testkit.cluster.lives import hangs, sequence
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
