"""Two batches that want the same recording: the store lets one worker have it, and the operator lets the
other batch wait for that."""

from ingest_contract.failures import Reason
from ingest_contract.order import PlanOrder
from testkit.cluster.kubelet_order import order_of
from testkit.cluster.life import Life
from testkit.cluster.lives import fails, hangs, plans, succeeds
from testkit.cluster.scene import Scene, final, rows
from testkit.objects.builders import items


class Claims:
    """One recording, and which batch has it.
    The claims themselves, in Postgres, are tested with the store."""

    def __init__(self) -> None:
        self.stored = False

    def life(self, pod: dict) -> Life:
        order = order_of(pod)
        if isinstance(order, PlanOrder):
            return plans(items(1))
        if order.batch.endswith("/first"):
            return hangs()
        return (
            succeeds()
            if self.stored
            else fails(Reason.CLAIMED_ELSEWHERE, message="youtube:video-00000 is claimed by first")
        )


def test_of_two_batches_that_share_a_recording_one_works_and_the_other_waits_uncharged_and_finds_the_result(
    scene: Scene,
) -> None:
    claims = Claims()
    kubelet = scene.play(claims.life)
    scene.operate()
    scene.batch("first")
    kubelet.until_running(0, 1, batch=f"{scene.namespace}/first")
    scene.batch("second")
    status = scene.until(lambda status: status["counts"].get("waiting"), "the second waits", "second")
    row = rows(status)[0]
    assert (row["reason"], row["message"], row["chargedAttempts"]) == (
        "ClaimedElsewhere",
        "youtube:video-00000 is claimed by first",
        0,
    )
    assert status["state"] == "Running"
    claims.stored = True
    kubelet.finish(0, 1, batch=f"{scene.namespace}/first")
    assert final(scene.until_state("Complete", "first"))["succeeded"] == 1
    status = scene.until_state("Complete", "second")
    assert final(status)["succeeded"] == 1
    assert (rows(status)[0]["run"] >= 2, rows(status)[0]["chargedAttempts"]) == (True, 0)
    assert kubelet.runs(f"{scene.namespace}/first") == [(0, 1)]
