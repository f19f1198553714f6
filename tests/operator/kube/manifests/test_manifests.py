"""What a real API server and a real Job controller make of our manifests."""

import json
from typing import Any

import pytest

from ingest_contract.pods import ModelVolume, PodProfile
from ingest_contract.selection import Reprocess
from ingest_operator.core.actions import Start
from ingest_operator.core.orders import Orders
from ingest_operator.kube.api.names import BATCH_UID, Owner
from ingest_operator.kube.api.resources import Object
from ingest_operator.kube.manifests.ingest_job import run_job, shared_order_map
from ingest_operator.kube.manifests.plan_job import plan_job, plan_order_map
from testkit.cluster.control_plane import ControlPlane
from testkit.cluster.program import until
from testkit.objects.builders import a_batch, items
from testkit.objects.manifests import ITEM, OWNER, orders_for, worker_of
from tests.operator.kube.manifests.test_plan_job import SOURCES

EVERYTHING = PodProfile(
    plan_image="planner:1",
    pull_secrets=("registry",),
    claims=("recordings",),
    queue_name="gpus",
    priority_class="batch",
    template={
        "metadata": {"annotations": {"team": "media"}},
        "spec": {
            "nodeSelector": {"gpu": "l4"},
            "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
            "volumes": [{"name": "tmp", "emptyDir": {"medium": "Memory"}}],
            "containers": [{"name": "worker", "env": [{"name": "TZ", "value": "UTC"}]}],
        },
    },
)
PROFILES = {
    "plain": PodProfile(),
    "everything": EVERYTHING,
    "models in an image": PodProfile(models=ModelVolume(image="models:1")),
    "models on the node": PodProfile(models=ModelVolume(host_path="/srv/models")),
}
START = Start(7, 3, 1, 2, 1)


def manifests(owner: Owner, orders: Orders) -> tuple[Object, ...]:
    item = ITEM.model_copy(update={"url": "file:///sources/recordings/talk.wav"})
    return (
        shared_order_map(owner, orders, START),
        run_job(owner, orders, item, START),
        plan_order_map(owner, orders, SOURCES, items(3), 2),
        plan_job(owner, orders, 2, 1),
    )


def missing(ours: Any, made: Any, where: str = "") -> list[str]:
    """What of ours the server did not take as it is. It adds defaults, and writes quantities in its own way
    (1024Mi is 1Gi)."""
    if isinstance(ours, dict):
        return [
            each
            for key, value in ours.items()
            if key != "resources"
            for each in missing(value, made.get(key) if isinstance(made, dict) else None, f"{where}.{key}")
        ]
    if isinstance(ours, list) and isinstance(made, list) and len(ours) == len(made):
        pairs = enumerate(zip(ours, made, strict=True))
        return [each for at, pair in pairs for each in missing(*pair, f"{where}[{at}]")]
    return [] if ours == made else [f"{where}: {ours} became {made}"]


def restrict(plane: ControlPlane, namespace: str, mode: str) -> None:
    plane.admin.merge(
        f"/api/v1/namespaces/{namespace}",
        {"metadata": {"labels": {f"pod-security.kubernetes.io/{mode}": "restricted"}}},
    )


@pytest.mark.parametrize("pods", PROFILES.values(), ids=PROFILES)
def test_every_field_is_known_and_kept_by_a_real_api_server(
    control_plane: ControlPlane, namespace: str, pods: PodProfile
) -> None:
    restrict(control_plane, namespace, "warn")
    control_plane.admin.warnings.clear()
    owner = Owner(namespace, OWNER.name, OWNER.uid)
    for body in manifests(owner, orders_for(pods, batch={"reprocess": Reprocess.IF_PIPELINE_CHANGED})):
        made = control_plane.admin.create(body, dryRun="All", fieldValidation="Strict")
        assert missing(body, made) == []
    told = [warning for warning in control_plane.admin.warnings if "hostPath" not in warning]
    assert told == []
    assert bool(control_plane.admin.warnings) == (pods.models.host_path is not None)


def test_the_job_controller_makes_one_pod_that_the_strictest_namespace_takes(
    control_plane: ControlPlane, namespace: str
) -> None:
    restrict(control_plane, namespace, "enforce")
    batch = a_batch(OWNER.name).model_dump(mode="json", exclude_none=True) | {
        "metadata": {"name": OWNER.name}
    }
    owner = Owner(namespace, OWNER.name, control_plane.admin.create(batch, namespace)["metadata"]["uid"])
    body = run_job(owner, orders_for(), ITEM, START)
    control_plane.admin.create(body)
    found: list[Object] = []

    def there() -> bool:
        found[:] = control_plane.admin.get(
            f"/api/v1/namespaces/{namespace}/pods", labelSelector=f"{BATCH_UID}={owner.uid}"
        )["items"]
        return bool(found)

    until(there, "the Job has its pod")
    (pod,) = found
    assert pod["metadata"]["labels"]["batch.kubernetes.io/job-name"] == body["metadata"]["name"]
    (worker,) = pod["spec"]["containers"]
    assert worker["env"] == worker_of(body)["env"]
    assert "kube-api-access" not in json.dumps(pod["spec"]["volumes"])  # no token
