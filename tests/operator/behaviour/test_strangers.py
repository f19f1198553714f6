"""Objects that say they are a batch's and are not: with the role `edit` in one namespace nobody does anything
to a batch in another."""

import json
from contextlib import suppress

from ingest_contract.names import API_VERSION, BATCH_KIND, SCHEDULE_KIND
from ingest_contract.receipt import encode
from ingest_operator.core.timestamps import from_rfc3339, to_rfc3339
from ingest_operator.kube.api.names import BATCH_UID, INDEX, MANAGED_BY, MANAGER, ROLE, RUN, Owner
from ingest_operator.kube.schedules.owned_batches import SCHEDULE_UID
from testkit.cluster.client import Json, Refused
from testkit.cluster.lives import hangs, sequence
from testkit.cluster.program import until
from testkit.cluster.scene import SOURCE, Scene, final, stalled_by
from testkit.objects.builders import NOW, a_receipt


def pod_like(pod: Json, **metadata: object) -> Json:
    """A pod that bears the labels of another one, and whatever else can be written without a secret."""
    names = {"name": pod["metadata"]["name"], "labels": pod["metadata"]["labels"]}
    spec = {"containers": [{"name": "worker", "image": "theirs"}], "restartPolicy": "Never"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": names | metadata, "spec": spec}


def says_that_it_succeeded(scene: Scene, pod: Json) -> None:
    """As its own kubelet would, or anybody who may write a pod's status."""
    at = to_rfc3339(int(NOW))
    told = {
        "exitCode": 0,
        "reason": "Completed",
        "message": encode(a_receipt()).decode(),
        "startedAt": at,
        "finishedAt": at,
    }
    container = {
        "name": "worker",
        "image": "i",
        "imageID": "",
        "ready": False,
        "restartCount": 0,
        "state": {"terminated": told},
    }
    with suppress(Refused):  # the garbage collector may have been there
        scene.admin.merge(
            f"{scene.admin.path_of(pod)}/status",
            {"status": {"phase": "Succeeded", "containerStatuses": [container]}},
        )


def a_job(name: str, **metadata: object) -> Json:
    pod = {"restartPolicy": "Never", "containers": [{"name": "theirs", "image": "theirs"}]}
    about = {"name": name, **metadata}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": about,
        "spec": {"suspend": True, "template": {"spec": pod}},
    }


def looked_at_again(scene: Scene) -> Json:
    """The status after a look that began when everything above had been seen: a batch elsewhere has come and
    gone meanwhile."""
    generation = scene.change(parallelism=3)["metadata"]["generation"]
    return scene.until(lambda status: status["observedGeneration"] == generation, "it was looked at")


def test_pods_and_jobs_of_another_namespace_end_nothing_and_stop_nothing(
    scene: Scene, elsewhere: Scene
) -> None:
    kubelet = scene.play(sequence({0: [hangs()]}, count=1))
    scene.operate(also=(elsewhere.namespace,))
    uid = scene.batch(parallelism=1)["metadata"]["uid"]
    kubelet.until_running(0, 1)
    (job,), (pod,) = (
        scene.jobs(),
        [each for each in scene.pods() if each["metadata"]["labels"].get(ROLE) == "ingest"],
    )
    owner = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "name": job["metadata"]["name"],
        "uid": job["metadata"]["uid"],
        "controller": True,
    }
    forged = elsewhere.admin.create(pod_like(pod), elsewhere.namespace)
    says_that_it_succeeded(elsewhere, forged)
    owned = elsewhere.admin.create(pod_like(pod, name="owned", ownerReferences=[owner]), elsewhere.namespace)
    says_that_it_succeeded(elsewhere, owned)
    labels = {BATCH_UID: uid, MANAGED_BY: MANAGER, ROLE: "ingest", INDEX: "x", RUN: "x"}
    batch = {"apiVersion": API_VERSION, "kind": BATCH_KIND, "name": "talks", "uid": uid, "controller": True}
    elsewhere.admin.create(a_job("strange", labels=labels, ownerReferences=[batch]), elsewhere.namespace)
    elsewhere.admin.create(a_job("stranger", labels=labels), elsewhere.namespace)
    scene.admin.create(a_job("strange", labels=labels), scene.namespace)
    elsewhere.play()  # only now: it would begin the pods that say here how they ended
    elsewhere.batch("marker")
    elsewhere.until_state("Complete", "marker")
    assert (looked_at_again(scene)["counts"]["running"], final(scene.status())["succeeded"]) == (1, 0)
    kubelet.finish(0, 1)
    assert final(scene.until_state("Complete")) == {"succeeded": 1, "skipped": 0, "failed": 0}
    assert kubelet.runs() == [(0, 1)]


