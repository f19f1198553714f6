"""What a real Job controller makes of our Jobs, and what is read from that. The pods' statuses are written as
a kubelet would."""

from collections.abc import Callable
from dataclasses import dataclass
from time import time
from typing import Any

import pytest

from ingest_contract.failures import Reason
from ingest_contract.pods import PodProfile
from ingest_operator.core.actions import Start
from ingest_operator.core.outcome import Ended, Run
from ingest_operator.core.timestamps import to_rfc3339
from ingest_operator.kube.api.names import STOPPED
from ingest_operator.kube.manifests.ingest_job import run_job
from ingest_operator.kube.observe.end_rules import POD_LAG_SECONDS, decided, is_final
from ingest_operator.kube.observe.runs import needs_ending, run_of
from testkit.cluster.client import Client
from testkit.cluster.control_plane import ControlPlane
from testkit.cluster.program import until
from testkit.objects.kube_objects import RECEIPT, a_condition
from testkit.objects.manifests import ITEM, OWNER, Object, orders_for

KUBELETS = "application/strategic-merge-patch+json"
PODS = PodProfile()


@dataclass
class Live:
    """One Job in a real cluster, and its pod."""

    client: Client
    job_path: str
    pods_path: str

    @property
    def job(self) -> Object:
        return self.client.get(self.job_path)

    @property
    def pod(self) -> Object | None:
        return next(iter(self.client.get(self.pods_path)["items"]), None)

    @property
    def pod_path(self) -> str:
        return f"{self.pods_path}/{self.must_have_pod()['metadata']['name']}"

    def must_have_pod(self) -> Object:
        until(lambda: self.pod is not None, "the Job has a pod")
        return self.pod or {}

    def place(self) -> None:
        """As a scheduler does."""
        name = self.must_have_pod()["metadata"]["name"]
        binding = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": name},
            "target": {"kind": "Node", "name": "gpu-1"},
        }
        self.client.request("POST", f"{self.pod_path}/binding", binding)

    def report(self, phase: str, state: Object, **status: Any) -> None:
        """As a kubelet does."""
        container = {
            "name": "worker",
            "image": "i",
            "imageID": "",
            "ready": False,
            "restartCount": 0,
            "state": state,
        }
        body = {"status": {"phase": phase, "containerStatuses": [container]} | status}
        self.client.request("PATCH", f"{self.pod_path}/status", body, KUBELETS)

    def end(self, code: int, message: str = "", **status: Any) -> None:
        """The worker ends, and its pod with it."""
        moments = {"startedAt": to_rfc3339(int(time())), "finishedAt": to_rfc3339(int(time()))}
        self.report(
            "Failed" if code else "Succeeded",
            {"terminated": {"exitCode": code, "message": message, **moments}},
            **status,
        )

    def until(self, holds: Callable[[Object], object], what: str) -> None:
        until(lambda: holds(self.job), what)

    def look(self, pod: Object | None = None, after: float = 0.0) -> Run:
        return run_of(self.job, pod, PODS, time() + after)


@pytest.fixture
def live(control_plane: ControlPlane, namespace: str) -> Live:
    job = run_job(
        OWNER, orders_for(PODS), ITEM, Start(ITEM.index, 2, charged_attempts=1, rung=0, disruptions=0)
    )
    del job["metadata"]["ownerReferences"]  # of a batch that is not there: it would be collected as garbage
    made = control_plane.admin.create(job | {"metadata": job["metadata"] | {"namespace": namespace}})
    return Live(
        control_plane.admin, control_plane.admin.path_of(made), f"/api/v1/namespaces/{namespace}/pods"
    )


def test_a_job_is_live_from_its_creation_on(live: Live) -> None:
    run = live.look(live.pod)
    assert (run.index, run.number, run.charged_attempts, run.rung, run.ended) == (ITEM.index, 2, 1, 0, None)
    live.place()
    live.report("Running", {"running": {"startedAt": to_rfc3339(int(time()))}})
    pod = live.pod
    run = live.look(pod)
    assert run.ended is None
    assert run.waits is not None
    assert not needs_ending(live.job, pod, run)


