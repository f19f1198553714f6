"""Runs in a cluster that are over for us before they are for the cluster: on lost nodes, and in Jobs that
somebody might resume."""

import pytest

from ingest_contract.failures import Reason
from ingest_contract.pods import PodProfile
from ingest_operator.core.outcome import Ended, Run
from ingest_operator.kube.observe.runs import needs_ending, run_of
from testkit.objects.builders import NOW
from testkit.objects.kube_objects import (
    ENDED,
    SCHEDULED,
    Object,
    a_condition,
    a_container,
    a_job,
    a_pod,
    complete,
    ended_pod,
    failed,
    placed,
    running_pod,
    suspended,
    terminated,
)

PODS = PodProfile()


def look(job: Object, pod: Object | None, now: float) -> Run:
    return run_of(job, pod, PODS, now)


def test_a_node_that_does_not_end_its_pod_is_given_up_after_the_grace_period_and_the_profiles_patience() -> (
    None
):
    pod, lost = running_pod(deleted=100), NOW + 100 + PODS.node_lost_seconds
    assert look(a_job(), pod, lost).ended is None
    run = look(a_job(), pod, lost + 1)
    assert (run.ended, run.ended_at) == (Ended(None, None, Reason.NODE_LOST), lost)
    assert needs_ending(a_job(), pod, run)


def test_a_stopped_run_on_a_lost_node_is_given_up_as_well() -> None:
    pod, job = running_pod(deleted=100), suspended(stopped=True, terminating=1)
    run = look(job, pod, NOW + 101 + PODS.node_lost_seconds)
    assert run.ended == Ended(None, None, Reason.NODE_LOST, on_request=True)
    assert needs_ending(job, pod, run)


def test_a_pod_that_ended_long_after_it_was_to_be_gone_is_believed() -> None:
    pod = ended_pod(143, None, deleted=70)
    assert look(failed(), pod, NOW + 1000).ended == Ended(143, None)


def test_what_a_worker_said_before_its_node_was_lost_is_believed() -> None:
    pod = a_pod("Running", a_container(terminated(20, "said")), conditions=placed(), deleted=100)
    assert look(a_job(), pod, NOW + 1000).ended == Ended(20, "said")


@pytest.mark.parametrize("why", ["NodeStatusUnknown", "NodeLost"])
def test_a_node_that_is_silent_for_a_while_has_ended_nothing(why: str) -> None:
    pod = running_pod(
        conditions=[
            a_condition("PodScheduled", SCHEDULED),
            a_condition("Ready", ENDED, "Unknown", reason=why),
        ]
    )
    assert look(a_job(), pod, NOW + 1000).ended is None


def about_to_fail() -> Object:
    job = failed()
    job["status"]["conditions"].pop()
    return job


@pytest.mark.parametrize(
    ("job", "pod"),
    [
        (complete(), None),
        (failed(), None),
        (failed(), ended_pod(20)),
        (a_job(), ended_pod(20)),
        (about_to_fail(), None),
    ],
    ids=["complete", "failed", "failed, with its pod", "its pod is over", "about to fail"],
)
def test_a_run_that_is_over_for_the_cluster_too_is_left_as_the_record_that_it_is(
    job: Object, pod: Object | None
) -> None:
    run = look(job, pod, NOW + 1000)
    assert run.ended is not None
    assert not needs_ending(job, pod, run)


@pytest.mark.parametrize(
    "pod", [None, ended_pod(137, deleted=60)], ids=["its pod is gone", "its pod is over"]
)
@pytest.mark.parametrize("stopped", [True, False], ids=["by us", "by a queue"])
def test_a_job_that_was_suspended_while_it_ran_may_not_be_resumed(
    pod: Object | None, *, stopped: bool
) -> None:
    job = suspended(stopped=stopped)
    run = look(job, pod, NOW + 1000)
    assert needs_ending(job, pod, run) == (run.ended is not None)
    assert (run.ended is None) == (pod is None and not stopped)


def test_a_job_that_cannot_end_because_of_a_lost_node_is_ended() -> None:
    pod = running_pod(deleted=100)
    assert needs_ending(about_to_fail(), pod, look(about_to_fail(), pod, NOW + 1000))
