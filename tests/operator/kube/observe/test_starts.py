"""Runs in a cluster that are live, or wait, or never begin: who is at fault, and after which time nothing
more is hoped for."""

from math import inf

import pytest

from ingest_contract.failures import Reason
from ingest_contract.pods import PodProfile
from ingest_operator.core.blocker import Blocker
from ingest_operator.core.outcome import Ended, Run
from ingest_operator.kube.observe.runs import POD_PATIENCE_SECONDS, blocker_of, needs_ending, run_of
from testkit.objects.builders import NOW
from testkit.objects.kube_objects import (
    SCHEDULED,
    Object,
    a_condition,
    a_container,
    a_job,
    a_pod,
    at,
    complete,
    ended_pod,
    failed,
    placed,
    running,
    running_pod,
    suspended,
    terminated,
    unscheduled_pod,
    waiting,
    waiting_pod,
)

PODS = PodProfile()
START = NOW + SCHEDULED + PODS.start_deadline_seconds
QUEUE = NOW + PODS.queue_deadline_seconds
PULL = 'Back-off pulling image "worker:nope": ErrImagePull: not found'
IMAGE = (
    "ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable",
    "SignatureValidationFailed", "ImageInspectError",
)  # fmt: skip
SETUP = (
    "CreateContainerConfigError", "CreateContainerError", "RunContainerError", "ImageVolumeMountFailed",
    "PreCreateHookError", "PreStartHookError",
)  # fmt: skip
STUCK = [
    *((why, Reason.IMAGE_UNAVAILABLE) for why in IMAGE),
    *((why, Reason.POD_MISCONFIGURED) for why in SETUP),
]


def look(job: Object, pod: Object | None, now: float) -> Run:
    return run_of(job, pod, PODS, now)


def blocker(job: Object, pod: Object | None, now: float) -> Blocker | None:
    return blocker_of(job, pod, look(job, pod, now), now)


@pytest.mark.parametrize(
    "pod",
    [None, unscheduled_pod(), waiting_pod(), running_pod()],
    ids=["no pod", "no node", "starting", "running"],
)
def test_a_job_that_nothing_has_ended_is_live(pod: Object | None) -> None:
    run = look(a_job(), pod, NOW + 60)
    assert (run.ended, run.ended_at, run.gpu_seconds) == (None, None, 0.0)
    assert blocker(a_job(), pod, NOW + 60) is None
    assert not needs_ending(a_job(), pod, run)


def test_a_job_that_gets_no_pod_is_reported_after_a_moment_and_only_if_it_never_had_one() -> None:
    job = a_job(active=0)
    told = blocker(job, None, NOW + POD_PATIENCE_SECONDS + 1)
    assert told is not None
    assert (told.reason, told.until, told.index) == ("PodNotCreated", inf, 12)
    assert f"kubectl describe job {job['metadata']['name']}" in told.message
    assert blocker(job, None, NOW + POD_PATIENCE_SECONDS - 1) is None
    for had_one in (a_job(), a_job(active=0, terminating=1), a_job(active=0, failed=1), suspended(active=0)):
        assert blocker(had_one, None, NOW + POD_PATIENCE_SECONDS + 1) is None


@pytest.mark.parametrize(("why", "reason"), STUCK)
def test_a_container_that_cannot_be_made_hinders_its_item_at_once_and_ends_its_run_in_time(
    why: str, reason: Reason
) -> None:
    pod = waiting_pod(why, PULL)
    found = blocker(a_job(), pod, START)
    assert found is not None
    assert (found.reason, found.until, found.index) == (reason.value, inf, 12)
    assert found.message.endswith(f"{why}: {PULL}")
    assert look(a_job(), pod, START).ended is None
    run = look(a_job(), pod, START + 1)
    assert (run.ended, run.ended_at) == (Ended(None, None, reason, f"{why}: {PULL}"), START)
    assert blocker(a_job(), pod, START + 1) is None
    assert needs_ending(a_job(), pod, run)


def test_the_image_of_another_container_hinders_as_well() -> None:
    pod = waiting_pod("PodInitializing", initContainerStatuses=[a_container(waiting("ErrImagePull"), "warm")])
    found = blocker(a_job(), pod, NOW + 60)
    assert found is not None
    assert found.reason == Reason.IMAGE_UNAVAILABLE.value


