"""The policy against managedFields, in force on a real control plane that serves such policies."""

from collections.abc import Iterator

import pytest

from ingest_operator.kube.install.managed_fields_policy import untracked
from testkit.cluster.admission import FLAGS, VERSION
from testkit.cluster.control_plane import ControlPlane
from testkit.cluster.control_plane import control_plane as starting
from testkit.cluster.one_job import OneJob
from testkit.cluster.program import until

pytestmark = pytest.mark.control_plane

NAMESPACE = "media"


@pytest.fixture(scope="module")
def strict() -> Iterator[ControlPlane]:
    """With the policy in force: an object with the label tells when it is."""
    with starting(api_server_flags=FLAGS) as plane:
        plane.admin.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        account = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/default"
        until(lambda: plane.admin.send("GET", account)[0] == 200, "there is a ServiceAccount")
        for each in untracked(VERSION):
            plane.admin.create(each, fieldValidation="Strict")
        until(
            lambda: (
                "managedFields"
                not in plane.admin.create(a_job("probe", labelled=True), NAMESPACE, dryRun="All")["metadata"]
            ),
            "it is",
        )
        yield plane


def a_job(name: str, *, labelled: bool) -> dict:
    labels = {"video-ingest.dev/batch-uid": "0b3f6c1e"} if labelled else {}
    container = {"name": "worker", "image": "worker:1"}
    template = {"metadata": {"labels": labels}, "spec": {"restartPolicy": "Never", "containers": [container]}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "labels": labels},
        "spec": {"template": template},
    }


def test_nobody_is_recorded_as_an_author_of_our_jobs_and_pods_however_often_they_are_written(
    strict: ControlPlane,
) -> None:
    job = OneJob(strict.admin, NAMESPACE)
    job.make()
    pod = job.until_pod(lambda _: True, "there is a pod")
    status = f"{job.pods_path}/{pod['metadata']['name']}/status"
    written = strict.admin.merge(status, {"status": {"phase": "Running", "message": "by a kubelet"}})
    until(lambda: job.now["status"].get("active") == 1, "the Job controller wrote the Job's status")
    assert [each["metadata"].get("managedFields") for each in (pod, written, job.now)] == [None, None, None]


def test_other_jobs_are_recorded_as_ever(strict: ControlPlane) -> None:
    assert strict.admin.create(a_job("other", labelled=False), NAMESPACE)["metadata"]["managedFields"]
