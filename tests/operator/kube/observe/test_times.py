"""What a run in a cluster is called, when it began and ended, what it waited for and what it held; by clocks
that do not agree."""

import pytest

from ingest_contract.pods import GpuShare, PodProfile
from ingest_operator.core.memory_ladder import LAST_RUNG
from ingest_operator.core.outcome import Run, Waits
from ingest_operator.kube.api.names import CHARGED_ATTEMPTS, DISRUPTIONS, INDEX, RUN, RUNG
from ingest_operator.kube.observe.runs import CUT_SECONDS, MAX_COUNTED_TIMES, run_of
from ingest_operator.kube.watch.jobs_and_pods import slim_pod
from testkit.objects.builders import NOW
from testkit.objects.kube_objects import (
    ENDED,
    OVER,
    RECEIPT,
    SANDBOX,
    SCHEDULED,
    STARTED,
    Object,
    a_condition,
    a_job,
    at,
    complete,
    disrupted_pod,
    ended_pod,
    failed,
    refused_pod,
    running_pod,
    suspended,
    unscheduled_pod,
    waiting_pod,
)

PODS = PodProfile()


def look(job: Object, pod: Object | None, after: float = 200, pods: PodProfile = PODS) -> Run:
    return run_of(job, pod, pods, NOW + after)


def test_a_run_is_what_the_name_and_the_labels_of_its_job_say() -> None:
    run = look(a_job(), None)
    assert (run.index, run.number, run.charged_attempts, run.rung, run.disruptions) == (12, 3, 1, 2, 1)


def test_labels_that_are_left_out_are_nought() -> None:
    job = a_job()
    job["metadata"]["labels"] = {}
    run = look(job, None)
    assert (run.index, run.number, run.charged_attempts, run.rung, run.disruptions) == (12, 3, 0, 0, 0)


@pytest.mark.parametrize("label", [CHARGED_ATTEMPTS, RUNG, DISRUPTIONS, INDEX, RUN])
@pytest.mark.parametrize("text", ["x", "-1", "", "9" * 63, "1e9", "²"])
def test_a_label_that_somebody_has_edited_is_a_count_of_ours_or_none(label: str, text: str) -> None:
    job = a_job()
    job["metadata"]["labels"][label] = text
    run = look(job, None)
    assert (run.index, run.number) == (12, 3)
    assert (
        run.charged_attempts in (0, 1, MAX_COUNTED_TIMES),
        run.rung in (0, 2, LAST_RUNG),
        run.disruptions in (0, 1, MAX_COUNTED_TIMES),
    ) == (True, True, True)


def test_a_run_begins_with_its_process_or_else_with_its_job() -> None:
    assert look(a_job(), running_pod()).started_at == NOW + STARTED
    assert look(complete(), ended_pod(0, RECEIPT)).started_at == NOW + STARTED
    for pod in (None, unscheduled_pod(), waiting_pod()):
        assert look(a_job(), pod).started_at == NOW + CUT_SECONDS


def test_a_run_that_probes_is_not_cut_to_a_second_before_the_probe_was_due() -> None:
    due = 0.4  # the API tells of a Job that is made then, or in the same second later, that it was made at 0
    assert look(a_job(), None, 0.5).started_at >= NOW + due
    assert look(a_job(), None, 5.0).started_at >= NOW + due


def test_a_run_ends_with_its_process_or_else_with_its_job() -> None:
    assert look(complete(), ended_pod(0, RECEIPT)).ended_at == NOW + ENDED
    assert look(complete(), None).ended_at == NOW + OVER
    assert look(failed(), None).ended_at == NOW + OVER
    assert look(failed(), refused_pod("OutOfcpu", "no")).ended_at == NOW + OVER
    assert look(suspended(stopped=True), None).ended_at == NOW + 31
    assert look(a_job(), refused_pod("OutOfcpu", "no")).ended_at == NOW + 200


def test_a_nodes_clock_that_is_behind_begins_nothing_before_its_job() -> None:
    pod = ended_pod(0, RECEIPT)
    pod["status"]["containerStatuses"][0]["state"]["terminated"] |= {
        "startedAt": at(-3000),
        "finishedAt": at(-2940),
    }
    run = look(complete(), pod)
    assert (run.started_at, run.ended_at) == (NOW + CUT_SECONDS, NOW + CUT_SECONDS)
    assert run.waits == Waits(queued=SCHEDULED)
    assert run.gpu_seconds == 0.0