@pytest.mark.parametrize(
    ("pod", "reason"),
    [
        pytest.param(waiting_pod(sandbox=False), Reason.POD_MISCONFIGURED, id="a volume cannot be mounted"),
        pytest.param(waiting_pod(sandbox=True), Reason.IMAGE_SLOW, id="its image comes too slowly"),
        pytest.param(
            a_pod("Pending", conditions=[a_condition("PodScheduled", SCHEDULED)]),
            Reason.NODE_LOST,
            id="its node is silent",
        ),
    ],
)
def test_a_pod_that_does_not_begin_in_its_time_is_told_apart_by_how_far_it_came(
    pod: Object, reason: Reason
) -> None:
    assert look(a_job(), pod, START).ended is None
    ended = look(a_job(), pod, START + 1).ended
    assert ended is not None
    assert ended.seen is reason
    assert ended.particulars.startswith({Reason.NODE_LOST: "Node gpu-1 "}.get(reason, "The "))


def test_a_container_that_prepares_something_may_take_its_time() -> None:
    preparing = waiting_pod("PodInitializing", initContainerStatuses=[a_container(running(), "warm")])
    assert look(a_job(), preparing, START + 1).ended is None
    assert look(a_job(), running_pod(), START + 1).ended is None


def test_what_keeps_another_container_from_beginning_is_no_blocker_once_the_worker_has_begun() -> None:
    stuck = a_container(waiting("ErrImagePull"), "mesh")
    assert blocker(a_job(), running_pod(stuck), NOW + 60) is None
    assert look(a_job(), running_pod(stuck), START + 1).ended is None


def test_a_worker_that_ended_a_moment_ago_has_begun() -> None:
    terminal_soon = a_pod("Running", a_container(terminated(0)), conditions=placed(sandbox=False))
    ended_now = terminal_soon["status"]["containerStatuses"][0]["state"]["terminated"]
    ended_now["finishedAt"] = at(SCHEDULED + PODS.start_deadline_seconds)
    assert look(a_job(), terminal_soon, START + 1).ended is None


def test_a_pod_that_somebody_deletes_before_it_began_is_waited_for() -> None:
    pod = waiting_pod("ErrImagePull", deleted=600)
    assert look(a_job(), pod, START + 1).ended is None
    assert blocker(a_job(), pod, START) is None


def test_nothing_hinders_a_run_that_is_stopped_or_over() -> None:
    assert blocker(suspended(stopped=True), waiting_pod("ErrImagePull"), NOW + 60) is None
    assert look(suspended(stopped=True, active=1), waiting_pod("ErrImagePull"), START + 1).ended is None
    assert blocker(failed(), ended_pod(128, None, "StartError"), NOW + 100) is None


def test_waiting_for_a_gpu_is_no_failure_until_there_can_be_none() -> None:
    message = "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."
    assert look(a_job(), unscheduled_pod(message), QUEUE).ended is None
    assert blocker(a_job(), unscheduled_pod(message), QUEUE) is None
    run = look(a_job(), unscheduled_pod(message), QUEUE + 1)
    assert (run.ended, run.ended_at) == (Ended(None, None, Reason.UNSCHEDULABLE, message), QUEUE)
    assert needs_ending(a_job(), unscheduled_pod(message), run)


def test_a_job_that_never_gets_a_pod_waits_as_long_and_says_where_to_look() -> None:
    assert look(a_job(), None, QUEUE).ended is None
    run = look(a_job(), None, QUEUE + 1)
    assert run.ended == Ended(
        None, None, Reason.UNSCHEDULABLE, "No pod could be made: the events of the Job say why."
    )
    assert needs_ending(a_job(), None, run)


def test_a_queue_of_the_clusters_does_not_use_up_the_time_for_a_node() -> None:
    let_in = a_job(startTime="2027-01-17T08:00:00Z")  # two days after it was made
    assert look(let_in, unscheduled_pod(), QUEUE + 1).ended is None


def test_a_pod_with_a_node_waits_for_none_however_long_it_runs() -> None:
    assert look(a_job(), running_pod(), QUEUE + 1).ended is None


def test_a_job_that_has_just_ended_after_a_day_is_not_taken_for_one_that_waits() -> None:
    assert look(complete(PODS.queue_deadline_seconds + 1), None, QUEUE + 2).ended is None
