"""A batch that comes out of a backup, or whose status was wiped: what is not borne out by its own plan and
Jobs is not believed."""

from collections.abc import Callable

import pytest

from ingest_contract.names import API_VERSION, BATCH_KIND
from testkit.cluster.client import Json
from testkit.cluster.lives import hangs, sequence
from testkit.cluster.program import until
from testkit.cluster.scene import Scene, final, stalled_by


def write_status(scene: Scene, status: Json | None) -> None:
    """Whatever is there by then, as a tool with all rights does."""
    body = {
        "apiVersion": API_VERSION,
        "kind": BATCH_KIND,
        "metadata": {"name": "talks"},
        "status": status or {"observedGeneration": -1},
    }
    path = f"{scene.path()}/status"
    scene.admin.request("PUT", path, scene.seen() | body | {"metadata": scene.seen()["metadata"]})


def backed_up(scene: Scene) -> Json:
    """The status of a batch that is complete, and gone."""
    operator = scene.operate()
    scene.batch()
    complete = scene.until_state("Complete")
    operator.stop()
    scene.delete()
    until(
        lambda: scene.admin.send("GET", scene.path())[0] == 404 and not scene.left(),
        "the batch and all that it owned are gone",
    )
    return complete


def test_a_batch_restored_with_its_status_is_not_complete_before_its_recordings_are_processed(
    scene: Scene,
) -> None:
    kubelet = scene.play(sequence({}, count=2))
    complete = backed_up(scene)
    assert final(complete)["succeeded"] == 2
    scene.batch()
    write_status(scene, complete)
    scene.operate()
    status = scene.until(
        lambda status: status["traceId"] != complete["traceId"] and status["state"] == "Complete",
        "it is processed anew",
    )
    assert final(status)["succeeded"] == 2
    assert kubelet.runs() == [(0, 1), (1, 1), (0, 1), (1, 1)]
    assert "StatusNotBelieved" in scene.kubectl("get", "events")


def test_a_status_that_is_restored_while_the_batch_runs_changes_nothing_of_it(scene: Scene) -> None:
    lives = {0: [hangs()]}
    kubelet = scene.play(sequence(lives, count=2))
    scene.operate()
    made = scene.batch(parallelism=1)
    kubelet.until_running(0, 1)
    foreign = {
        "observedGeneration": 1,
        "traceId": "f" * 32,
        "state": "Complete",
        "finalRecordings": {"succeeded": "0-8"},
        "counts": {"total": 9},
    }
    foreign["plan"] = {"sources": 3, "recordings": 9, "mediaSeconds": 5}
    write_status(scene, foreign)
    trace = made["metadata"]["uid"].replace("-", "")
    status = scene.until(lambda status: status["traceId"] == trace, "its own is there again")
    assert (status["counts"]["running"], final(status)["succeeded"], stalled_by(status)) == (1, 0, None)
    kubelet.finish(0, 1)
    assert final(scene.until_state("Complete"))["succeeded"] == 2
    assert kubelet.runs() == [(0, 1), (1, 1)]


def nonsense(status: Json) -> Json:
    """Recordings that no plan has, and one at two places."""
    return status | {
        "finalRecordings": {"succeeded": "0-1,77", "failed": "0,99"},
        "running": [{"run": 3, "indexes": "1,55"}],
    }


@pytest.mark.parametrize("wiped", [lambda _: None, nonsense], ids=["wiped", "nonsense"])
def test_a_status_that_somebody_wiped_or_bent_is_made_again_from_the_jobs_that_are_there(
    scene: Scene, wiped: Callable[[Json], Json | None]
) -> None:
    kubelet = scene.play(sequence({2: [hangs()]}, count=3))
    scene.operate()
    scene.batch(parallelism=1)
    kubelet.until_running(2, 1)
    status = scene.until(
        lambda status: status["counts"]["succeeded"] == 2 and status["counts"]["running"] == 1,
        "two of three are done",
    )
    write_status(scene, wiped(status))
    scene.until(
        lambda status: status["counts"]["succeeded"] == 2 and status["counts"]["running"] == 1,
        "the same is known again",
    )
    kubelet.finish(2, 1)
    assert final(scene.until_state("Complete")) == {"succeeded": 3, "skipped": 0, "failed": 0}
    assert kubelet.runs() == [(0, 1), (1, 1), (2, 1)]
