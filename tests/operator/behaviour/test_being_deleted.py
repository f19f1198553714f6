"""What somebody has deleted and a finalizer of somebody else's keeps there: nothing of it runs on, and it
goes on being told."""

from ingest_contract.names import API_VERSION, SCHEDULE_KIND
from ingest_operator.kube.api.names import INGEST, PLAN, ROLE
from testkit.cluster.client import Json
from testkit.cluster.lives import hangs, sequence
from testkit.cluster.program import until
from testkit.cluster.scene import SOURCE, Scene, condition, final

HELD = {"metadata": {"finalizers": ["example.org/archive"]}}
LET_GO: Json = {"metadata": {"finalizers": None}}


def test_a_batch_that_a_finalizer_keeps_runs_nothing_starts_nothing_and_is_reported(scene: Scene) -> None:
    kubelet = scene.play(sequence({0: [hangs()], 1: [hangs()]}))
    scene.operate()
    scene.batch(parallelism=2)
    scene.admin.merge(scene.path(), HELD)
    for index in (0, 1):
        kubelet.until_running(index, 1)
    scene.delete()
    assert "which example.org/archive holds up" in scene.until_stalled("BeingDeleted")["message"]
    status = scene.until(lambda status: status["counts"]["running"] == 0, "nothing runs any more")
    assert (status["counts"]["waiting"], status["counts"]["pending"], final(status)["failed"]) == (2, 1, 0)
    until(
        lambda: not any(pod["metadata"]["labels"][ROLE] == INGEST for pod in scene.pods()), "no pod is left"
    )
    assert sorted(kubelet.runs()) == [(0, 1), (1, 1)]
    until(lambda: any("BeingDeleted" in note for note in scene.events("Stalled")), "an Event says so")
    scene.admin.merge(scene.path(), LET_GO)


def test_a_batch_that_is_deleted_while_it_is_planned_is_planned_no_further(scene: Scene) -> None:
    scene.play(sequence({}, plan=hangs()))
    scene.operate()
    scene.batch()
    scene.admin.merge(scene.path(), HELD)
    until(lambda: any(pod["status"].get("phase") == "Running" for pod in scene.pods()), "it is being planned")
    scene.delete()
    scene.until_stalled("BeingDeleted")
    until(lambda: scene.jobs(PLAN) == [], "nobody plans any more")
    scene.admin.merge(scene.path(), LET_GO)


def test_a_batch_that_was_complete_stays_so_until_it_is_gone(scene: Scene) -> None:
    scene.play()
    scene.operate()
    scene.batch()
    scene.admin.merge(scene.path(), HELD)
    before = scene.until_state("Complete")
    scene.delete()
    generation = scene.seen()["metadata"]["generation"]
    status = scene.until(lambda status: status["observedGeneration"] == generation, "it is looked at")
    assert (status["state"], condition(status, "Stalled")["status"], final(status)) == (
        "Complete",
        "False",
        final(before),
    )
    scene.admin.merge(scene.path(), LET_GO)


def test_a_schedule_that_a_finalizer_keeps_starts_nothing_and_says_so(scene: Scene) -> None:
    scene.operate()
    spec = {"schedule": "* * * * *", "template": {"spec": {"sources": [SOURCE], "suspend": True}}}
    body = {
        "apiVersion": API_VERSION,
        "kind": SCHEDULE_KIND,
        "metadata": {"name": "nightly"} | HELD["metadata"],
        "spec": spec,
    }
    path = scene.admin.path_of(scene.admin.create(body, scene.namespace))
    until(
        lambda: scene.admin.get(path).get("status", {}).get("nextScheduledTime"), "the schedule is looked at"
    )
    scene.admin.delete(path)
    until(
        lambda: condition(scene.admin.get(path)["status"], "Stalled").get("reason") == "BeingDeleted",
        "it says so",
    )
    status = scene.admin.get(path)["status"]
    assert "nextScheduledTime" not in status
    assert "which example.org/archive holds up" in condition(status, "Stalled")["message"]
    scene.admin.merge(path, LET_GO)
