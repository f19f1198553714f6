"""Batches in queues of the real Kueue: who waits is told with its words, who is preempted is tried again, and
nobody is charged."""

from functools import partial

from ingest_contract.failures import Reason
from ingest_operator.kube.api.fields import holds
from testkit.cluster.client import Json
from testkit.cluster.kubelet import RunningKubelet
from testkit.cluster.lives import hangs, sequence
from testkit.cluster.program import until
from testkit.cluster.scene import Scene, final, rows, stalled_by
from tests.support.kueue.running import KUEUE, queue


def in_queue(scene: Scene, name: str, profile: str = "default", **pods: str) -> None:
    """A profile whose workers go to a queue."""
    scene.profile(profile, pods={"queueName": name, **pods})


def all_hang(scene: Scene, count: int = 3) -> RunningKubelet:
    """Every recording of a batch of so many runs until the test ends it."""
    return scene.play(sequence({}, count=count, otherwise=hangs()), gpus=8)


def attempts(status: Json) -> set[int]:
    return {row["chargedAttempts"] for row in rows(status).values()}


def running(scene: Scene, batch: str) -> int:
    """Pods of a batch that a queue has let in."""
    path = f"/apis/batch/v1/namespaces/{scene.namespace}/jobs"
    jobs = scene.admin.get(path, labelSelector="video-ingest.dev/role=ingest")["items"]
    mine = [job for job in jobs if job["metadata"]["ownerReferences"][0]["name"] == batch]
    return sum(job["status"].get("active", 0) for job in mine if not job["spec"]["suspend"])


def tried(kubelet: RunningKubelet, count: int) -> bool:
    """Whether so many recordings have begun."""
    return len(kubelet.runs()) == count


def test_more_recordings_than_a_queue_has_room_for_wait_and_are_reported_with_the_queues_words(
    scene: Scene,
) -> None:
    queue(scene.plane, scene.namespace, "gpus", 1)
    in_queue(scene, "gpus")
    kubelet = all_hang(scene)
    scene.operate()
    scene.batch(parallelism=3)
    message = scene.until_stalled("NotAdmitted")["message"]
    assert message.startswith("2 recordings wait for admission by queue 'gpus', the first since ")
    assert "insufficient unused quota for nvidia.com/gpu" in message
    assert len(kubelet.runs()) == 1
    for turn in range(1, 4):
        until(partial(tried, kubelet, turn), "it is the next one's turn")
        kubelet.finish(*kubelet.runs()[-1])
    status = scene.until_state("Complete")
    assert (final(status)["succeeded"], attempts(status), stalled_by(status)) == (3, {0}, None)


def test_of_two_batches_each_gets_its_share_of_what_one_alone_may_borrow(scene: Scene) -> None:
    preemption = {"reclaimWithinCohort": "Any"}
    for name in ("one", "two"):
        queue(scene.plane, scene.namespace, name, 1, cohort=scene.namespace, preemption=preemption)
        in_queue(scene, name, name)
    all_hang(scene)
    scene.operate()
    scene.batch("first", parallelism=2, profileRef={"name": "one"})
    until(lambda: running(scene, "first") == 2, "it borrows what nobody wants")
    scene.batch("second", parallelism=2, profileRef={"name": "two"})
    until(lambda: (running(scene, "first"), running(scene, "second")) == (1, 1), "each has its own share")
    for name in ("first", "second"):
        told = scene.until(
            lambda status: "1 recording waits for admission" in str(status["conditions"]),
            "the other waits",
            name,
        )
        assert (stalled_by(told), attempts(told)) == ("NotAdmitted", {0})