@pytest.mark.parametrize(
    ("code", "said", "gone"),
    [
        (0, RECEIPT, Ended(0, None, receipt_gone=True)),
        (42, "cut short", Ended(42, None)),
        (143, "", Ended(143, None)),
    ],
    ids=["a success", "a failure of the table", "an end that was asked for"],
)
def test_an_end_is_read_from_the_pod_and_once_that_is_gone_from_the_job(
    live: Live, code: int, said: str, gone: Ended
) -> None:
    live.place()
    live.end(code, said)
    pod = live.must_have_pod()
    assert live.look(pod).ended == Ended(code, said or None)
    live.until(is_final, "the Job is over")
    run = live.look(pod)
    assert run.ended == Ended(code, said or None)
    assert not needs_ending(live.job, pod, run)
    assert live.look(None, after=POD_LAG_SECONDS + 1).ended == gone


def test_a_disruption_is_read_from_the_pod_and_once_that_is_gone_from_the_job(live: Live) -> None:
    live.place()
    live.end(
        143,
        conditions=[
            a_condition(
                "DisruptionTarget", 0, reason="EvictionByEvictionAPI", message="Eviction API: evicting"
            )
        ],
    )
    assert live.look(live.must_have_pod()).ended == Ended(143, None, Reason.EVICTED, "Eviction API: evicting")
    live.until(is_final, "the Job is over")
    assert live.look(None, after=POD_LAG_SECONDS + 1).ended == Ended(None, None, Reason.EVICTED)


@pytest.mark.parametrize("code", [137, 139])
def test_an_exit_code_that_is_in_no_table_is_reported_by_the_job_as_well(live: Live, code: int) -> None:
    live.place()
    live.end(code)
    live.until(is_final, "the Job is over")
    assert live.look(live.pod).ended == live.look(None, after=POD_LAG_SECONDS + 1).ended == Ended(code, None)


@pytest.mark.parametrize("code", [143, 137], ids=["it ends when it is asked to", "it is killed"])
def test_a_run_that_is_stopped_is_over_when_its_pod_is(live: Live, code: int) -> None:
    live.place()
    live.report("Running", {"running": {"startedAt": to_rfc3339(int(time()))}})
    live.client.merge(
        live.job_path, {"metadata": {"annotations": {STOPPED: to_rfc3339(time())}}, "spec": {"suspend": True}}
    )
    live.until(lambda job: job["status"].get("terminating"), "the pod is being ended")
    assert live.look(live.pod, after=60).ended is None
    assert live.look(None, after=60).ended is None
    live.end(code)
    assert live.look(live.pod).ended == Ended(code, None, on_request=True)
    live.until(decided, "the Job is over")
    run = live.look(None, after=POD_LAG_SECONDS + 1)
    assert run.ended == Ended(code, None, on_request=True)
    live.until(is_final, "the Job is over")
    assert not needs_ending(live.job, None, run)


def test_a_run_that_is_stopped_before_it_got_a_pod_is_over(
    control_plane: ControlPlane, namespace: str
) -> None:
    job = run_job(
        OWNER, orders_for(PODS), ITEM, Start(ITEM.index, 1, charged_attempts=0, rung=0, disruptions=0)
    )
    del job["metadata"]["ownerReferences"]
    job["metadata"] |= {"namespace": namespace, "annotations": {STOPPED: to_rfc3339(time())}}
    made = control_plane.admin.create(job | {"spec": job["spec"] | {"suspend": True}})
    live = Live(
        control_plane.admin, control_plane.admin.path_of(made), f"/api/v1/namespaces/{namespace}/pods"
    )
    live.until(lambda job: job.get("status", {}).get("conditions"), "the Job controller knows")
    run = live.look()
    assert run.ended == Ended(None, None, on_request=True)
    assert needs_ending(live.job, None, run)


@pytest.mark.parametrize("code", [143, 137], ids=["it ends when it is asked to", "it is killed"])
def test_a_run_whose_job_somebody_suspends_is_forgiven_and_does_not_go_on(live: Live, code: int) -> None:
    live.place()
    live.report("Running", {"running": {"startedAt": to_rfc3339(int(time()))}})
    live.client.merge(live.job_path, {"spec": {"suspend": True}})
    live.until(lambda job: job["status"].get("terminating"), "the pod is being ended")
    live.end(code)
    pod = live.must_have_pod()
    live.until(lambda job: not job["status"].get("terminating"), "the pod has ended")
    run = live.look(pod)
    assert run.ended == Ended(code, None, Reason.EVICTED, "Its Job was suspended.")
    assert needs_ending(live.job, pod, run) or decided(live.job) in {"Failed", "FailureTarget"}
