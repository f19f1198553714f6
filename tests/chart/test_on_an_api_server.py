"""What a real API server says to the objects of each set of values: schemas, admission, and the restricted
Pod Security Standard."""

from collections.abc import Iterator

import pytest

from testkit.cluster.client import Refused
from testkit.cluster.control_plane import ControlPlane
from tests.support.chart import CASES, NAMESPACE, Json, case

NAMESPACES = (NAMESPACE, "research")
FOREIGN = ("monitoring.coreos.com/v1", "admissionregistration.k8s.io/v1beta1", "gateway.networking.k8s.io/v1")
"""What is not served here: it is looked at in test_monitoring.py and test_reader.py,
and in force in tests/operator/kube/install/test_managed_fields_policy.py."""


@pytest.fixture(scope="module")
def restricted(control_plane: ControlPlane) -> Iterator[ControlPlane]:
    """The control plane with namespaces in which nothing runs that could harm a node, and a warning for what
    would make such pods."""
    labels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
    for name in NAMESPACES:
        control_plane.admin.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
        )
    yield control_plane
    for name in NAMESPACES:
        control_plane.admin.delete(f"/api/v1/namespaces/{name}")


def tried(plane: ControlPlane, objects: list[Json]) -> list[str]:
    """What the server warns of when each object is applied without being kept."""
    plane.admin.warnings.clear()
    for each in objects:
        if each["apiVersion"] not in FOREIGN:
            plane.admin.apply(each, dryRun="All")
    return plane.admin.warnings


@pytest.mark.parametrize("name", [name for name in CASES if name != "mig"])
def test_every_object_is_accepted_as_it_is_where_only_restricted_pods_are(
    restricted: ControlPlane, name: str
) -> None:
    assert tried(restricted, case(name)) == []


def test_a_folder_of_the_node_is_all_that_is_not_restricted_where_models_lie_there(
    restricted: ControlPlane,
) -> None:
    # only Jobs' pods mount the folder, and those the operator makes
    assert tried(restricted, case("mig")) == []
    profile = next(each for each in case("mig") if each["kind"] == "IngestProfile")
    assert profile["spec"]["pods"]["models"] == {"hostPath": "/srv/models"}


def test_what_is_not_restricted_would_be_reported(restricted: ControlPlane) -> None:
    deployment = next(each for each in case("default") if each["kind"] == "Deployment")
    del deployment["spec"]["template"]["spec"]["securityContext"]["seccompProfile"]
    assert any("would violate PodSecurity" in warning for warning in tried(restricted, [deployment]))
    pod = next(each for each in case("try-out") if each["kind"] == "Pod")
    pod["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = True
    with pytest.raises(Refused, match="violates PodSecurity"):
        tried(restricted, [pod])


def test_a_misspelt_field_would_be_reported(restricted: ControlPlane) -> None:
    profile = next(each for each in case("default") if each["kind"] == "IngestProfile")
    profile["spec"]["pods"]["gpus"] = 1
    with pytest.raises(Refused, match=r"spec\.pods\.gpus"):
        tried(restricted, [profile])
