"""What a batch may be asked for while it runs, and how it ends before its time: the whole operator on a real
control plane."""

import pytest

from ingest_contract.failures import Reason
from ingest_contract.order import PlanOrder
from ingest_operator.kube.api.names import PLAN
from testkit.cluster.client import Refused
from testkit.cluster.lives import fails, hangs, sequence, succeeds
from testkit.cluster.program import until
from testkit.cluster.scene import SOURCE, Scene, final, rows

MORE = {"url": "https://media.example.org/more"}


def test_sources_that_are_added_while_a_batch_runs_are_planned_and_nothing_is_planned_twice(
    scene: Scene,
) -> None:
    kubelet = scene.play(sequence({0: [hangs()]}))
    scene.operate()
    scene.batch()
    kubelet.until_running(0, 1)
    scene.change(sources=[SOURCE, MORE])
    status = scene.until(
        lambda status: status["counts"]["total"] == 6,
        "what was added is planned, while the first recording runs",
    )
    assert (status["state"], status["plan"]["sources"]) == ("Running", 2)
    kubelet.finish(0, 1)
    assert final(scene.until_state("Complete")) == {"succeeded": 6, "skipped": 0, "failed": 0}
    plans = [order for order in kubelet.orders() if isinstance(order, PlanOrder)]
    assert [([source.url for source in plan.sources], plan.first_index) for plan in plans] == [
        ([SOURCE["url"]], 0),
        ([MORE["url"]], 3),
    ]
    assert kubelet.runs() == [(index, 1) for index in range(6)]


def test_sources_that_are_added_to_a_batch_that_is_complete_bring_it_back_to_work(scene: Scene) -> None:
    kubelet = scene.play()
    scene.operate()
    scene.batch()
    scene.until_state("Complete")
    scene.change(sources=[SOURCE, MORE])
    status = scene.until(
        lambda status: status["state"] == "Complete" and status["counts"]["total"] == 6,
        "it is complete again",
    )
    assert status["progressPercent"] == 100
    assert kubelet.runs() == [(index, 1) for index in range(6)]
    with pytest.raises(
        Refused, match="sources may be added behind the others, never removed, changed or moved"
    ):
        scene.change(sources=[MORE])


def test_a_new_retry_failed_tries_the_failed_recordings_once_more_and_only_them(scene: Scene) -> None:
    lives = {
        0: [fails(Reason.NOT_FOUND)],
        1: [fails(Reason.UNDECODABLE), fails(Reason.UNDECODABLE)],
        2: [fails(Reason.NO_SPEECH)],
    }
    kubelet = scene.play(sequence(lives))
    scene.operate()
    scene.batch(parallelism=3)
    assert final(scene.until_state("CompleteWithFailures")) == {"succeeded": 0, "skipped": 1, "failed": 2}
    scene.change(retryFailed="after the links were mended")
    status = scene.until(
        lambda status: status["counts"]["succeeded"] == 1 and status["counts"]["failed"] == 1,
        "they were tried again",
    )
    assert {entry["reason"]: entry["count"] for entry in status["failures"]} == {"Undecodable": 1}
    assert sorted(kubelet.runs()) == [(0, 1), (0, 2), (1, 1), (1, 2), (2, 1)]
    scene.change(retryFailed="once more")
    scene.until_state("Complete")
    assert sorted(kubelet.runs()) == [(0, 1), (0, 2), (1, 1), (1, 2), (1, 3), (2, 1)]


def test_a_retry_of_single_recordings_leaves_the_other_failures_as_they_are(scene: Scene) -> None:
    kubelet = scene.play(sequence({index: [fails(Reason.NOT_FOUND)] for index in range(2)}))
    scene.operate()
    scene.batch(parallelism=3)
    scene.until_state("CompleteWithFailures")
    scene.change(retryFailed="after one link was mended", retryRecordings="1-2")
    status = scene.until(
        lambda status: final(status) == {"succeeded": 2, "skipped": 0, "failed": 1}, "it was tried again"
    )
    assert [(each["reason"], each["count"], each["recordings"]) for each in status["failures"]] == [
        ("NotFound", 1, "0")
    ]
    assert sorted(kubelet.runs()) == [(0, 1), (1, 1), (1, 2), (2, 1)]


def test_a_dry_run_shows_what_would_be_done_and_does_none_of_it(scene: Scene) -> None:
    kubelet = scene.play()
    scene.operate()
    scene.batch(dryRun=True)
    status = scene.until_state("DryRun")
    assert (status["plan"]["recordings"], status["plan"]["mediaSeconds"]) == (3, 1800)
    assert "3 recordings would be ingested" in scene.kubectl("describe", "ib", "talks")
    assert scene.jobs() == []
    assert kubelet.runs() == []


def test_a_batch_that_is_deleted_in_mid_run_takes_everything_with_it(scene: Scene) -> None:
    kubelet = scene.play(sequence({0: [hangs()], 1: [succeeds()], 2: [hangs()]}))
    scene.operate()
    scene.batch(parallelism=2)
    for index in (0, 2):
        kubelet.until_running(index, 1)
    scene.delete()
    until(lambda: scene.left() == [], "nothing of it is left")
    assert scene.pods() == []


def test_a_batch_that_is_made_again_under_its_old_name_begins_again(scene: Scene) -> None:
    kubelet = scene.play(sequence({0: [hangs()]}))
    scene.operate()
    first = scene.batch()
    kubelet.until_running(0, 1)
    scene.delete()
    second = scene.batch()
    until(lambda: kubelet.runs().count((0, 1)) == 2, "its own first recording is begun")
    until(lambda: len(scene.pods()) == 1, "the pod of the other one is gone")
    kubelet.finish(0, 1)
    status = scene.until_state("Complete")
    assert final(status) == {"succeeded": 3, "skipped": 0, "failed": 0}
    assert {row["run"] for row in rows(status).values()} == {1}
    trace = [each["metadata"]["uid"].replace("-", "") for each in (first, second)]
    assert status["traceId"] == trace[1]
    assert [order.trace_id for order in kubelet.orders()] == [trace[0]] * 2 + [trace[1]] * 4
    until(lambda: scene.jobs(PLAN) == [], "the plan Job of the first has gone with it")
