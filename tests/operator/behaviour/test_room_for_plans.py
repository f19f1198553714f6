"""Plans that are too large together stall the batches of the namespace that makes them, until others are done; nobody else's."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from ingest_operator.kube import batches, next_look
from ingest_operator.kube.frozen import ITEM_WEIGHT
from ingest_operator.kube.plan_room import PlanRoom
from tests.support.cluster.client import Json
from tests.support.cluster.fixtures import a_namespace
from tests.support.cluster.kubelet_order import order_of
from tests.support.cluster.life import Life
from tests.support.cluster.lives import hangs, sequence
from tests.support.cluster.scene import Scene, final, stalled_by


@pytest.fixture
def elsewhere(scene: Scene) -> Iterator[Scene]:
    with a_namespace(scene.plane) as name, ExitStack() as ends:
        made = Scene(scene.plane, name, ends)
        made.secret()
        made.profile()
        yield made


def only_the_first_hangs(pod: Json) -> Life:
    order = order_of(pod)
    first = order is not None and order.batch.endswith("/first")
    return sequence({0: [hangs()]} if first else {})(pod)


def test_a_namespace_whose_plans_take_its_share_stalls_its_own_batch_alone(
    scene: Scene, elsewhere: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    three = 5 * ITEM_WEIGHT  # what three recordings weigh, and not six
    monkeypatch.setattr(batches, "PlanRoom", lambda: PlanRoom(total=2 * three, share=three))
    monkeypatch.setattr(next_look, "RESYNC", 1.0)
    kubelet = scene.play(only_the_first_hangs)
    elsewhere.play()
    scene.operate(also=(elsewhere.namespace,))
    scene.batch("first")
    kubelet.until_running(0, 1)
    scene.batch("second")
    message = scene.until_stalled("PlansTooLarge", "second")["message"]
    assert f"The plans of the batches in {scene.namespace} that are not done would take" in message
    elsewhere.batch()
    assert final(elsewhere.until_state("Complete"))["succeeded"] == 3
    assert stalled_by(scene.status("first")) is None
    kubelet.finish(0, 1)
    scene.until_state("Complete", "first")
    assert final(scene.until_state("Complete", "second"))["succeeded"] == 3
