"""A cluster that takes machines away, loses them, or lets their clocks differ: nobody is charged, and nothing waits for a lost node."""

import time

import pytest

from ingest_contract.failures import Reason
from ingest_operator import fold
from ingest_operator.kube import batches
from ingest_operator.moments import as_seconds
from tests.support.cluster.lives import drained, evicted, fails, node_lost, preempted, sequence
from tests.support.cluster.program import until
from tests.support.cluster.scene import Scene, final, rows

BRIEF = {"nodeLostSeconds": 0, "template": {"spec": {"terminationGracePeriodSeconds": 1}}}


def test_recordings_whose_machines_are_taken_away_are_tried_again_at_once_and_uncharged(scene: Scene) -> None:
    kubelet = scene.play(sequence({0: [preempted()], 1: [drained()], 2: [evicted()]}))
    history = scene.history()
    scene.operate()
    scene.batch(parallelism=3)
    status = scene.until_state("Complete")
    assert {(row["try"], row["attempts"]) for row in rows(status).values()} == {(2, 0)}
    waiting = [row for each in history.of("talks") for row in each["videos"] if row["state"] == "Waiting"]
    assert {(row["index"], row["reason"], row["disruptions"]) for row in waiting} == {(index, "Evicted", 1) for index in range(3)}
    assert sorted(kubelet.tries()) == [(index, number) for index in range(3) for number in (1, 2)]


def test_a_recording_that_is_taken_away_again_and_again_is_given_up_uncharged(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fold, "MAX_DISRUPTIONS", 2)
    kubelet = scene.play(sequence({0: [preempted()] * 9}, count=1))
    scene.operate()
    scene.batch()
    row = rows(scene.until_state("CompleteWithFailures"))[0]
    assert (row["reason"], row["try"], row["attempts"]) == ("Evicted", 3, 0)
    assert kubelet.tries() == [(0, 1), (0, 2), (0, 3)]


def test_a_recording_on_a_lost_node_is_done_elsewhere_before_anybody_knows_what_became_of_the_node(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "RESYNC", 1.0)
    scene.profile(pods=BRIEF)
    kubelet = scene.play(sequence({0: [node_lost()]}))
    scene.operate()
    scene.batch(parallelism=1)
    status = scene.until_state("Complete")
    assert (rows(status)[0]["try"], rows(status)[0]["attempts"]) == (2, 0)
    assert kubelet.tries() == [(0, 1), (0, 2), (1, 1), (2, 1)]
    lost = [pod for pod in scene.pods() if "deletionTimestamp" in pod["metadata"]]
    assert [pod["status"]["phase"] for pod in lost] == ["Running"]
    kubelet.release()
    until(lambda: not any("deletionTimestamp" in pod["metadata"] for pod in scene.pods()), "the node is back, and the pod gone")
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
    assert {(row["try"], row["attempts"]) for row in rows(status).values()} == {(2, 1)}
    assert len(kubelet.tries()) == 8
    assert 0 <= float(status["activeSeconds"]) <= took
    waits = [float(status["sums"][name]) for name in ("queuedSeconds", "startingSeconds", "pullingSeconds", "gpuSeconds")]
    assert all(0 <= wait <= 8 * took for wait in waits), waits
    moments = [row["notBefore"] for each in history.of("talks") for row in each["videos"] if "notBefore" in row]
    assert moments
    assert all(begun - 1 <= as_seconds(moment) <= begun + took for moment in moments)
