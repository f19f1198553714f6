"""What the cluster did to a pod, in the words of the failure table: taken away, out of memory or disk, never
let in, never started."""

import pytest

from ingest_contract.failures import Reason
from ingest_contract.pods import PodProfile
from ingest_operator.core.outcome import Ended, outcome_of
from ingest_operator.kube.observe.runs import run_of
from testkit.objects.builders import NOW, a_failure
from testkit.objects.kube_objects import (
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
    waiting,
)

PODS = PodProfile()
LATER = NOW + 100
GONE = a_failure(Reason.REMOVED, message="HTTP 410").to_json()
EVICTION = "The node was low on resource: memory. Threshold quantity: 100Mi, available: 60Mi. "
FULL = 'Usage of EmptyDir volume "scratch" exceeds the limit "20Gi". '
NVIDIA = (
    "failed to create containerd task: nvidia-container-cli: initialization error: "
    "driver rpc error: timed out"
)


def ended(job: Object, pod: Object | None, now: float = LATER, pods: PodProfile = PODS) -> Ended | None:
    return run_of(job, pod, pods, now).ended


def reason(job: Object, pod: Object | None, pods: PodProfile = PODS) -> Reason | None:
    end = ended(job, pod, pods=pods)
    assert end is not None
    return outcome_of(end).reason


@pytest.mark.parametrize(
    ("why", "expected"),
    [
        ("PreemptionByScheduler", Reason.PREEMPTED),
        ("PreemptionByKubeScheduler", Reason.PREEMPTED),
        ("DeletionByTaintManager", Reason.NODE_TAINTED),
        ("DeletionByPodGC", Reason.NODE_LOST),
        ("TerminationByKubelet", Reason.NODE_PRESSURE),
        ("EvictionByEvictionAPI", Reason.EVICTED),
        ("SomebodyElse", Reason.EVICTED),
    ],
)
def test_who_took_a_pod_away_says_whether_that_speaks_against_the_node(why: str, expected: Reason) -> None:
    assert ended(disrupted_job(), disrupted_pod(why, "as it must be")) == Ended(
        137, None, expected, "as it must be"
    )


@pytest.mark.parametrize(
    ("why", "expected"),
    [
        ("Terminated", Reason.NODE_RESTARTED),
        ("Preempting", Reason.PREEMPTED),
        ("Evicted", Reason.NODE_PRESSURE),
    ],
)
def test_a_kubelet_that_takes_a_pod_away_says_what_for(why: str, expected: Reason) -> None:
    pod = disrupted_pod("TerminationByKubelet", "said")
    pod["status"]["reason"] = why
    assert reason(disrupted_job(), pod) is expected


def test_a_pod_that_the_cluster_is_taking_away_is_not_over() -> None:
    pod = disrupted_pod("PreemptionByScheduler", "making room")
    pod["status"] |= {"phase": "Running", "containerStatuses": [a_container(running())]}
    assert ended(a_job(), pod) is None


def test_a_disruption_explains_an_exit_code_and_a_receipt_of_failure() -> None:
    assert (
        reason(failed_with(22), disrupted_pod("EvictionByEvictionAPI", "drained", 22, GONE)) is Reason.EVICTED
    )


def test_a_result_that_was_committed_is_believed_whatever_the_cluster_did_then() -> None:
    assert reason(disrupted_job(), disrupted_pod("TerminationByKubelet", EVICTION, 137, RECEIPT)) is None


def test_an_eviction_keeps_the_nodes_own_words() -> None:
    pod = disrupted_pod("TerminationByKubelet", EVICTION, reason="Evicted")
    pod["status"]["message"] = EVICTION
    assert ended(disrupted_job(), pod) == Ended(137, None, Reason.NODE_PRESSURE, EVICTION.strip())


@pytest.mark.parametrize(
    "message",
    [
        FULL,
        "Pod ephemeral local storage usage exceeds the total limit of containers 21Gi. ",
        'Container worker exceeded its local ephemeral storage limit "1Gi". ',
    ],
)
def test_an_eviction_for_its_own_use_of_disk_is_no_disruption(message: str) -> None:
    pod = a_pod(
        "Failed",
        a_container(terminated(137)),
        conditions=ended_conditions(),
        reason="Evicted",
        message=message,
    )
    assert ended(failed(), pod) == Ended(137, None, Reason.SCRATCH_FULL, message.strip())


def test_an_eviction_for_a_nodes_full_disk_is_a_disruption() -> None:
    message = "The node was low on resource: ephemeral-storage. Threshold quantity: 1Gi, available: 20Mi. "
    pod = a_pod(
        "Failed",
        a_container(terminated(137)),
        conditions=ended_conditions(),
        reason="Evicted",
        message=message,
    )
    assert reason(failed(), pod) is Reason.NODE_PRESSURE


