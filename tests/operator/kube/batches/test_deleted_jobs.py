"""A Job that somebody deletes while its pod runs: two watches tell of the two, and no retry starts beside the
pod."""

from typing import Any

import pytest

from ingest_contract.pods import PodProfile
from ingest_contract.status import ProfileStatus
from ingest_operator.core.actions import Start
from ingest_operator.core.outcome import Run
from ingest_operator.kube.batches.context import BatchContext
from ingest_operator.kube.batches.job_cluster import KubeCluster
from ingest_operator.kube.batches.pending import PendingStarts
from ingest_operator.kube.manifests.ingest_job import run_job
from ingest_operator.kube.watch.jobs_and_pods import JobsAndPods
from testkit.objects.builders import NOW, a_receipt
from testkit.objects.kube_objects import at, ended_pod, running_pod
from testkit.objects.manifests import ITEM, OWNER, orders_for

SCENE = BatchContext(OWNER, orders_for(PodProfile()), ProfileStatus(generation=1, differs=False))
JOB_UID = "0c7b9d52"


def of_job(pod: dict[str, Any], *, version: str = "5", orphaned: bool = False) -> dict[str, Any]:
    owners = [] if orphaned else [{"uid": JOB_UID, "controller": True}]
    return pod | {
        "metadata": pod["metadata"]
        | {"namespace": OWNER.namespace, "ownerReferences": owners, "resourceVersion": version}
    }


def shown(*pods: dict[str, Any]) -> tuple[Run, ...]:
    """The runs of a batch whose Job is deleted before it was over, with its pod as the watch showed it, in
    order."""
    seen = JobsAndPods()
    start = Start(index=ITEM.index, number=1, charged_attempts=0, rung=0, disruptions=0)
    job = run_job(OWNER, SCENE.orders, ITEM, start)
    job["metadata"] |= {"uid": JOB_UID, "resourceVersion": "2", "creationTimestamp": at(0)}
    seen.jobs.offer(job | {"status": {"active": 1, "startTime": at(0)}})
    for pod in pods[:1]:
        seen.pods.offer(pod)
    seen.jobs.drop(job | {"metadata": job["metadata"] | {"resourceVersion": "3"}})
    for pod in pods[1:]:
        seen.pods.offer(pod)
    cluster = KubeCluster(None, seen, SCENE, PendingStarts(), NOW + 100, total=ITEM.index + 1)
    return cluster.shown().runs


def test_its_run_goes_on_until_the_pod_is_known_to_have_ended_or_to_be_without_a_job() -> None:
    (run,) = shown(of_job(running_pod()))
    assert run.ended is None
    assert shown(of_job(running_pod()), of_job(running_pod(), version="6", orphaned=True)) == ()
    assert shown(of_job(running_pod()), of_job(ended_pod(143), version="6")) == ()
    assert shown() == ()


def test_what_its_pod_has_done_counts() -> None:
    done = of_job(ended_pod(0, a_receipt().to_json()), version="6")
    (run,) = shown(of_job(running_pod()), done)
    assert run.ended is not None
    assert run.ended.exit_code == 0


@pytest.mark.parametrize("seconds", [31, 400])
def test_a_pod_that_its_node_keeps_for_ever_is_given_up_like_any_other(seconds: int) -> None:
    (run,) = shown(of_job(running_pod(deleted=100 - seconds)))
    assert (run.ended is None) is (seconds < PodProfile().node_lost_seconds)
