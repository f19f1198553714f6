"""Helm itself with the chart on a real API server that knows nothing of us yet: install, upgrade, uninstall, install again."""

import json
from collections.abc import Iterator

import pytest
import yaml

from tests.support.chart import CHART, NAMESPACE, RELEASE, Json, helm
from tests.support.cluster.client import Refused
from tests.support.cluster.control_plane import ControlPlane
from tests.support.cluster.control_plane import control_plane as starting

pytestmark = pytest.mark.control_plane

KINDS = ("ingestbatches", "ingestprofiles", "ingestschedules")
BATCH: Json = {
    "apiVersion": "video-ingest.dev/v1alpha1",
    "kind": "IngestBatch",
    "metadata": {"name": "talks", "namespace": NAMESPACE},
    "spec": {"sources": [{"url": "https://media.example.org/talks"}]},
}


@pytest.fixture(scope="module")
def bare() -> Iterator[ControlPlane]:
    """A control plane without our definitions."""
    with starting() as plane:
        yield plane


def carried_out(plane: ControlPlane, *arguments: str) -> str:
    run = helm(*arguments, f"--namespace={NAMESPACE}", kubeconfig=plane.kubeconfig)
    assert run.returncode == 0, run.stderr
    return run.stdout


def install(plane: ControlPlane, *settings: str) -> str:
    """Without `--wait`: nothing runs pods here, so nothing would ever be ready."""
    return carried_out(plane, "upgrade", "--install", RELEASE, str(CHART), "--create-namespace", *settings)


def jobs(plane: ControlPlane) -> set[str]:
    return {each["metadata"]["name"] for each in plane.admin.get(f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs")["items"]}


def profile(plane: ControlPlane) -> Json:
    return plane.admin.get(f"/apis/video-ingest.dev/v1alpha1/namespaces/{NAMESPACE}/ingestprofiles/default")


def test_a_release_lives_and_leaves_what_must_stay(bare: ControlPlane) -> None:
    notes = install(bare)
    assert f"helm test {RELEASE} -n {NAMESPACE}" in notes
    assert profile(bare)["spec"]["pods"]["image"] == "video-ingest-worker:0.1.0"
    first = jobs(bare)
    assert len(first) == 2

    batch = bare.admin.create(BATCH)
    before = profile(bare)
    install(bare, "--set=operator.sweepSeconds=60")
    assert profile(bare)["metadata"]["uid"] == before["metadata"]["uid"]
    assert jobs(bare) == first
    assert "IngestProfile" in carried_out(bare, "get", "manifest", RELEASE)

    install(bare, "--set=worker.cpus=8", "--set=images.workerLight.tag=0.2.0")
    assert profile(bare)["metadata"]["uid"] == before["metadata"]["uid"]
    assert profile(bare)["spec"]["pods"]["cpus"] == 8
    assert len(jobs(bare)) == 2
    assert jobs(bare) & first == set()

    carried_out(bare, "rollback", RELEASE, "2")
    assert jobs(bare) == first
    assert profile(bare)["spec"]["pods"]["cpus"] == 4

    carried_out(bare, "uninstall", RELEASE)
    assert bare.admin.get(bare.admin.path_of(BATCH))["metadata"]["uid"] == batch["metadata"]["uid"]
    bare.admin.get(f"/api/v1/namespaces/{NAMESPACE}/persistentvolumeclaims/video-ingest-models")
    with pytest.raises(Refused, match="not found"):
        bare.admin.get(f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{RELEASE}")

    install(bare)
    assert profile(bare)["spec"]["pods"]["cpus"] == 4
    assert json.loads(carried_out(bare, "list", "--output=json"))[0]["status"] == "deployed"
    assert bare.admin.get(bare.admin.path_of(BATCH))["metadata"] == batch["metadata"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_definitions_that_the_chart_installs_are_those_of_the_project(bare: ControlPlane, kind: str) -> None:
    install(bare)
    found = bare.admin.get(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{kind}.video-ingest.dev")
    assert found["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    given = bare.admin.apply(yaml.safe_load((CHART.parents[1] / "crds" / f"{kind}.yaml").read_text(encoding="utf-8")), dryRun="All")
    assert given["spec"] == found["spec"]
