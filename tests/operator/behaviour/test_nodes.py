"""A cluster that takes machines away, loses them, or lets their clocks differ: nobody is charged, and nothing
waits for a lost node."""

import time

import pytest

from ingest_contract.failures import Reason
from ingest_contract.order import IngestOrder
from ingest_operator.core import breaker, nodes, retries
from ingest_operator.core.timestamps import from_rfc3339
from ingest_operator.kube import requeueing
from ingest_operator.kube.batches.controller import BatchController
from ingest_operator.kube.observe import unplaced
from ingest_operator.kube.watch.cache import Key
from testkit.cluster.client import Json
from testkit.cluster.life import Life
from testkit.cluster.lives import (
    drained,
    evicted,
    fails,
    hangs,
    image_missing,
    is_plan,
    never_starts,
    node_lost,
    preempted,
    rebooted,
    refused,
    sequence,
    silent,
    where,
)
from testkit.cluster.program import until
from testkit.cluster.scene import Scene, condition, final, rows, stalled_by

GPU = "nvidia.com/gpu"
BRIEF = {"nodeLostSeconds": 0, "template": {"spec": {"terminationGracePeriodSeconds": 1}}}


def test_recordings_whose_machines_are_taken_away_are_tried_again_at_once_and_uncharged(scene: Scene) -> None:
    kubelet = scene.play(sequence({0: [preempted()], 1: [drained()], 2: [evicted()]}))
    history = scene.history()
    scene.operate()
    scene.batch(parallelism=3)
    status = scene.until_state("Complete")
    assert {(row["run"], row["chargedAttempts"]) for row in rows(status).values()} == {(2, 0)}
    waiting = [row for each in history.of("talks") for row in each["recordings"] if row["state"] == "Waiting"]
    told = {(row["index"], row["reason"], row["disruptions"]) for row in waiting}
    assert told == {(0, "Preempted", 1), (1, "Evicted", 1), (2, "NodePressure", 1)}
    assert sorted(kubelet.runs()) == [(index, number) for index in range(3) for number in (1, 2)]


def test_a_recording_that_is_taken_away_again_and_again_is_given_up_uncharged(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "MAX_DISRUPTIONS", 2)
    kubelet = scene.play(sequence({0: [drained()] * 9}, count=1))
    scene.operate()
    scene.batch()
    row = rows(scene.until_state("CompleteWithFailures"))[0]
    assert (row["reason"], row["run"], row["chargedAttempts"]) == ("Evicted", 3, 0)
    assert kubelet.runs() == [(0, 1), (0, 2), (0, 3)]


def test_a_recording_on_a_lost_node_is_done_elsewhere_before_anybody_knows_what_became_of_the_node(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requeueing, "RESYNC_SECONDS", 1.0)
    scene.profile(pods=BRIEF)
    kubelet = scene.play(sequence({0: [node_lost()]}))
    scene.operate()
    scene.batch(parallelism=1)
    status = scene.until_state("Complete")
    assert (rows(status)[0]["run"], rows(status)[0]["chargedAttempts"]) == (2, 0)
    assert kubelet.runs() == [(0, 1), (0, 2), (1, 1), (2, 1)]
    lost = [pod for pod in scene.pods() if "deletionTimestamp" in pod["metadata"]]
    assert [pod["status"]["phase"] for pod in lost] == ["Running"]
    kubelet.release()
    until(
        lambda: not any("deletionTimestamp" in pod["metadata"] for pod in scene.pods()),
        "the node is back, and the pod gone",
    )
    assert final(scene.status()) == {"succeeded": 3, "skipped": 0, "failed": 0}