def test_who_gives_way_to_a_higher_priority_is_told_apart_from_an_eviction_and_tried_again_uncharged(
    scene: Scene,
) -> None:
    queue(scene.plane, scene.namespace, "gpus", 1, preemption={"withinClusterQueue": "LowerPriority"})
    for name, value in (("low", 1), ("high", 1000)):
        wanted = {
            "apiVersion": KUEUE,
            "kind": "WorkloadPriorityClass",
            "metadata": {"name": f"{scene.namespace}-{name}"},
            "value": value,
        }
        scene.admin.apply(wanted)
        in_queue(scene, "gpus", name, queuePriorityClass=f"{scene.namespace}-{name}")
    kubelet = all_hang(scene, 1)  # or another recording of the batch takes the place
    scene.operate()
    scene.batch("backlog", profileRef={"name": "low"})
    kubelet.until_running(0, 1, batch=f"{scene.namespace}/backlog")
    scene.batch("news", profileRef={"name": "high"})
    kubelet.until_running(0, 1, batch=f"{scene.namespace}/news")
    status = scene.until(
        lambda status: rows(status).get(0, {}).get("reason") == Reason.QUEUE_PREEMPTED,
        "it is told",
        "backlog",
    )
    row = rows(status)[0]
    assert (row["message"], row["chargedAttempts"], row["disruptions"]) == (
        "Its queue took its place back.",
        0,
        1,
    )
    scene.delete("news")
    kubelet.until_running(0, 2, batch=f"{scene.namespace}/backlog")


def test_a_queue_that_is_stopped_is_reported_and_goes_on_when_it_is_opened(scene: Scene) -> None:
    queue(scene.plane, scene.namespace, "gpus", 4, stopPolicy="Hold")
    in_queue(scene, "gpus")
    kubelet = scene.play(sequence({}), gpus=8)
    scene.operate()
    scene.batch(parallelism=2)
    message = scene.until_stalled("NotAdmitted")["message"]
    assert f"ClusterQueue {scene.namespace}-gpus is inactive" in message
    assert kubelet.runs() == []
    queue(scene.plane, scene.namespace, "gpus", 4, stopPolicy="None")
    status = scene.until_state("Complete")
    assert (final(status)["succeeded"], attempts(status)) == (3, {0})


def test_what_a_person_ends_its_queue_does_not_resume(scene: Scene) -> None:
    queue(scene.plane, scene.namespace, "gpus", 2)
    in_queue(scene, "gpus")
    kubelet = all_hang(scene, 2)
    scene.operate()
    scene.batch(parallelism=2)
    for index in (0, 1):
        kubelet.until_running(index, 1)
    scene.change(suspend=True, suspendMode="Kill")
    status = scene.until_state("Suspended")
    assert (status["counts"]["waiting"], attempts(status)) == (2, {0})
    assert ended_by_us(status)
    until(
        lambda: all(holds(job, "Failed") for job in scene.jobs()), "any other would be resumed by its queue"
    )
    scene.change(suspend=False)
    for index in (0, 1):
        kubelet.finish(index, 2)
    status = scene.until_state("Complete")
    assert (final(status)["succeeded"], attempts(status)) == (2, {0})
    assert sorted(kubelet.runs()) == [(0, 1), (0, 2), (1, 1), (1, 2)]


def test_what_a_person_ends_while_its_queue_holds_it_starts_at_once_when_it_is_resumed(scene: Scene) -> None:
    queue(scene.plane, scene.namespace, "gpus", 4, stopPolicy="Hold")
    in_queue(scene, "gpus")
    kubelet = scene.play(sequence({}), gpus=8)
    scene.operate()
    scene.batch(parallelism=3)
    for turn in range(3):
        scene.until_stalled("NotAdmitted")
        scene.change(suspend=True, suspendMode="Kill")
        status = scene.until_state("Suspended")
        assert (status["counts"]["waiting"], ended_by_us(status), stalled_by(status)) == (3, True, None), turn
        scene.change(suspend=False)
    queue(scene.plane, scene.namespace, "gpus", 4, stopPolicy="None")
    status = scene.until_state("Complete")
    assert (final(status)["succeeded"], stalled_by(status)) == (3, None)
    assert {number for _, number in kubelet.runs()} == {4}, "no ended one was resumed"


def ended_by_us(status: Json) -> bool:
    """Whether all that waits was interrupted by its own batch, and nobody else is blamed."""
    return {(row.get("reason"), row.get("disruptions")) for row in rows(status).values()} == {
        (Reason.INTERRUPTED, None)
    }


def test_a_queue_that_is_not_there_is_reported(scene: Scene) -> None:
    in_queue(scene, "nowhere")
    scene.play()
    scene.operate()
    scene.batch()
    assert "LocalQueue nowhere doesn't exist" in scene.until_stalled("NotAdmitted")["message"]
