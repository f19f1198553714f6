"""Thirty nights of a schedule on the real control plane, while the operator comes and goes: every recording
comes in, once."""

import random
import time
from collections import Counter
from datetime import datetime

from ingest_contract.names import API_VERSION, SCHEDULE_KIND
from ingest_contract.order import IngestOrder, Item, PlanOrder
from ingest_operator.core.timestamps import from_rfc3339, to_rfc3339
from ingest_operator.kube.api.names import INGEST
from testkit.cluster.client import Json
from testkit.cluster.kubelet_order import order_of
from testkit.cluster.life import Life
from testkit.cluster.lives import plans, succeeds
from testkit.cluster.program import until
from testkit.cluster.running_operator import RunningOperator
from testkit.cluster.scene import SOURCE, Scene

DAY = 86_400.0
NIGHTS = 30
WITH_NEWS = 20
AGES = {f"{what}DeadlineSeconds": 90 * 86_400 for what in ("start", "queue")} | {
    "nodeLostSeconds": 90 * 86_400
}
"""The API server's clock stands still beside ours: no pod may be late because of that."""


class Site:
    """What is published, and what the store has of it. It plays the pods: a plan finds what the store lacks,
    a worker brings it in."""

    def __init__(self) -> None:
        self.published: list[str] = []
        self.stored: Counter[str] = Counter()

    def publish(self, night: int, count: int) -> None:
        self.published += [f"site:night-{night}-{number}" for number in range(count)]

    def life(self, pod: Json) -> Life:
        order = order_of(pod)
        if isinstance(order, PlanOrder):
            new = [name for name in self.published if not self.stored[name]]
            found = [
                Item(index=order.first_index + n, id=name, url=f"https://site/{name}", duration_seconds=60)
                for n, name in enumerate(new)
            ]
            return plans(found)
        assert isinstance(order, IngestOrder)
        self.stored[order.item.id] += 1
        return succeeds(media=60)


class Nights:
    """A schedule, its site, a clock that is set, and an operator that comes and goes."""

    def __init__(self, scene: Scene, dice: random.Random) -> None:
        self.scene, self.dice, self.site, self.ahead = scene, dice, Site(), 0.0
        scene.profile(pods=AGES)
        scene.play(self.site.life)
        template = {"spec": {"sources": [SOURCE], "retry": {"backoffSeconds": 0}}}
        spec = {"schedule": "30 2 * * *", "successfulHistoryLimit": 2, "template": template}
        scene.apply(
            {"apiVersion": API_VERSION, "kind": SCHEDULE_KIND, "metadata": {"name": "nightly"}, "spec": spec}
        )
        self.due = self._first(from_rfc3339(self.schedule()["metadata"]["creationTimestamp"]))
        self.operator: RunningOperator | None = None
        self.started = self.restarts = 0

    @staticmethod
    def _first(after: float) -> float:
        midnight = datetime.fromtimestamp(after).astimezone().timestamp() // DAY * DAY
        return midnight + 2.5 * 3600 + (DAY if after > midnight + 2.5 * 3600 else 0)

    def clock(self) -> float:
        return time.time() + self.ahead

    def schedule(self) -> Json:
        return self.scene.admin.get(
            f"/apis/{API_VERSION}/namespaces/{self.scene.namespace}/ingestschedules/nightly"
        )

    def start(self) -> None:
        if self.operator is None:
            self.operator = self.scene.operate(clock=self.clock)

    def stop(self) -> None:
        if self.operator is not None:
            self.operator.stop()
            self.operator.complain()
            self.operator, self.restarts = None, self.restarts + 1

    def night(self, number: int) -> None:
        """One night, from its minute to the last word of its batch; the operator may be away at its minute,
        or go while its batch runs."""
        away = self.dice.random() < 0.4
        if away:
            self.stop()
        self.ahead = self.due + self.dice.uniform(1, 1800) - time.time()
        self.start()
        batch = f"nightly-{datetime.fromtimestamp(self.due).astimezone(tz=None):%Y%m%d}0230"
        until(
            lambda: self.scene.admin.send("GET", self.scene.path(batch))[0] == 200,
            f"night {number} has its batch",
            every=0.02,
        )
        if self.dice.random() < 0.4:
            self.stop()
            self.start()
        self.scene.until_state("Complete", batch)
        self.started += 1
        self.due += DAY

    def skip(self) -> None:
        """A night through which nobody was there."""
        self.stop()
        self.due += DAY


def test_thirty_nights_bring_in_what_was_published_once_whatever_becomes_of_the_operator(
    scene: Scene,
) -> None:
    dice = random.Random(20260131)  # noqa: S311 -- moments, not secrets
    nights = Nights(scene, dice)
    with_news = set(dice.sample(range(NIGHTS), WITH_NEWS))
    missed = set(dice.sample(range(1, NIGHTS - 1), 3))
    for number in range(NIGHTS):
        if number in with_news:
            nights.site.publish(number, dice.randint(1, 2))
        if number in missed:
            nights.skip()
        else:
            nights.night(number)
    assert dict(nights.site.stored) == dict.fromkeys(nights.site.published, 1)
    status = nights.schedule()["status"]
    assert (nights.started, status["missed"]) == (NIGHTS - len(missed), len(missed))
    assert status["lastScheduledTime"] == to_rfc3339(nights.due - DAY)
    assert nights.restarts > 10
    until(lambda: len(batches(scene)) == 2, "only as many batches are kept as the schedule says")
    assert all(job["metadata"]["labels"]["video-ingest.dev/role"] == INGEST for job in scene.jobs())


def batches(scene: Scene) -> list[Json]:
    found: list[Json] = scene.admin.get(f"/apis/{API_VERSION}/namespaces/{scene.namespace}/ingestbatches")[
        "items"
    ]
    return found
