"""What the cluster did to a pod, in the words of the failure table: taken away, out of memory or disk, never let in, never started."""

import pytest

from ingest_contract.failures import Reason
from ingest_contract.pods import PodProfile
from ingest_operator.kube.seen import run_of
from ingest_operator.observe import Ended, outcome_of
from tests.support.builders import NOW, a_failure
from tests.support.kube_objects import (
    RECEIPT,
    Object,
    a_container,
    a_job,
    a_pod,
    disrupted_job,
    disrupted_pod,
    ended_conditions,
    ended_pod,
    failed,
    failed_with,
    refused_pod,
    running,
    terminated,
)

PODS = PodProfile()
LATER = NOW + 100
GONE = a_failure(Reason.REMOVED, message="HTTP 410").to_json()
EVICTION = "The node was low on resource: memory. Threshold quantity: 100Mi, available: 60Mi. "
FULL = 'Usage of EmptyDir volume "scratch" exceeds the limit "20Gi". '
NVIDIA = "failed to create containerd task: nvidia-container-cli: initialization error: driver rpc error: timed out"


def ended(job: Object, pod: Object | None, now: float = LATER, pods: PodProfile = PODS) -> Ended | None:
    return run_of(job, pod, pods, now).ended


def reason(job: Object, pod: Object | None, pods: PodProfile = PODS) -> Reason | None:
    end = ended(job, pod, pods=pods)
    assert end is not None
    return outcome_of(end).reason


@pytest.mark.parametrize(
    "why", ["PreemptionByScheduler", "DeletionByTaintManager", "EvictionByEvictionAPI", "DeletionByPodGC", "TerminationByKubelet"]
)
def test_a_pod_that_the_cluster_took_away_was_evicted(why: str) -> None:
    assert ended(disrupted_job(), disrupted_pod(why, "as it must be")) == Ended(137, None, Reason.EVICTED, "as it must be")


def test_a_pod_that_the_cluster_is_taking_away_is_not_over() -> None:
    pod = disrupted_pod("PreemptionByScheduler", "making room")
    pod["status"] |= {"phase": "Running", "containerStatuses": [a_container(running())]}
    assert ended(a_job(), pod) is None


def test_a_disruption_explains_an_exit_code_and_a_receipt_of_failure() -> None:
    assert reason(failed_with(22), disrupted_pod("EvictionByEvictionAPI", "drained", 22, GONE)) is Reason.EVICTED


def test_a_result_that_was_committed_is_believed_whatever_the_cluster_did_then() -> None:
    assert reason(disrupted_job(), disrupted_pod("TerminationByKubelet", EVICTION, 137, RECEIPT)) is None


def test_an_eviction_keeps_the_nodes_own_words() -> None:
    pod = disrupted_pod("TerminationByKubelet", EVICTION, reason="Evicted")
    pod["status"]["message"] = EVICTION
    assert ended(disrupted_job(), pod) == Ended(137, None, Reason.EVICTED, EVICTION.strip())


@pytest.mark.parametrize(
    "message",
    [
        FULL,
        "Pod ephemeral local storage usage exceeds the total limit of containers 21Gi. ",
        'Container worker exceeded its local ephemeral storage limit "1Gi". ',
    ],
)
def test_an_eviction_for_its_own_use_of_disk_is_no_disruption(message: str) -> None:
    pod = a_pod("Failed", a_container(terminated(137)), conditions=ended_conditions(), reason="Evicted", message=message)
    assert ended(failed(), pod) == Ended(137, None, Reason.SCRATCH_FULL, message.strip())


def test_an_eviction_for_a_nodes_full_disk_is_a_disruption() -> None:
    message = "The node was low on resource: ephemeral-storage. Threshold quantity: 1Gi, available: 20Mi. "
    pod = a_pod("Failed", a_container(terminated(137)), conditions=ended_conditions(), reason="Evicted", message=message)
    assert reason(failed(), pod) is Reason.EVICTED


@pytest.mark.parametrize("code", [137, 32], ids=["the worker was killed", "its decoder was killed"])
def test_a_worker_whose_memory_ran_out_is_told_by_the_runtime(code: int) -> None:
    assert ended(failed(), ended_pod(code, None, "OOMKilled")) == Ended(code, None, Reason.HOST_OUT_OF_MEMORY)


def test_a_pod_past_its_deadline_is_told_by_its_node() -> None:
    said = "Pod was active on the node longer than the specified deadline"
    pod = a_pod("Failed", a_container(terminated(143)), conditions=ended_conditions(), reason="DeadlineExceeded", message=said)
    assert ended(failed_with(143), pod) == Ended(143, None, Reason.DEADLINE_EXCEEDED, said)


def test_a_pod_that_its_node_did_not_take_in_is_forgiven() -> None:
    pod = refused_pod("OutOfcpu", "Node didn't have enough resource: cpu, requested: 4000, used: 7000, capacity: 8000")
    end = ended(failed(), pod)
    assert end is not None
    assert (end.exit_code, end.seen) == (None, Reason.EVICTED)
    assert end.particulars.startswith("Pod was rejected: Node didn't have enough")


def test_a_node_that_promised_a_gpu_it_does_not_have_is_a_machine_at_fault() -> None:
    pod = refused_pod("UnexpectedAdmissionError", "Allocate failed due to no healthy devices present; cannot allocate nvidia.com/gpu")
    assert reason(failed(), pod) is Reason.GPU_UNAVAILABLE
    assert reason(failed(), pod, PodProfile.model_validate({"gpu": {"count": 0}})) is Reason.EVICTED


@pytest.mark.parametrize("why", ["StartError", "ContainerCannotRun"])
@pytest.mark.parametrize(("said", "expected"), [("exec: no such file", Reason.POD_MISCONFIGURED), (NVIDIA, Reason.GPU_UNAVAILABLE)])
def test_a_process_that_could_not_be_started_is_no_unknown_exit_code(why: str, said: str, expected: Reason) -> None:
    assert ended(failed(), ended_pod(128, said, why)) == Ended(128, said, expected, said)


def test_the_clusters_words_are_cut() -> None:
    end = ended(disrupted_job(), disrupted_pod("EvictionByEvictionAPI", "x" * 5000))
    assert end is not None
    assert len(end.particulars) == 256
