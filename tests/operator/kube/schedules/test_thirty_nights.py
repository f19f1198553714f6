"""A month of nights on a clock that is moved: operators come and go, two at a time even, and every night is
done once or told as missed."""

import asyncio
import heapq
import random
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ingest_contract.conditions import ConditionType
from ingest_operator.core.timestamps import to_rfc3339
from ingest_operator.kube.api.errors import BusyError, ConflictError, UnreachableError
from ingest_operator.kube.api.resources import BATCHES, SCHEDULES, Object
from ingest_operator.kube.schedules.cron import timetable
from ingest_operator.kube.schedules.owned_batches import SCHEDULED_TIME
from ingest_operator.kube.schedules.reconcile import reconcile
from tests.support.schedules import DAY, HOUR, MADE, MemoryApi, a_schedule, ended, status_of

pytestmark = pytest.mark.slow

SEED = 20_260_110
ZONES = ("Europe/Berlin", "America/New_York", "Etc/UTC", "Asia/Kathmandu")


class Cluster(MemoryApi):
    """Remembers when each batch was made, also of those that were cleared up."""

    def __init__(self, schedules: Iterable[Object]) -> None:
        super().__init__()
        self.made: dict[str, tuple[float, float]] = {}
        self.twice: Counter[str] = Counter()
        self.lost = ""
        """A verb whose next answer gets lost: it is done, and nobody is told."""
        for schedule in schedules:
            self.put(SCHEDULES, schedule)

    async def create(self, resource: Any, namespace: str, body: Object) -> Object:
        made = await super().create(resource, namespace, body)
        name, due = body["metadata"]["name"], body["metadata"]["annotations"][SCHEDULED_TIME]
        self.twice[name] += 1
        self.made[name] = (datetime.fromisoformat(due).timestamp(), self.now)
        self._lose("create")
        return made

    async def replace_status(self, resource: Any, body: Object) -> Object:
        written = await super().replace_status(resource, body)
        self._lose("replace_status")
        return written

    def _lose(self, verb: str) -> None:
        if self.lost == verb:
            self.lost = ""
            raise UnreachableError("Timeout", "no answer")

    def view(self) -> dict[str, tuple[Object, tuple[Object, ...]]]:
        """What an operator has seen: each schedule with its batches."""
        of: dict[str, list[Object]] = {}
        for batch in self.batches():
            of.setdefault(batch["metadata"]["ownerReferences"][0]["uid"], []).append(batch)
        schedules = [thing for (plural, _), thing in self.objects.items() if plural == SCHEDULES.plural]
        return {
            each["metadata"]["name"]: (each, tuple(of.get(each["metadata"]["uid"], ()))) for each in schedules
        }

    def finish(self, before: float) -> None:
        """Every batch that is old enough ends."""
        for batch in self.batches():
            name = batch["metadata"]["name"]
            if self.made[name][1] <= before and "conditions" not in batch["status"]:
                self.put(BATCHES, ended(batch, ConditionType.COMPLETE, at=self.now))


def reconciled(cluster: Cluster, seen: tuple[Object, tuple[Object, ...]], now: float) -> float | None:
    cluster.now = now
    return asyncio.run(reconcile(*seen, cluster, now)).again


def many(count: int, start: float) -> list[Object]:
    """Schedules at every minute of the day, in several zones."""
    made = []
    for number in range(count):
        minute = number * 7 % 1440
        spec = {"schedule": f"{minute % 60} {minute // 60} * * *", "timeZone": ZONES[number % len(ZONES)]}
        schedule = a_schedule(f"nightly-{number}", uid=f"uid-of-{number}", **spec)
        made.append(schedule | {"metadata": schedule["metadata"] | {"creationTimestamp": to_rfc3339(start)}})
    return made


