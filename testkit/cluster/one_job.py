"""One ingest Job of ours on a real control plane, with what its pod names, so that somebody can play the
pod."""

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property

from ingest_contract.pods import PodProfile
from ingest_operator.core.actions import Start
from ingest_operator.kube.api.fields import condition
from ingest_operator.kube.api.names import STOPPED
from ingest_operator.kube.manifests.ingest_job import run_job, shared_order_map
from ingest_operator.kube.observe.end_rules import is_final
from testkit.cluster.client import Client, Json
from testkit.cluster.program import until
from testkit.objects.manifests import ITEM, OWNER, orders_for

PODS = PodProfile()
INDEX = ITEM.index


class OneJob:
    """Made as the operator makes it, but for its owner: a batch that is not there would have it collected as
    garbage."""

    def __init__(self, admin: Client, namespace: str, number: int = 1) -> None:
        self.admin, self.namespace, self.number = admin, namespace, number
        self.owner, self.orders = replace(OWNER, namespace=namespace), orders_for(PODS)

    def make(self, *, secret: bool = True, grace: int | None = None, deadline: int | None = None) -> None:
        """With its Secret and what all orders share; another grace period or deadline than ours, for who
        cannot wait."""
        start = Start(INDEX, self.number, charged_attempts=0, rung=0, disruptions=0)
        if secret:
            self.make_secret()
        if self.number == 1:
            self._make(shared_order_map(self.owner, self.orders, start))
        job = run_job(self.owner, self.orders, ITEM, start)
        spec = job["spec"]["template"]["spec"]
        spec["terminationGracePeriodSeconds"] = (
            spec["terminationGracePeriodSeconds"] if grace is None else grace
        )
        spec["activeDeadlineSeconds"] = deadline or spec["activeDeadlineSeconds"]
        self.path = self.admin.path_of(self._make(job))

    def make_secret(self) -> None:
        metadata = {"name": PODS.store.name, "namespace": self.namespace}
        self._make(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": metadata,
                "stringData": {PODS.store.key: "host=db"},
            }
        )

    def stop(self) -> None:
        """As the operator stops a run."""
        self.admin.merge(
            self.path,
            {"metadata": {"annotations": {STOPPED: "2026-01-31T12:00:00Z"}}, "spec": {"suspend": True}},
        )

    @property
    def now(self) -> Json:
        """The Job."""
        return self.admin.get(self.path)

    @property
    def pod(self) -> Json | None:
        pods = self.admin.get(
            self.pods_path, labelSelector=f"batch.kubernetes.io/job-name={self.path.rpartition('/')[2]}"
        )["items"]
        assert len(pods) <= 1, "one Job, one pod"
        return pods[0] if pods else None

    @cached_property
    def pods_path(self) -> str:
        return f"/api/v1/namespaces/{self.namespace}/pods"

    def until_pod(self, holds: Callable[[Json], object], what: str) -> Json:
        """The pod as soon as something holds of it."""
        found: list[Json] = []

        def held() -> bool:
            found[:] = [pod for pod in [self.pod] if pod is not None and holds(pod)]
            return bool(found)

        until(held, what)
        return found[0]

    def until_gone(self) -> None:
        until(lambda: self.pod is None, "the pod is gone")

    def until_over(self) -> Json:
        """Its last condition."""
        until(lambda: is_final(self.now), "the Job is over")
        job = self.now
        return condition(job, "Complete") or condition(job, "Failed")

    def log(self, pod: Json) -> tuple[int, str]:
        """As `kubectl logs` asks for it: status and text."""
        status, text = self.admin.send(
            "GET", f"{self.pods_path}/{pod['metadata']['name']}/log", container="worker"
        )
        return status, text.decode()

    def _make(self, body: Json) -> Json:
        body["metadata"].pop("ownerReferences", None)
        return self.admin.create(body, self.namespace)
