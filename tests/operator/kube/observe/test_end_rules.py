"""Runs in a cluster that are over: how that is told by a pod, by a Job whose pod is gone, and by a stop of
our own."""

import pytest

from ingest_contract.failures import Reason
from ingest_contract.pods import PodProfile
from ingest_operator.core.outcome import Ended, outcome_of
from ingest_operator.kube.manifests.ingest_job import QUEUE
from ingest_operator.kube.observe.end_rules import LINGER_SECONDS, POD_LAG_SECONDS
from ingest_operator.kube.observe.runs import needs_ending, run_of
from testkit.objects.builders import NOW, a_failure
from testkit.objects.kube_objects import (
    ENDED,
    OVER,
    RECEIPT,
    Object,
    a_container,
    a_job,
    a_pod,
    complete,
    disrupted_job,
    ended_conditions,
    ended_pod,
    failed,
    failed_with,
    running,
    running_pod,
    suspended,
    terminated,
    waiting,
)

PODS = PodProfile()
LATER = NOW + 100
GONE = a_failure(Reason.REMOVED, message="HTTP 410").to_json()


def ended(job: Object, pod: Object | None, now: float = LATER, pods: PodProfile = PODS) -> Ended | None:
    return run_of(job, pod, pods, now).ended


def reason(job: Object, pod: Object | None, pods: PodProfile = PODS) -> Reason | None:
    end = ended(job, pod, pods=pods)
    assert end is not None
    return outcome_of(end).reason


def test_a_success_is_its_exit_code_and_its_receipt() -> None:
    assert ended(complete(), ended_pod(0, RECEIPT)) == Ended(0, RECEIPT)


def test_a_pod_that_is_over_is_believed_before_its_job_says_so() -> None:
    assert ended(a_job(), ended_pod(0, RECEIPT)) == Ended(0, RECEIPT)
    assert ended(a_job(), ended_pod(22, GONE)) == Ended(22, GONE)


def test_a_failure_is_its_exit_code_and_what_the_worker_says() -> None:
    assert ended(failed_with(22), ended_pod(22, GONE)) == Ended(22, GONE)


def test_a_success_whose_pod_is_gone_is_a_success_without_its_receipt() -> None:
    assert ended(complete(), None) == Ended(0, None, receipt_gone=True)
    assert reason(complete(), None) is None


def test_a_failure_whose_pod_is_gone_keeps_the_exit_code_that_the_policy_matched() -> None:
    assert ended(failed_with(42), None) == Ended(42, None)
    assert reason(failed_with(42), None) is Reason.DOWNLOAD_FAILED


def test_an_exit_code_of_another_container_is_not_the_workers() -> None:
    message = "Container mesh for pod media/talks failed with exit code 42 matching FailJob rule at index 1"
    assert ended(failed("PodFailurePolicy", message), None) == Ended(None, None)


def test_a_failure_whose_pod_is_gone_without_a_word_was_killed() -> None:
    end = ended(failed(), None)
    assert end == Ended(None, None)
    assert outcome_of(end).message.startswith("The process was killed from outside")


def test_a_disruption_is_reported_by_the_job_when_the_pod_is_gone() -> None:
    assert ended(disrupted_job(), None) == Ended(None, None, Reason.EVICTED)


def test_a_jobs_own_deadline_is_reported_by_the_job_when_the_pod_is_gone() -> None:
    job = failed("DeadlineExceeded", "Job was active longer than specified deadline")
    assert ended(job, None) == Ended(None, None, Reason.DEADLINE_EXCEEDED)


@pytest.mark.parametrize("pod", [None, running_pod()], ids=["no pod known yet", "an old version of the pod"])
def test_a_job_that_is_over_waits_a_moment_for_what_the_watch_of_pods_shows(pod: Object | None) -> None:
    for job, end in ((complete(), Ended(0, None, receipt_gone=True)), (failed_with(42), Ended(42, None))):
        assert ended(job, pod, NOW + OVER + POD_LAG_SECONDS) is None
        assert ended(job, pod, NOW + OVER + POD_LAG_SECONDS + 1) == end


@pytest.mark.parametrize("only", ["Complete", "SuccessCriteriaMet", "Failed", "FailureTarget"])
def test_a_job_is_over_by_any_of_its_last_conditions(only: str) -> None:
    job = complete() if only in {"Complete", "SuccessCriteriaMet"} else failed_with(42)
    job["status"]["conditions"] = [each for each in job["status"]["conditions"] if each["type"] == only]
    expected = (
        Ended(0, None, receipt_gone=True) if only in {"Complete", "SuccessCriteriaMet"} else Ended(42, None)
    )
    assert ended(job, None) == expected


