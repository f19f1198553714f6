"""What a profile promises about age is done by a Job a day, on a real control plane, or the profile says why
not."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from ingest_contract.failures import Reason
from ingest_contract.order import RetainOrder
from ingest_contract.receipt import Receipt
from ingest_contract.voice_report import ForgetReport
from ingest_operator.core import retention
from ingest_operator.kube.profiles import controller
from testkit.cluster.client import Json
from testkit.cluster.kubelet import RunningKubelet
from testkit.cluster.kubelet_order import order_of
from testkit.cluster.life import Life, Script, Stuck, told
from testkit.cluster.lives import by_default, fails
from testkit.cluster.program import until
from testkit.cluster.scene import Scene, condition

DAYS = {"days": 30}
SETTLED = {"models": {"hostPath": "/srv/models"}}
"""Pods that name nothing."""


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "FIRST_WAIT_SECONDS", 1.0)
    for name in ("SOON_SECONDS", "AGAIN_SECONDS"):
        monkeypatch.setattr(controller, name, 1.0)


def gone(recordings: int) -> Life:
    report = ForgetReport(rows={"recording": recordings}, recordings=recordings)
    return Life(end=told(Receipt(result="Succeeded", seconds=1.0, forgotten=report)))


def retains(life: Life | Callable[[RetainOrder], Life]) -> Script:
    """What becomes of the Jobs of retention; all else succeeds."""
    others = by_default()

    def choose(pod: Json) -> Life:
        order = order_of(pod)
        if not isinstance(order, RetainOrder):
            return others(pod)
        return life(order) if callable(life) else life

    return choose


def orders(kubelet: RunningKubelet) -> list[RetainOrder]:
    return [order for order in kubelet.orders() if isinstance(order, RetainOrder)]


def profile(scene: Scene, name: str = "default") -> Json:
    return scene.admin.get(scene.path().replace("ingestbatches/talks", f"ingestprofiles/{name}"))


def until_kept(scene: Scene, reason: str, name: str = "default") -> Json:
    """The status of the profile, once its retention is in this state."""
    seen: list[Json] = [{}]

    def holds() -> bool:
        seen[0] = profile(scene, name).get("status", {})
        return condition(seen[0], "RetentionKept").get("reason") == reason

    until(holds, f"the retention is {reason}")
    assert condition(seen[0], "RetentionKept")["status"] == ("True" if reason == "Kept" else "False")
    return seen[0]


def test_what_is_too_old_is_forgotten_once_a_day_also_by_the_next_operator(scene: Scene) -> None:
    kubelet = scene.play(retains(gone(4)))
    scene.batch()
    scene.profile(pods={**SETTLED, "curatorStore": {"name": "video-ingest-store"}}, retention=DAYS)
    operator = scene.operate()
    status = until_kept(scene, "Kept")["retention"]
    assert (status["run"], status["recordings"], status["totalRecordings"]) == (1, 4, 4)
    assert status["nextAt"] > status["endedAt"] >= status["startedAt"]
    until(lambda: scene.events("Forgotten"), "it is told")
    operator.stop()
    scene.operate()
    scene.profile("other", pods=SETTLED, retention={"days": 7})
    until_kept(scene, "Kept", "other")
    found = {order.profile: (order.days, order.batches) for order in orders(kubelet)}
    here = scene.namespace
    assert found == {f"{here}/default": (30, (f"{here}/talks",)), f"{here}/other": (7, ())}
    assert len(orders(kubelet)) == 2
    [pod] = [each for each in scene.jobs("retain") if each["metadata"]["name"].startswith("default-")]
    spec = pod["spec"]["template"]["spec"]
    assert "nvidia.com/gpu" not in str(spec["containers"][0]["resources"])
    assert spec["activeDeadlineSeconds"] > 0
    columns = scene.kubectl("get", "iprofile", "default", "--no-headers", "-o", "wide").split()
    assert columns[4:8] == ["30", "True", "4", status["nextAt"]]


def test_a_login_that_may_not_forget_is_advised_what_to_set_and_the_run_repeated_when_it_is(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "FIRST_WAIT_SECONDS", 3600.0)
    rejected = fails(Reason.DATABASE_REJECTED, message="permission denied for table recording")
    scene.play(retains(lambda order: rejected if order.run == 1 else gone(1)))
    scene.profile(pods=SETTLED, retention=DAYS)
    scene.operate()
    status = until_kept(scene, "DatabaseRejected")
    message = condition(status, "RetentionKept")["message"]
    assert "permission denied for table recording" in message
    assert "pods.curatorStore" in message
    until(lambda: scene.events("RetentionNotKept"), "it is told")
    scene.profile(pods={**SETTLED, "curatorStore": {"name": "nowhere"}}, retention=DAYS)
    stuck = condition(until_kept(scene, "PodMisconfigured"), "RetentionKept")["message"]
    assert "nowhere" in stuck
    scene.profile(pods={**SETTLED, "curatorStore": {"name": "video-ingest-store"}}, retention=DAYS)
    assert until_kept(scene, "Kept")["retention"]["failures"] == 0


def test_a_store_that_is_away_is_waited_for_and_reported(scene: Scene) -> None:
    away = fails(Reason.DATABASE_UNAVAILABLE, message="no such host")
    scene.play(retains(lambda order: away if order.run < 3 else gone(0)))
    scene.profile(pods=SETTLED, retention=DAYS)
    scene.operate()
    assert "no such host" in condition(until_kept(scene, "DatabaseUnavailable"), "RetentionKept")["message"]
    status = until_kept(scene, "Kept")["retention"]
    assert (status["run"], status.get("recordings", 0)) == (3, 0)


def test_a_run_that_is_under_way_is_nobodys_to_begin_again(scene: Scene) -> None:
    kubelet = scene.play(retains(replace(gone(2), stuck=(Stuck("ContainerCreating"),))))
    scene.profile(pods=SETTLED, retention=DAYS)
    operator = scene.operate()
    until(lambda: scene.jobs("retain"), "it runs")
    operator.stop()
    scene.operate()
    kubelet.release()
    assert until_kept(scene, "Kept")["retention"]["run"] == 1
    assert len(scene.jobs("retain")) == len(orders(kubelet)) == 1


def test_a_run_that_is_written_and_not_made_is_made_by_the_next_operator(scene: Scene) -> None:
    kubelet = scene.play(retains(gone(2)))
    quota = {"kind": "ResourceQuota", "apiVersion": "v1", "metadata": {"name": "none"}}
    scene.apply({**quota, "spec": {"hard": {"count/jobs.batch": "0"}}})
    scene.profile(pods=SETTLED, retention=DAYS)
    operator = scene.operate()
    assert until_kept(scene, "QuotaExceeded")["retention"]["run"] == 1
    operator.stop()
    scene.admin.delete(f"/api/v1/namespaces/{scene.namespace}/resourcequotas/none")
    scene.operate()
    assert until_kept(scene, "Kept")["retention"]["run"] == 1
    assert len(orders(kubelet)) == 1


def test_a_profile_that_keeps_everything_again_ends_what_runs_and_says_nothing_more(scene: Scene) -> None:
    scene.play(retains(replace(gone(2), stuck=(Stuck("ContainerCreating"),))))
    scene.profile(pods=SETTLED, retention=DAYS)
    scene.operate()
    until(lambda: scene.jobs("retain"), "it runs")
    scene.profile(pods=SETTLED)
    until(lambda: not scene.jobs("retain"), "nothing runs any more")
    until(
        lambda: condition(profile(scene)["status"], "RetentionKept") == {}, "nothing is said about retention"
    )
