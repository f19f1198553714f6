"""How a pod is kept from nodes: by the label of the host's name, in each alternative that the profile's own
affinity gives."""

from typing import Any

import pytest

from ingest_contract.pods import PodProfile
from ingest_operator.core.actions import Start
from ingest_operator.kube.api.resources import Object
from ingest_operator.kube.manifests.ingest_job import run_job
from ingest_operator.kube.manifests.node_avoidance import HOST, avoids
from ingest_operator.kube.watch.jobs_and_pods import slim_job
from testkit.objects.manifests import ITEM, OWNER, orders_for, pod_spec

AWAY = {"key": HOST, "operator": "NotIn", "values": ["gpu-1", "gpu-2"]}
ZONE = {"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["a"]}
GPU = {"key": "gpu", "operator": "Exists"}


def a_job(*avoid: str, affinity: Any = None) -> Object:
    template = {} if affinity is None else {"spec": {"affinity": affinity}}
    orders = orders_for(PodProfile.model_validate({"worker_template": template}))
    return run_job(
        OWNER, orders, ITEM, Start(index=7, number=1, charged_attempts=0, rung=0, disruptions=0, avoid=avoid)
    )


def required(*terms: Any) -> Any:
    return {
        "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": list(terms)}}
    }


def test_a_job_that_avoids_nothing_says_nothing_of_nodes() -> None:
    job = a_job()
    assert "affinity" not in pod_spec(job)
    assert "annotations" not in job["metadata"]
    assert avoids(job) == ()


def test_nodes_are_avoided_by_the_pod_and_reported_by_the_job_as_it_is_remembered() -> None:
    job = a_job("gpu-1", "gpu-2")
    assert pod_spec(job)["affinity"] == required({"matchExpressions": [AWAY]})
    assert avoids(slim_job(job | {"metadata": job["metadata"] | {"uid": "u", "resourceVersion": "1"}})) == (
        "gpu-1",
        "gpu-2",
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (required({"matchExpressions": [ZONE]}), required({"matchExpressions": [ZONE, AWAY]})),
        (required({"matchExpressions": [ZONE]}, {"matchExpressions": [GPU]}),
         required({"matchExpressions": [ZONE, AWAY]}, {"matchExpressions": [GPU, AWAY]})),
        (required({"matchFields": [GPU]}), required({"matchFields": [GPU], "matchExpressions": [AWAY]})),
        (required({}), required({})),
        ({"podAntiAffinity": {"x": 1}},
         {"podAntiAffinity": {"x": 1}} | required({"matchExpressions": [AWAY]})),
    ],
    ids=["a zone", "one of two", "a field", "no node at all", "other pods"],
)  # fmt: skip
def test_the_profiles_own_affinity_holds_as_well(given: Any, expected: Any) -> None:
    assert pod_spec(a_job("gpu-1", "gpu-2", affinity=given))["affinity"] == expected