def test_a_job_with_labels_that_are_no_numbers_stops_nothing_though_the_batch_controls_it(
    scene: Scene,
) -> None:
    made = scene.batch(suspend=True)
    uid = made["metadata"]["uid"]
    batch = {"apiVersion": API_VERSION, "kind": BATCH_KIND, "name": "talks", "uid": uid, "controller": True}
    labels = {BATCH_UID: uid, MANAGED_BY: MANAGER, ROLE: "ingest", INDEX: "x", RUN: "x"}
    names = ("strange", f"talks-{uid[:8]}-99-1", f"talks-{uid[:8]}-plan-7-1", f"other-{uid[:8]}-0-1")
    for name in names:
        scene.admin.create(a_job(name, labels=labels, ownerReferences=[batch]), scene.namespace)
    scene.play()
    scene.operate()
    scene.change(suspend=False)
    assert final(scene.until_state("Complete"))["succeeded"] == 3


def test_an_order_that_somebody_has_laid_there_before_is_not_what_a_worker_gets(scene: Scene) -> None:
    made = scene.batch(suspend=True)
    owner = Owner(scene.namespace, "talks", made["metadata"]["uid"])
    kubelet = scene.play(sequence({}, count=1))
    scene.operate()
    scene.change(suspend=False)
    scene.until_state("Complete")
    order = next(each for each in config_maps(scene) if "-order-" in each["metadata"]["name"])
    text = next(iter(order["data"].values()))
    scene.change(suspend=True, sources=[SOURCE, {"url": "https://media.example.org/more"}])
    scene.admin.delete(scene.admin.path_of(order))
    about = {
        "name": order["metadata"]["name"],
        "ownerReferences": [owner.reference()],
        "labels": order["metadata"]["labels"],
    }
    forged = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": about, "immutable": True}
    forged |= {"data": {name: text.replace('"folders":[]', '"folders":["/"]') for name in order["data"]}}
    scene.admin.create(forged, scene.namespace)
    scene.change(suspend=False)
    status = scene.until(lambda status: stalled_by(status) == "NameTaken", "it is told")
    assert f"A ConfigMap named {order['metadata']['name']} exists" in str(status["conditions"])
    assert kubelet.runs() == [(0, 1)]
    scene.admin.delete(scene.admin.path_of(forged | {"metadata": about | {"namespace": scene.namespace}}))
    assert final(scene.until(lambda status: status["counts"]["succeeded"] == 2, "it goes on"))["failed"] == 0
    assert all('"folders":["/"]' not in each.model_dump_json() for each in kubelet.orders())


def test_a_batch_of_another_namespace_settles_no_time_of_a_schedule(scene: Scene, elsewhere: Scene) -> None:
    scene.operate(also=(elsewhere.namespace,))
    spec = {"schedule": "0 0 1 1 *", "template": {"spec": {"sources": [SOURCE]}}}
    body = {"apiVersion": API_VERSION, "kind": SCHEDULE_KIND, "metadata": {"name": "nightly"}, "spec": spec}
    made = scene.admin.create(body, scene.namespace)
    path, about = scene.admin.path_of(made), made["metadata"]
    until(lambda: scene.admin.get(path)["status"].get("settledUntil"), "the schedule is looked at")
    owner = {
        "apiVersion": API_VERSION,
        "kind": SCHEDULE_KIND,
        "name": "nightly",
        "uid": about["uid"],
        "controller": True,
    }
    for name, to in (
        ("nightly-205001010000", elsewhere),
        ("nightly-999912312359", elsewhere),
        ("nightly-205101010000", scene),
    ):
        metadata = {"name": name, "ownerReferences": [owner], "labels": {SCHEDULE_UID: about["uid"]}}
        to.admin.create(
            {
                "apiVersion": API_VERSION,
                "kind": BATCH_KIND,
                "metadata": metadata,
                "spec": {"sources": [SOURCE]},
            },
            to.namespace,
        )
        until(lambda name=name, to=to: looked_at_or_collected(to, name), f"{name} is looked at")
    generation = scene.admin.merge(path, {"spec": {"suspend": True}})["metadata"]["generation"]
    until(
        lambda: scene.admin.get(path)["status"]["observedGeneration"] == generation,
        "the schedule is looked at again",
    )
    status = scene.admin.get(path)["status"]
    assert from_rfc3339(status["settledUntil"]) < from_rfc3339("2050-01-01T00:00:00Z")
    assert "lastScheduledTime" not in status
    assert status["active"] == 1


def looked_at_or_collected(scene: Scene, name: str) -> bool:
    """Of an object whose owner is in another namespace the garbage collector takes care, sooner or later."""
    code, answer = scene.admin.send("GET", scene.path(name))
    return code == 404 or json.loads(answer).get("status", {}).get("observedGeneration", -1) > 0


def config_maps(scene: Scene) -> list[Json]:
    found: list[Json] = scene.admin.get(
        f"/api/v1/namespaces/{scene.namespace}/configmaps", labelSelector=BATCH_UID
    )["items"]
    return [{"apiVersion": "v1", "kind": "ConfigMap"} | each for each in found]
