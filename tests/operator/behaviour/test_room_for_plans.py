"""Plans that are too large together stall the batches of the namespace that makes them, until others are
done; nobody else's."""

import pytest

from ingest_contract.failures import Reason
from ingest_operator.kube import requeueing
from ingest_operator.kube.batches import controller
from ingest_operator.kube.planning.frozen_plan import ITEM_BYTES
from ingest_operator.kube.planning.room import PlanRoom
from testkit.cluster.client import Json
from testkit.cluster.kubelet_order import order_of
from testkit.cluster.life import Life
from testkit.cluster.lives import fails, hangs, sequence
from testkit.cluster.scene import Scene, final, stalled_by

THREE = 5 * ITEM_BYTES
"""What three recordings weigh, and not six."""


@pytest.fixture(autouse=True)
def room_for_three(monkeypatch: pytest.MonkeyPatch) -> None:
    """A namespace has room for the plan of one batch, and refused ones are looked at again in a second."""
    monkeypatch.setattr(controller, "PlanRoom", lambda: PlanRoom(total=2 * THREE, share=THREE))
    monkeypatch.setattr(requeueing, "RESYNC_SECONDS", 1.0)


def only_the_first_hangs(pod: Json) -> Life:
    order = order_of(pod)
    first = order is not None and order.batch.endswith("/first")
    return sequence({0: [hangs()]} if first else {})(pod)


def test_a_namespace_whose_plans_take_its_share_stalls_its_own_batch_alone(
    scene: Scene, elsewhere: Scene
) -> None:
    kubelet = scene.play(only_the_first_hangs)
    elsewhere.play()
    scene.operate(also=(elsewhere.namespace,))
    scene.batch("first")
    kubelet.until_running(0, 1)
    scene.batch("second")
    message = scene.until_stalled("PlansTooLarge", "second")["message"]
    assert f"The plans of the batches in {scene.namespace} that are at work would take" in message
    elsewhere.batch()
    assert final(elsewhere.until_state("Complete"))["succeeded"] == 3
    assert stalled_by(scene.status("first")) is None
    kubelet.finish(0, 1)
    scene.until_state("Complete", "first")
    assert final(scene.until_state("Complete", "second"))["succeeded"] == 3


def test_a_batch_that_is_suspended_gives_its_room_to_another_and_goes_on_when_it_is_resumed(
    scene: Scene,
) -> None:
    kubelet = scene.play(only_the_first_hangs)
    scene.operate()
    scene.batch("first")
    kubelet.until_running(0, 1)
    scene.batch("second")
    scene.until_stalled("PlansTooLarge", "second")
    scene.change("first", suspend=True, suspendMode="Kill")
    scene.until_state("Suspended", "first")
    assert final(scene.until_state("Complete", "second"))["succeeded"] == 3
    scene.change("first", suspend=False)
    assert final(scene.until_state("Complete", "first"))["succeeded"] == 3


def test_a_batch_of_which_too_much_failed_gives_its_room_to_another(scene: Scene) -> None:
    def the_first_fails(pod: Json) -> Life:
        order = order_of(pod)
        return sequence(
            {},
            otherwise=fails(Reason.NOT_FOUND)
            if order is not None and order.batch.endswith("/first")
            else None,
        )(pod)

    scene.play(the_first_fails)
    scene.operate()
    scene.batch("first", parallelism=1, retry={"maxFailedPercent": 10})
    assert scene.until_state("Failed", "first")["counts"]["pending"] == 2
    scene.batch("second")
    assert final(scene.until_state("Complete", "second"))["succeeded"] == 3
    assert scene.status("first")["state"] == "Failed"


def test_plans_that_were_refused_are_not_read_at_each_reconcile(scene: Scene) -> None:
    kubelet = scene.play(only_the_first_hangs)
    scene.operate()
    scene.batch("first")
    kubelet.until_running(0, 1)
    scene.batch("second")
    scene.until_stalled("PlansTooLarge", "second")
    mark = scene.plane.audit.now()
    for parallelism in (2, 3, 4):
        generation = scene.change("second", parallelism=parallelism)["metadata"]["generation"]
        scene.until(
            lambda status, at=generation: status["observedGeneration"] == at, "it is looked at", "second"
        )
    read = [
        each.name
        for each in scene.plane.audit.since(mark, namespace=scene.namespace)
        if each.resource == "configmaps"
    ]
    assert not any(name.startswith("second-") for name in read), read
