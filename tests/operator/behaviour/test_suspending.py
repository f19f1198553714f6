"""A batch that is suspended, in both ways, and resumed: the whole operator on a real control plane."""

from testkit.cluster.lives import hangs, sequence
from testkit.cluster.program import until
from testkit.cluster.scene import Scene, condition, final, rows


def test_a_batch_that_drains_starts_nothing_new_and_goes_on_when_it_is_resumed(scene: Scene) -> None:
    kubelet = scene.play(sequence({0: [hangs()], 1: [hangs()]}))
    scene.operate()
    scene.batch(parallelism=2)
    for index in (0, 1):
        kubelet.until_running(index, 1)
    scene.change(suspend=True)
    status = scene.until_state("Suspending")
    assert (condition(status, "Suspended")["reason"], condition(status, "Suspended")["message"]) == (
        "Draining",
        "2 still running",
    )
    for index in (0, 1):
        kubelet.finish(index, 1)
    status = scene.until_state("Suspended")
    assert condition(status, "Suspended") | {"status": "True", "reason": "BySpec"} == condition(
        status, "Suspended"
    )
    assert (status["counts"]["succeeded"], status["counts"]["pending"]) == (2, 1)
    assert sorted(kubelet.runs()) == [(0, 1), (1, 1)]
    scene.change(suspend=False)
    assert final(scene.until_state("Complete")) == {"succeeded": 3, "skipped": 0, "failed": 0}
    assert sorted(kubelet.runs()) == [(0, 1), (1, 1), (2, 1)]


def test_a_batch_that_is_stopped_ends_what_runs_charges_nobody_and_tries_it_again_when_it_is_resumed(
    scene: Scene,
) -> None:
    kubelet = scene.play(sequence({0: [hangs()], 1: [hangs()]}))
    scene.operate()
    scene.batch(parallelism=2)
    for index in (0, 1):
        kubelet.until_running(index, 1)
    scene.change(suspend=True, suspendMode="Kill")
    status = scene.until_state("Suspended")
    assert {
        index: (row["state"], row["reason"], row.get("disruptions")) for index, row in rows(status).items()
    } == {
        0: ("Waiting", "Interrupted", None),
        1: ("Waiting", "Interrupted", None),
    }
    until(lambda: scene.pods() == [], "no pod is left")
    scene.change(suspend=False)
    status = scene.until_state("Complete")
    assert {index: (row["run"], row.get("chargedAttempts", 0)) for index, row in rows(status).items()} == {
        0: (2, 0),
        1: (2, 0),
        2: (1, 0),
    }
    assert sorted(kubelet.runs()) == [(0, 1), (0, 2), (1, 1), (1, 2), (2, 1)]


def test_a_batch_that_is_born_suspended_does_nothing_until_it_is_resumed(scene: Scene) -> None:
    kubelet = scene.play()
    scene.operate()
    scene.batch(suspend=True)
    scene.until_state("Suspended")
    assert scene.left() == []
    scene.change(suspend=False)
    scene.until_state("Complete")
    assert len(kubelet.orders()) == 4