def test_a_job_that_is_about_to_fail_waits_for_its_pod() -> None:
    job = failed()
    job["status"]["conditions"].pop()
    assert ended(job, running_pod()) is None
    assert ended(job, None) == Ended(None, None)


def test_a_worker_that_others_outlive_is_over_after_a_while_and_its_job_is_to_be_ended() -> None:
    pod = a_pod(
        "Running",
        a_container(running(), "mesh"),
        a_container(terminated(0, RECEIPT)),
        conditions=ended_conditions(),
    )
    assert ended(a_job(), pod, NOW + ENDED + LINGER_SECONDS) is None
    run = run_of(a_job(), pod, PODS, NOW + ENDED + LINGER_SECONDS + 1)
    assert (run.ended, run.ended_at) == (Ended(0, RECEIPT), NOW + ENDED)
    assert needs_ending(a_job(), pod, run)


def test_only_the_workers_container_tells_how_a_run_ended() -> None:
    others = (
        a_container(terminated(3), "mesh"),
        a_container(terminated(0, RECEIPT)),
        a_container(terminated(5), "logs"),
    )
    assert ended(a_job(), a_pod("Failed", *others, conditions=ended_conditions())) == Ended(0, RECEIPT)


def test_a_pod_that_a_preparing_container_ended_says_which() -> None:
    pod = a_pod(
        "Failed",
        a_container(waiting("PodInitializing")),
        conditions=[],
        initContainerStatuses=[a_container(terminated(3), "warm")],
    )
    assert ended(failed(), pod) == Ended(None, None, None, "Container warm ended with exit code 3.")


def test_a_pod_that_somebody_deleted_was_interrupted_if_it_could_say_so_and_killed_if_not() -> None:
    assert reason(failed_with(143), ended_pod(143, None, deleted=60)) is Reason.INTERRUPTED
    assert reason(failed_with(143), None) is Reason.INTERRUPTED
    assert reason(failed(), ended_pod(137, None, deleted=60)) is Reason.KILLED
    assert reason(failed(), None) is Reason.KILLED


def test_a_run_that_we_stop_is_over_when_the_job_controller_knows_and_no_pod_is_left() -> None:
    assert ended(suspended(stopped=True), None) == Ended(None, None, on_request=True)
    assert ended(a_job(suspend=True, stopped=True, active=0), None) is None
    assert ended(suspended(stopped=True, active=1), None) is None
    assert ended(suspended(stopped=True, terminating=1), None) is None
    assert ended(suspended(stopped=True), running_pod(deleted=90)) is None


def test_a_run_that_we_stop_keeps_the_code_and_the_receipt_of_its_pod() -> None:
    job = failed_with(143, suspend=True, stopped=True)
    assert ended(job, ended_pod(143, GONE, deleted=60)) == Ended(143, GONE, on_request=True)
    assert ended(job, None) == Ended(143, None, on_request=True)
    assert reason(job, ended_pod(143, GONE, deleted=60)) is Reason.INTERRUPTED


def test_a_run_that_we_stop_by_a_deadline_because_its_queue_would_resume_it_ended_by_us() -> None:
    job = failed("DeadlineExceeded", "Job was active longer than specified deadline", stopped=True)
    assert ended(job, None) == Ended(None, None, on_request=True)
    assert reason(job, ended_pod(143, None, deleted=60)) is Reason.INTERRUPTED


def test_a_run_that_was_done_before_it_could_be_stopped_is_a_success() -> None:
    assert reason(suspended(stopped=True), ended_pod(0, RECEIPT, deleted=60)) is None


def test_a_job_that_waits_in_a_queue_of_the_clusters_is_live() -> None:
    assert ended(suspended(), None, NOW + 10 * PODS.queue_deadline_seconds) is None
    assert ended(a_job(suspend=True, active=0, startTime=None), None) is None


@pytest.mark.parametrize(
    "pod", [ended_pod(137, None, deleted=60), None], ids=["its pod is there", "its pod is gone"]
)
def test_a_job_whose_queue_took_its_place_back_is_told_apart_from_one_that_somebody_suspended(
    pod: Object | None,
) -> None:
    job = failed(suspend=True)
    assert reason(job, pod) is Reason.EVICTED
    job["metadata"]["labels"][QUEUE] = "gpus"
    assert reason(job, pod) is Reason.QUEUE_PREEMPTED