@pytest.mark.parametrize("code", [137, 32], ids=["the worker was killed", "its decoder was killed"])
def test_a_worker_whose_memory_ran_out_is_reported_by_the_runtime(code: int) -> None:
    assert ended(failed(), ended_pod(code, None, "OOMKilled")) == Ended(code, None, Reason.HOST_OUT_OF_MEMORY)


def test_a_pod_past_its_deadline_is_reported_by_its_node() -> None:
    said = "Pod was active on the node longer than the specified deadline"
    pod = a_pod(
        "Failed",
        a_container(terminated(143)),
        conditions=ended_conditions(),
        reason="DeadlineExceeded",
        message=said,
    )
    assert ended(failed_with(143), pod) == Ended(143, None, Reason.DEADLINE_EXCEEDED, said)


REFUSALS = {
    "OutOfcpu": "Node didn't have enough resource: cpu, requested: 4000, used: 7000, capacity: 8000",
    "OutOfnvidia.com/gpu": "Node didn't have enough resource: "
    "nvidia.com/gpu, requested: 1, used: 1, capacity: 1",
    "NodeShutdown": "Pod was rejected as the node is shutting down.",
    "NodeAffinity": "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
    "UnexpectedAdmissionError": "Allocate failed due to no healthy devices present; "
    "cannot allocate nvidia.com/gpu",
    "SomethingNew": "for a reason that no kubelet has today",
}


@pytest.mark.parametrize("why", REFUSALS)
def test_a_pod_that_its_node_did_not_take_in_was_rejected_and_is_forgiven(why: str) -> None:
    end = ended(failed(), refused_pod(why, REFUSALS[why]))
    assert end is not None
    assert (end.exit_code, end.seen) == (None, Reason.NODE_REJECTED)
    assert end.particulars.startswith(f"Pod was rejected: {REFUSALS[why][:20]}")


UNKNOWN = "ContainerStatusUnknown"
NEVER_FOUND = "The container could not be located when the pod was terminated"


def test_exit_codes_that_a_runtime_makes_up_after_a_restart_are_the_nodes() -> None:
    for pod in (
        ended_pod(255, None, "Unknown"),
        ended_pod(255, None, "Error"),
        ended_pod(137, NEVER_FOUND, UNKNOWN),
    ):
        assert reason(failed(), pod) is Reason.NODE_RESTARTED
    assert reason(failed_with(255), None) is Reason.NODE_RESTARTED


def test_a_node_that_restarts_before_the_worker_begins_is_reported_by_the_container_that_prepares() -> None:
    before = {"initContainerStatuses": [a_container(terminated(255, None, "Unknown"), "warm")]}
    assert (
        reason(failed(), a_pod("Failed", a_container(waiting("PodInitializing")), conditions=[], **before))
        is Reason.NODE_RESTARTED
    )


def test_a_worker_that_left_its_word_before_the_node_restarted_is_heard() -> None:
    assert reason(failed(), ended_pod(255, GONE, "Unknown")) is Reason.REMOVED
    assert reason(failed(), ended_pod(255, RECEIPT, "Unknown")) is None


def test_a_pod_that_was_deleted_before_anybody_saw_its_end_is_no_fault_of_the_node() -> None:
    pod = ended_pod(137, NEVER_FOUND, UNKNOWN, deleted=60)
    assert reason(failed(), pod) is Reason.INTERRUPTED
    assert reason(failed(suspend=True), pod) is Reason.EVICTED


def test_a_killed_process_of_which_its_node_knows_everything_stays_a_killed_process() -> None:
    assert reason(failed(), ended_pod(137, None, "Error")) is Reason.KILLED


@pytest.mark.parametrize("why", ["StartError", "ContainerCannotRun"])
@pytest.mark.parametrize(
    ("said", "expected"), [("exec: no such file", Reason.POD_MISCONFIGURED), (NVIDIA, Reason.GPU_UNAVAILABLE)]
)
def test_a_process_that_could_not_be_started_is_no_unknown_exit_code(
    why: str, said: str, expected: Reason
) -> None:
    assert ended(failed(), ended_pod(128, said, why)) == Ended(128, said, expected, said)


def test_the_clusters_words_are_cut() -> None:
    end = ended(disrupted_job(), disrupted_pod("EvictionByEvictionAPI", "x" * 5000))
    assert end is not None
    assert len(end.particulars) == 256


def test_a_container_beside_the_worker_does_not_change_how_the_worker_ended() -> None:
    beside = a_container(terminated(255, None, "Unknown"), "logs")
    pod = ended_pod(0, RECEIPT)
    pod["status"]["containerStatuses"].append(beside)
    assert reason(failed(), pod) is None