@pytest.mark.parametrize("ahead", [3000, 3 * 86_400])
def test_a_nodes_clock_that_is_ahead_is_not_believed_and_waits_count_from_the_end_of_the_job(
    ahead: int,
) -> None:
    pod = ended_pod(0, RECEIPT)
    pod["status"]["containerStatuses"][0]["state"]["terminated"] |= {
        "startedAt": at(ahead),
        "finishedAt": at(ahead + 60),
    }
    for after in (200, 400):
        run = look(complete(), pod, after)
        assert (run.started_at, run.ended_at) == (NOW + CUT_SECONDS, NOW + OVER)
        assert run.waits == Waits(queued=SCHEDULED, pulling=OVER - SCHEDULED)
    undecided = look(a_job(), pod)
    assert (undecided.started_at, undecided.ended_at) == (NOW + CUT_SECONDS, NOW + 200)


def test_a_container_whose_times_nobody_knows_ends_with_its_job() -> None:
    pod = ended_pod(137, None, "ContainerStatusUnknown")
    pod["status"]["containerStatuses"][0]["state"]["terminated"] |= {"startedAt": None, "finishedAt": None}
    run = look(failed(), pod)
    assert (run.started_at, run.ended_at) == (NOW + CUT_SECONDS, NOW + OVER)


@pytest.mark.parametrize(
    ("pod", "waits"),
    [
        (unscheduled_pod(), Waits(queued=200)),
        (waiting_pod(sandbox=False), Waits(SCHEDULED, 200 - SCHEDULED)),
        (waiting_pod(), Waits(SCHEDULED, SANDBOX - SCHEDULED, 200 - SANDBOX)),
        (running_pod(), Waits(SCHEDULED, SANDBOX - SCHEDULED, STARTED - SANDBOX)),
        (
            running_pod(conditions=[a_condition("PodScheduled", SCHEDULED)]),
            Waits(SCHEDULED, 0, STARTED - SCHEDULED),
        ),
        (ended_pod(0, RECEIPT), Waits(SCHEDULED, 0, STARTED - SCHEDULED)),
        (refused_pod("OutOfcpu", "no"), Waits(SCHEDULED, 200 - SCHEDULED)),
    ],
    ids=[
        "no node",
        "no sandbox",
        "no image",
        "all is there",
        "the sandbox is not told of",
        "the sandbox is taken down",
        "its node refused it",
    ],
)
def test_what_passes_before_a_process_begins_is_reported_by_what_it_was_spent_on(
    pod: Object, waits: Waits
) -> None:
    assert look(a_job(), pod).waits == waits


def test_waits_are_not_known_without_a_pod() -> None:
    assert look(complete(), None).waits is None


def test_gpus_are_held_from_the_node_to_the_end_each_counted() -> None:
    two = PodProfile.model_validate({"gpu": {"count": 2}})
    assert look(complete(), ended_pod(0, RECEIPT)).gpu_seconds == ENDED - SCHEDULED
    both = look(complete(), ended_pod(0, RECEIPT), pods=two)
    assert (both.gpu_seconds, both.held_seconds) == (2 * (ENDED - SCHEDULED), ENDED - SCHEDULED)
    assert look(a_job(), waiting_pod("ErrImagePull"), 1000).gpu_seconds == PODS.start_deadline_seconds
    assert look(a_job(), unscheduled_pod(), 100_000).gpu_seconds == 0.0


def test_a_run_on_a_cpu_holds_no_gpu() -> None:
    assert (
        look(
            complete(), ended_pod(0, RECEIPT), pods=PodProfile.model_validate({"gpu": {"count": 0}})
        ).gpu_seconds
        == 0.0
    )


@pytest.mark.parametrize(
    ("job", "pod"),
    [
        (complete(), ended_pod(0, RECEIPT)),
        (failed(), None),
        (failed(), disrupted_pod("EvictionByEvictionAPI", "drained")),
        (suspended(stopped=True), None),
        (a_job(), waiting_pod("ErrImagePull")),
        (a_job(), running_pod(deleted=100)),
    ],
    ids=["complete", "failed", "evicted", "stopped", "no image", "no node"],
)
def test_a_later_reconcile_finds_the_same_end(job: Object, pod: Object | None) -> None:
    first = look(job, pod, 1000)
    assert first.ended is not None
    assert look(job, pod, 2000) == first


@pytest.mark.parametrize(
    ("limits", "gpus"),
    [
        ({"nvidia.com/gpu": "2", "memory": "8Gi"}, 2),
        ({"nvidia.com/gpu": "0"}, 0),
        ({"example.com/other": "9", "memory": "8Gi"}, 4),
        ({}, 4),
    ],
)
def test_a_run_held_the_gpus_that_its_pod_was_made_with_whatever_the_profile_says_by_now(
    limits: dict[str, str], gpus: int
) -> None:
    pod = ended_pod(0, RECEIPT)
    pod["spec"] |= {"containers": [{"name": "sidecar"}, {"name": "worker", "resources": {"limits": limits}}]}
    run = look(complete(), slim_pod(pod), pods=PodProfile(gpu=GpuShare(count=4)))
    assert (run.held_seconds, run.gpu_seconds) == (ENDED - SCHEDULED, gpus * (ENDED - SCHEDULED))