def test_clocks_that_differ_by_minutes_neither_delay_anything_nor_spoil_the_sums(scene: Scene) -> None:
    begun = time.time()
    kubelet = scene.play(
        sequence({index: [fails(Reason.DOWNLOAD_FAILED)] for index in range(4)}, count=4),
        nodes=("behind", "ahead"),
        clocks={"behind": -600.0, "ahead": 600.0},
    )
    history = scene.history()
    scene.operate()
    scene.batch(parallelism=4)
    status = scene.until_state("Complete")
    took = time.time() - begun
    assert {(row["run"], row["chargedAttempts"]) for row in rows(status).values()} == {(2, 1)}
    assert len(kubelet.runs()) == 8
    assert 0 <= float(status["activeSeconds"]) <= took
    waits = [
        float(status["sums"][name])
        for name in ("queuedSeconds", "startingSeconds", "pullingSeconds", "gpuSeconds")
    ]
    assert all(0 <= wait <= 8 * took for wait in waits), waits
    moments = [
        row["notBefore"] for each in history.of("talks") for row in each["recordings"] if "notBefore" in row
    ]
    assert moments
    assert all(begun - 1 <= from_rfc3339(moment) <= begun + took for moment in moments)


BAD = {
    "a device plugin fails": (
        refused("UnexpectedAdmissionError", "Allocate failed due to no healthy devices present"),
        "NodeRejected",
    ),
    "no room after all": (refused(), "NodeRejected"),
    "it shuts down": (
        refused("NodeShutdown", "Pod was rejected as the node is shutting down."),
        "NodeRejected",
    ),
    "a broken GPU": (fails(Reason.GPU_BROKEN), "GpuBroken"),
    "it restarts": (rebooted(), "NodeRestarted"),
    "others go first": (preempted(), "Preempted"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_node_costs_no_recording_and_is_named_after_a_few_runs(scene: Scene, what: str) -> None:
    life, reason = BAD[what]
    bad = f"{scene.namespace}-bad"
    kubelet = scene.play(where({bad: life}, count=20), nodes=("good", "bad"), gpus=2)
    history = scene.history()
    scene.operate()
    scene.batch(parallelism=3)
    status = scene.until(lambda status: status["state"].startswith("Complete"), "it is done")
    assert final(status) == {"succeeded": 20, "skipped": 0, "failed": 0}
    [node] = status["nodes"]
    assert (node["name"], node["reason"], node["avoided"]) == (bad, reason, True)
    assert 0 < node["runs"] <= 4
    assert sum(row["chargedAttempts"] for row in rows(status).values()) <= 1, (
        "the first that met it is charged at most"
    )
    told = [condition(each, "NodesAvoided") for each in history.of("talks")]
    assert any(
        each.get("status") == "True" and each["reason"] == reason and bad in each["message"] for each in told
    )
    assert condition(status, "NodesAvoided")["status"] == "False"
    until(
        lambda: any(bad in note and reason in note for note in scene.events("NodeAvoided")),
        "an Event names the node",
    )
    assert len(kubelet.runs()) <= 24


def test_the_only_node_is_tried_again_though_it_is_bad_and_the_batch_says_that_there_is_no_other(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requeueing, "RESYNC_SECONDS", 1.0)
    monkeypatch.setattr(nodes, "NO_OTHER_SECONDS", 3.0)
    without_setup_failures: list[bool] = []
    planned = sequence({})
    scene.play(lambda pod: planned(pod) if without_setup_failures or is_plan(pod) else refused(), gpus=4)
    scene.operate()
    scene.batch(parallelism=3)
    message = scene.until_stalled("NoOtherNode")["message"]
    assert f"{scene.namespace}-1" in message
    refusals = len([pod for pod in scene.pods() if pod["status"].get("reason") == "OutOfcpu"])
    assert refusals <= 6, "what fails fast is not asked over and over"
    without_setup_failures.append(True)
    assert final(scene.until_state("Complete")) == {"succeeded": 3, "skipped": 0, "failed": 0}
    assert "nodes" not in scene.status() or scene.status()["nodes"] == []


def test_a_pod_that_a_dead_node_keeps_for_ever_is_given_up_at_its_deadline_and_done_elsewhere(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requeueing, "RESYNC_SECONDS", 1.0)
    ahead = [0.0]
    scene.profile(pods={"template": {"spec": {"tolerations": [{"operator": "Exists"}]}}})
    kubelet = scene.play(sequence({0: [silent()]}, count=2), nodes=("1", "2"))
    scene.operate(clock=lambda: time.time() + ahead[0])
    scene.batch(parallelism=1)
    kubelet.until_running(0, 1)
    scene.until(lambda status: status["counts"]["running"] == 1, "it runs")
    ahead[0] = 30 * 24 * 3600.0
    status = scene.until_state("Complete")
    # To a clock so far ahead, a pod that has a node and has not begun is lost, too: that makes one run more.
    assert (rows(status)[0]["run"] > 1, rows(status)[0]["chargedAttempts"]) == (True, 0)
    named = {pod["metadata"]["name"]: pod["spec"]["nodeName"] for pod in kubelet.pods()}
    [lost] = [node for name, node in named.items() if "-plan-" not in name and "-0-1-" in name]
    assert (lost, "NodeLost") in {(node["name"], node["reason"]) for node in status["nodes"]}
    assert kubelet.runs()[0] == (0, 1)
    assert {index for index, number in kubelet.runs() if (index, number) != (0, 1)} == {0, 1}
    kubelet.release()


@pytest.mark.parametrize("lacks", [image_missing(), never_starts()], ids=["an image", "a network"])
def test_what_one_node_alone_lacks_another_has_and_the_node_is_named(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, lacks: Life
) -> None:
    monkeypatch.setattr(requeueing, "RESYNC_SECONDS", 1.0)
    scene.profile(pods={"startDeadlineSeconds": 1})
    bad = f"{scene.namespace}-1"
    scene.play(where({bad: lacks}, count=4), nodes=("1", "2"), gpus=1)
    history = scene.history()
    scene.operate()
    scene.batch(parallelism=2)
    status = scene.until_state("Complete")
    assert (final(status)["succeeded"], {row["chargedAttempts"] for row in rows(status).values()}) == (4, {0})
    avoided = [condition(each, "NodesAvoided") for each in history.of("talks")]
    assert any(each.get("status") == "True" and bad in each["message"] for each in avoided)


def test_a_plan_that_one_node_cannot_make_is_made_on_another(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requeueing, "RESYNC_SECONDS", 1.0)
    scene.profile(pods={"startDeadlineSeconds": 4})
    bad, planned, met = f"{scene.namespace}-1", sequence({}), list[str]()

    def life(pod: Json) -> Life:
        if not is_plan(pod):
            return planned(pod)
        met.append(pod["spec"]["nodeName"])
        return never_starts() if pod["spec"]["nodeName"] == bad else planned(pod)

    scene.play(life, nodes=("1", "2"))
    scene.operate()
    scene.batch()
    assert final(scene.until_state("Complete"))["succeeded"] == 3
    assert met == [bad, f"{scene.namespace}-2"]


def test_a_plan_that_no_node_takes_says_so(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requeueing, "RESYNC_SECONDS", 1.0)
    monkeypatch.setattr(unplaced, "PATIENCE_SECONDS", 1.0)
    limits = {"containers": [{"name": "worker", "resources": {"limits": {GPU: "1"}}}]}
    scene.profile(pods={"planTemplate": {"spec": limits}})
    scene.play(gpus=0)
    scene.operate()
    scene.batch()
    assert "1 plan waits for a node" in scene.until_stalled("Unschedulable")["message"]
    scene.profile(pods={})
    status = scene.until(lambda status: status["counts"]["total"] == 3, "it is planned by the mended profile")
    assert stalled_by(status) is None


def test_an_image_that_no_node_can_pull_stalls_the_batch_by_its_name_and_is_held_against_no_node(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requeueing, "RESYNC_SECONDS", 1.0)
    monkeypatch.setattr(breaker, "PROBE_AFTER_SECONDS", 0.1)
    monkeypatch.setattr(nodes, "NO_OTHER_SECONDS", 1.0)
    scene.profile(pods={"startDeadlineSeconds": 1})
    there: list[bool] = []
    planned = sequence({}, count=8)
    scene.play(
        lambda pod: planned(pod) if there or is_plan(pod) else image_missing("registry.example.org/worker:9"),
        nodes=("1", "2", "3"),
        gpus=2,
    )
    history = scene.history()
    scene.operate()
    scene.batch(parallelism=6)
    status = scene.until(
        lambda status: (
            (status.get("breaker") or {}).get("opened", 0) > nodes.SETUP_PROBES
            and stalled_by(status) == "ImageUnavailable"
        ),
        "many probes failed",
    )
    message = condition(status, "Stalled")["message"]
    assert "registry.example.org/worker:9" in message
    assert not any(node["reason"] == "ImageUnavailable" for node in status.get("nodes", ()))
    there.append(True)
    assert final(scene.until_state("Complete"))["succeeded"] == 8
    told = [condition(each, "NodesAvoided").get("message", "") for each in history.of("talks")]
    assert not any("ImageUnavailable" in message for message in (*told, *scene.events("NodeAvoided")))


def test_a_batch_of_which_nothing_runs_says_what_its_pods_wait_for_until_one_has_a_node(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requeueing, "RESYNC_SECONDS", 1.0)
    monkeypatch.setattr(unplaced, "PATIENCE_SECONDS", 1.0)
    claims = {"claims": [{"name": "gpu"}]}
    template = {
        "resourceClaims": [{"name": "gpu", "resourceClaimTemplateName": "one-gpu"}],
        "containers": [{"name": "worker", "resources": claims | {"limits": {GPU: "1"}}}],
    }
    scene.profile("claims", pods={"gpu": {"count": 0}, "workerTemplate": {"spec": template}})
    kubelet = scene.play(sequence({}, otherwise=hangs(), count=1), gpus=1)
    scene.operate()
    scene.batch("first")
    kubelet.until_running(0, 1)
    scene.batch("second", profileRef={"name": "claims"})
    message = scene.until_stalled("Unschedulable", "second")["message"]
    assert "1 recording waits for a node" in message
    assert "The scheduler says: 0/1 nodes are available" in message
    assert stalled_by(scene.status("first")) is None
    kubelet.finish(0, 1, batch=f"{scene.namespace}/first")
    kubelet.finish(0, 1, batch=f"{scene.namespace}/second")
    status = scene.until_state("Complete", "second")
    assert (final(status)["succeeded"], stalled_by(status)) == (1, None)
    devices = [order.runtime.device for order in kubelet.orders() if isinstance(order, IngestOrder)]
    assert devices == ["cuda", "cuda"], "what has a claim does not run on the CPU"


@pytest.mark.parametrize("seconds", [-600.0, 600.0], ids=["behind", "ahead"])
def test_an_operator_whose_clock_differs_by_ten_minutes_writes_no_more_than_another(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    monkeypatch.setattr(requeueing, "RESYNC_SECONDS", 0.1)
    looks = counted_looks(monkeypatch)
    kubelet = scene.play(where({}, otherwise=hangs(), count=3))
    history = scene.history()
    scene.operate(clock=lambda: time.time() + seconds)
    scene.batch(parallelism=3)
    scene.until(lambda status: status["counts"]["running"] == 3, "all run")
    for index in range(3):
        kubelet.until_running(index, 1)
    had, written = len(looks), len(history.of("talks"))
    until(lambda: len(looks) >= had + 10, "it was looked at ten times more")
    assert len(history.of("talks")) - written <= 2
    for index in range(3):
        kubelet.finish(index, 1)
    assert {(row["run"], row["chargedAttempts"]) for row in rows(scene.until_state("Complete")).values()} == {
        (1, 0)
    }


def counted_looks(monkeypatch: pytest.MonkeyPatch) -> list[Key]:
    """At which batch each look of an operator in this process was."""
    looks: list[Key] = []
    look = BatchController.reconcile

    async def counted(batches: BatchController, key: Key) -> float | None:
        looks.append(key)
        return await look(batches, key)

    monkeypatch.setattr(BatchController, "reconcile", counted)
    return looks
