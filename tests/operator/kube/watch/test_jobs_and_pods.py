"""Jobs and pods as they are kept: small, and no different in what is made of them."""

import json
from typing import Any

import pytest

from ingest_contract.pods import GpuShare, PodProfile
from ingest_operator.core.actions import Start
from ingest_operator.kube.manifests.ingest_job import run_job, shared_order_map
from ingest_operator.kube.observe.runs import blocker_of, run_of
from ingest_operator.kube.watch.jobs_and_pods import slim_job, slim_pod
from testkit.objects import kube_objects as kube
from testkit.objects.builders import NOW
from testkit.objects.manifests import ITEM, OWNER, orders_for

PODS = PodProfile(gpu=GpuShare(count=1))
JOBS = [
    kube.a_job(), kube.complete(), kube.failed(), kube.failed_with(27), kube.disrupted_job(),
    kube.suspended(stopped=True),
]  # fmt: skip
EVERY_POD = [
    None, kube.running_pod(), kube.waiting_pod(), kube.waiting_pod("ImagePullBackOff", "not found"),
    kube.unscheduled_pod(),
    kube.ended_pod(0, kube.RECEIPT), kube.ended_pod(137, reason="OOMKilled"), kube.ended_pod(27),
    kube.disrupted_pod("PreemptionByScheduler", "preempted"),
    kube.refused_pod("UnexpectedAdmissionError", "no GPU"),
    kube.running_pod(kube.a_container(kube.running(), "sidecar")),
]  # fmt: skip


@pytest.mark.parametrize("job", JOBS)
@pytest.mark.parametrize("pod", EVERY_POD)
@pytest.mark.parametrize("now", [NOW + 100, NOW + 10_000])
def test_what_is_kept_means_the_same_as_what_was_sent(
    job: dict[str, Any], pod: dict[str, Any] | None, now: float
) -> None:
    kept = slim_job(job), None if pod is None else slim_pod(pod)
    run = run_of(job, pod, PODS, now)
    assert run_of(*kept, PODS, now) == run
    assert blocker_of(*kept, run, now) == blocker_of(job, pod, run, now)


def test_of_two_objects_the_words_are_kept_once() -> None:
    one, other = (slim_pod(json.loads(json.dumps(kube.ended_pod(0, kube.RECEIPT)))) for _ in range(2))
    assert one["status"]["conditions"][0]["type"] is other["status"]["conditions"][0]["type"]
    assert next(iter(one["status"]["conditions"][0])) is next(iter(other["status"]["conditions"][0]))


def test_what_nobody_looks_at_is_not_kept() -> None:
    kept = slim_pod(kube.running_pod() | {"spec": {"nodeName": "gpu-1", "containers": [{}]}})
    assert kept["spec"] == {"nodeName": "gpu-1"}
    assert set(kept["status"]["containerStatuses"][0]) == {"name", "image", "state"}


def test_a_job_keeps_which_order_its_worker_reads_however_often_it_is_reduced() -> None:
    start = Start(index=ITEM.index, number=1, charged_attempts=0, rung=0, disruptions=0)
    job = run_job(OWNER, orders_for(), ITEM, start)
    once = slim_job(job)
    assert once["spec"]["configMaps"] == [shared_order_map(OWNER, orders_for(), start)["metadata"]["name"]]
    assert slim_job(once) == once