def test_four_hundred_schedules_fire_on_time_on_every_day_and_once_while_clocks_change() -> None:
    start = datetime(2026, 3, 27, 12, tzinfo=ZoneInfo("Etc/UTC")).timestamp()
    cluster = Cluster(many(400, start))
    names = list(cluster.view())
    children: dict[str, list[str]] = {name: [] for name in names}
    queue = [(start, name) for name in names]
    while queue[0][0] < start + 4 * DAY:
        now, name = heapq.heappop(queue)
        cluster.now = now
        mine = tuple(
            cluster.objects[BATCHES.plural, each]
            for each in children[name]
            if (BATCHES.plural, each) in cluster.objects
        )
        result = asyncio.run(reconcile(cluster.schedule(name), mine, cluster, now))
        if result.started is not None:
            made = result.started["metadata"]["name"]
            children[name].append(made)
            cluster.put(BATCHES, ended(result.started, ConditionType.COMPLETE, at=now))
        assert result.again is not None
        heapq.heappush(queue, (result.again, name))
    assert all(made == due for due, made in cluster.made.values())
    for number, name in enumerate(names):
        zone = ZoneInfo(ZONES[number % len(ZONES)])
        days = sorted(
            datetime.fromtimestamp(cluster.made[each][0], tz=zone).date() for each in children[name]
        )
        assert days == [days[0] + timedelta(days=more) for more in range(len(days))], name
        assert len(days) >= 4, name
    assert {status_of(cluster.schedule(name)).missed for name in names} == {0}


@pytest.mark.parametrize("seed", range(SEED, SEED + 2))
def test_thirty_nights_with_operators_that_come_and_go(seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 -- nothing is secret about a test
    cluster = Cluster(many(6, MADE))
    views = [cluster.view(), cluster.view()]
    now = MADE
    while now < MADE + 30 * DAY:
        # Steps of minutes, and now and then both operators are away for up to three days.
        now += dice.uniform(0, 3 * DAY) if dice.random() < 0.002 else dice.uniform(0, HOUR)
        cluster.now = now
        cluster.finish(before=now - dice.uniform(0, 20 * HOUR))
        for number in range(len(views)):
            if dice.random() < 0.4:
                views[number] = cluster.view()
            if dice.random() < 0.8:
                errant(cluster, views[number], dice, now)
    for name, seen in cluster.view().items():
        reconciled(cluster, seen, now)
        check(cluster, name, now)
    assert max(cluster.twice.values()) == 1
    assert len(cluster.batches()) <= 6 * 4


def errant(
    cluster: Cluster, view: dict[str, tuple[Object, tuple[Object, ...]]], dice: random.Random, now: float
) -> None:
    """An operator looks at some schedules, the way it last saw them; some of its calls fail, and of some the
    answer is lost."""
    for name in dice.sample(sorted(view), k=3):
        if dice.random() < 0.1:
            verb = dice.choice(["create", "replace_status", "delete", "get"])
            cluster.broken = {verb: BusyError(503, "Busy", "")}
        elif dice.random() < 0.1:
            cluster.lost = dice.choice(["create", "replace_status"])
        with suppress(BusyError, UnreachableError, ConflictError):  # the operator looks again, some time
            reconciled(cluster, view[name], now)
        cluster.broken, cluster.lost = {}, ""


def check(cluster: Cluster, name: str, now: float) -> None:
    """Each day of a schedule has its batch, or is missed, or waits; and no batch came before it was due."""
    status = status_of(cluster.schedule(name))
    mine = [times for batch, times in cluster.made.items() if batch.rsplit("-", 1)[0] == name]
    assert all(made >= due > MADE for due, made in mine)
    assert status.last_scheduled_time == to_rfc3339(max(due for due, _ in mine))
    spec = cluster.schedule(name)["spec"]
    table = timetable(spec["schedule"], spec["timeZone"])
    assert status.settled_until is not None
    settled = datetime.fromisoformat(status.settled_until).timestamp()
    assert len(mine) + status.missed == table.passed(MADE, settled).count, name
    waiting = table.passed(settled, now).count
    assert waiting <= (status.active > 0)
    assert 30 <= len(mine) + status.missed + waiting <= 34, name
    assert len(mine) >= 15
