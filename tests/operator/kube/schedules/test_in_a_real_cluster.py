"""Schedules against the real API server: it takes our batches and statuses as they are, lets one name be used
once, and clears up."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from ingest_contract.conditions import ConditionStatus, ConditionType
from ingest_operator.core.timestamps import to_rfc3339
from ingest_operator.kube.api.client import Api
from ingest_operator.kube.api.resources import BATCHES, SCHEDULES, Object
from ingest_operator.kube.schedules.owned_batches import SCHEDULE_UID
from ingest_operator.kube.schedules.reconcile import ScheduleResult, reconcile
from testkit.cluster.control_plane import ControlPlane
from testkit.cluster.program import until
from tests.support.schedules import DAY, HOUR, a_schedule, status_of

Run = Callable[[Any], Any]


class Scene:
    """One schedule, and looks at it with whatever is there."""

    def __init__(self, api: Api, run: Run, namespace: str, **spec: Any) -> None:
        self.api, self.run, self.namespace = api, run, namespace
        written = a_schedule(**spec) | {"metadata": {"name": "nightly", "namespace": namespace}}
        made = run(api.create(SCHEDULES, namespace, written | {"status": None}))
        midnight = datetime.fromisoformat(made["metadata"]["creationTimestamp"]).timestamp() // DAY * DAY
        self.first = midnight + DAY + 2.5 * HOUR
        """The first night after its creation, or the second."""

    def schedule(self) -> Object:
        found: Object = self.run(self.api.get(SCHEDULES, self.namespace, "nightly"))
        return found

    def batches(self) -> list[Object]:
        found: list[Object] = self.run(self.api.list(BATCHES, self.namespace, labels=SCHEDULE_UID))[0]
        return found

    def reconcile(
        self, now: float, *, at: Object | None = None, seen: list[Object] | None = None
    ) -> ScheduleResult:
        result: ScheduleResult = self.run(
            reconcile(at or self.schedule(), self.batches() if seen is None else seen, self.api, now)
        )
        return result

    def finish(self, batch: Object, now: float, kind: str = "Complete", **counts: int) -> None:
        condition = {
            "type": kind,
            "status": "True",
            "reason": "Tested",
            "lastTransitionTime": to_rfc3339(now),
            "observedGeneration": 1,
        }
        status = {
            "observedGeneration": 1,
            "state": kind,
            "conditions": [condition],
            "counts": {"total": 9} | counts,
        }
        self.run(self.api.replace_status(BATCHES, batch | {"status": status}))


@pytest.fixture
def scene(api: Api, run: Run, namespace: str) -> Scene:
    return Scene(api, run, namespace, successfulHistoryLimit=1)


def test_nights_come_and_go(scene: Scene) -> None:
    for number in range(3):
        now = scene.first + number * DAY
        result = scene.reconcile(now)
        assert result.again == now + DAY
        assert result.started is not None
        assert result.schedule == scene.schedule()
        scene.finish(result.started, now + HOUR)
        scene.reconcile(now + HOUR)
    status = status_of(scene.schedule())
    assert len(scene.batches()) == 1
    assert (status.active, status.last_scheduled_time, status.last_successful_time) == (
        0,
        to_rfc3339(scene.first + 2 * DAY),
        to_rfc3339(scene.first + 2 * DAY + HOUR),
    )
    version = scene.schedule()["metadata"]["resourceVersion"]
    scene.reconcile(scene.first + 2 * DAY + 2 * HOUR)
    assert scene.schedule()["metadata"]["resourceVersion"] == version


def test_two_operators_that_do_not_know_of_each_other_make_one_batch(scene: Scene) -> None:
    before = scene.schedule()
    first = scene.reconcile(scene.first)
    scene.reconcile(scene.first + 1, at=before, seen=[])
    assert first.started is not None
    assert [batch["metadata"]["uid"] for batch in scene.batches()] == [first.started["metadata"]["uid"]]


def test_a_name_that_is_taken_is_reported_until_it_is_free(scene: Scene, control_plane: ControlPlane) -> None:
    foreign = scene.reconcile(scene.first).started
    assert foreign is not None
    disowned = control_plane.admin.merge(
        control_plane.admin.path_of(foreign), {"metadata": {"ownerReferences": None}}
    )
    scene.run(scene.api.replace_status(SCHEDULES, scene.schedule() | {"status": {"observedGeneration": -1}}))
    scene.reconcile(scene.first + 1)
    held = [
        each.reason for each in status_of(scene.schedule()).conditions if each.status is ConditionStatus.TRUE
    ]
    assert held == ["NameTaken"]
    scene.run(
        scene.api.delete(
            BATCHES, scene.namespace, foreign["metadata"]["name"], uid=disowned["metadata"]["uid"]
        )
    )
    scene.reconcile(scene.first + 60)
    assert status_of(scene.schedule()).active == 1


def test_a_template_that_the_server_does_not_take_is_reported_in_its_words(
    api: Api, run: Run, namespace: str
) -> None:
    template = {"metadata": {"labels": {"not a key": "x"}}, "spec": a_schedule()["spec"]["template"]["spec"]}
    scene = Scene(api, run, namespace, template=template)
    scene.reconcile(scene.first)
    stalled = next(
        each for each in status_of(scene.schedule()).conditions if each.type is ConditionType.STALLED
    )
    assert stalled.reason == "Invalid"
    assert "not a key" in stalled.message


def test_batches_go_with_their_schedule(scene: Scene) -> None:
    scene.reconcile(scene.first)
    scene.run(
        scene.api.delete(SCHEDULES, scene.namespace, "nightly", uid=scene.schedule()["metadata"]["uid"])
    )
    until(lambda: not scene.batches(), "the batch is gone")


def test_kubectl_shows_when_and_what_became_of_it(scene: Scene, control_plane: ControlPlane) -> None:
    scene.reconcile(scene.first)
    header, row = (
        line.split()
        for line in control_plane.kubectl("get", "ischedule", "-n", scene.namespace).stdout.splitlines()
    )
    assert header == ["NAME", "SCHEDULE", "ZONE", "SUSPEND", "LAST", "STATE", "NEXT", "ACTIVE", "AGE"]
    assert row[:-1] == [
        "nightly", "30", "2", "*", "*", "*", "Etc/UTC", "false", to_rfc3339(scene.first), "Pending",
        to_rfc3339(scene.first + DAY), "1",
    ]  # fmt: skip


def test_one_that_has_failed_is_in_the_way_and_is_kept_for_as_long_as_recordings_of_it_run(
    api: Api, run: Run, namespace: str
) -> None:
    scene = Scene(api, run, namespace, failedHistoryLimit=0)
    scene.reconcile(scene.first)
    (failing,) = scene.batches()
    scene.finish(failing, scene.first + 60, "Failed", failed=6, running=3)
    waiting = scene.reconcile(scene.first + DAY)
    assert (waiting.started, waiting.deleted) == (None, ()), "seven pods, or three killed ones"
    (stalled,) = [
        each for each in status_of(scene.schedule()).conditions if each.type is ConditionType.STALLED
    ]
    assert (stalled.status, stalled.reason) == (ConditionStatus.FALSE, "WaitsForBatch")
    assert stalled.message.endswith(f"waits for {failing['metadata']['name']}: it is Failed")
    (failing,) = scene.batches()
    scene.finish(failing, scene.first + DAY + 60, "Failed", failed=9)
    after = scene.reconcile(scene.first + DAY + 120)
    assert after.started is not None
    assert after.deleted == (failing["metadata"]["name"],)
