"""The stand-in kubelet on a real control plane: what the Job controller makes of each life, and what the API
server passes on."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from typing import Any

import pytest

from ingest_contract.failures import FAILURES, Reason
from ingest_contract.progress import Progress
from ingest_contract.receipt import decode
from ingest_operator.core.timestamps import from_rfc3339
from ingest_operator.kube.api.fields import condition, holds, is_terminal, state_of
from ingest_operator.kube.api.names import PROGRESS_PORT
from ingest_operator.kube.batches.progress_poller import ProgressPoller, RunKey
from testkit.cluster.client import Json
from testkit.cluster.control_plane import ControlPlane
from testkit.cluster.history import History
from testkit.cluster.kubelet import RunningKubelet
from testkit.cluster.life import Life, Script
from testkit.cluster.lives import (
    deaf,
    drained,
    evicted,
    fails,
    hangs,
    image_missing,
    killed,
    node_lost,
    out_of_memory,
    past_deadline,
    preempted,
    sequence,
    succeeds,
)
from testkit.cluster.one_job import INDEX, OneJob
from testkit.cluster.program import until

Start = Callable[..., RunningKubelet]


@pytest.fixture
def start(control_plane: ControlPlane, namespace: str) -> Iterator[Start]:
    """Starts a kubelet for the test's namespace; it ends with the test."""
    with ExitStack() as ends:

        def starting(script: Script | Life | None = None, **options: Any) -> RunningKubelet:
            chosen = (lambda _: script) if isinstance(script, Life) else script
            running: AbstractContextManager[RunningKubelet] = RunningKubelet(
                control_plane, chosen, namespace=namespace, nodes=(f"{namespace}-1",), **options
            )
            return ends.enter_context(running)

        yield starting


@pytest.fixture
def job(control_plane: ControlPlane, namespace: str) -> OneJob:
    return OneJob(control_plane.admin, namespace)


def terminated(pod: Json) -> Json:
    return state_of(pod["status"]["containerStatuses"][0], "terminated") or {}


def waiting(pod: Json) -> Json:
    return state_of((pod["status"].get("containerStatuses") or [{}])[0], "waiting") or {}


def runs(pod: Json) -> bool:
    return pod["status"].get("phase") == "Running"


def test_a_worker_that_succeeds_completes_its_job_and_leaves_its_receipt(start: Start, job: OneJob) -> None:
    kubelet = start(succeeds())
    job.make()
    assert job.until_over()["type"] == "Complete"
    pod = job.pod
    assert pod is not None
    assert decode(terminated(pod)["message"]).result == "Succeeded"
    assert holds(pod, "PodScheduled")
    assert (condition(pod, "Ready")["reason"], pod["status"]["hostIP"]) == ("PodCompleted", "127.0.0.1")
    writes = kubelet.writes()
    assert (writes["binding"], writes["status"], writes["removal"]) == (1, 1, 0)


@pytest.mark.parametrize(
    "reason", [Reason.DOWNLOAD_FAILED, Reason.NO_SPEECH, Reason.GPU_OUT_OF_MEMORY, Reason.UNKNOWN]
)
def test_an_exit_code_of_the_table_fails_the_job_by_its_policy_which_tells_the_code(
    start: Start, job: OneJob, reason: Reason
) -> None:
    start(fails(reason))
    job.make()
    over = job.until_over()
    assert (over["type"], over["reason"]) == ("Failed", "PodFailurePolicy")
    assert f"exit code {FAILURES[reason].exit_code} matching FailJob rule at index 1" in over["message"]
    assert job.pod is not None
    assert decode(terminated(job.pod)["message"]).reason is reason


@pytest.mark.parametrize(
    ("life", "container", "pod_reason"),
    [
        (killed(), "Error", None),
        (out_of_memory(), "OOMKilled", None),
        (past_deadline(), "Error", "DeadlineExceeded"),
    ],
    ids=["killed", "out of memory", "past its deadline"],
)
def test_an_end_that_no_disruption_explains_fails_the_job(
    start: Start, job: OneJob, life: Life, container: str, pod_reason: str | None
) -> None:
    start(life)
    job.make()
    assert job.until_over()["type"] == "Failed"
    pod = job.pod
    assert pod is not None
    assert (terminated(pod)["reason"], pod["status"].get("reason")) == (container, pod_reason)
    assert not condition(pod, "DisruptionTarget")


def test_a_deadline_that_passes_ends_the_pod_whatever_its_life_was_to_be(start: Start, job: OneJob) -> None:
    start(hangs())
    job.make(deadline=1)
    pod = job.until_pod(is_terminal, "the deadline ends it")
    assert (pod["status"]["phase"], pod["status"]["reason"]) == ("Failed", "DeadlineExceeded")
    assert decode(terminated(pod)["message"]).reason is Reason.INTERRUPTED


@pytest.mark.parametrize(
    ("life", "stays"),
    [(evicted(), True), (preempted(), False), (drained(), False)],
    ids=["evicted", "preempted", "drained"],
)
def test_a_disruption_fails_the_job_by_its_own_rule(
    start: Start,
    job: OneJob,
    life: Life,
    stays: bool,  # noqa: FBT001 -- a column
) -> None:
    start(life)
    job.make()
    over = job.until_over()
    assert over["reason"] == "PodFailurePolicy"
    assert over["message"].endswith("has condition DisruptionTarget matching FailJob rule at index 0")
    if stays:
        assert job.pod is not None
        assert job.pod["status"]["reason"] == "Evicted"
    else:
        job.until_gone()


def test_a_pod_on_a_lost_node_is_terminating_until_the_node_is_back(start: Start, job: OneJob) -> None:
    kubelet = start(node_lost())
    job.make()
    pod = job.until_pod(lambda pod: "deletionTimestamp" in pod["metadata"], "it is deleted")
    assert holds(pod, "DisruptionTarget")
    assert job.log(pod)[0] == 500
    assert job.pod is not None
    assert not is_terminal(job.pod)
    kubelet.release()
    assert job.until_over()["reason"] == "PodFailurePolicy"
    job.until_gone()


def test_a_suspended_job_ends_its_pod_which_says_that_it_was_interrupted(start: Start, job: OneJob) -> None:
    kubelet = start(hangs())
    job.make()
    kubelet.until_running(INDEX, 1)
    job.stop()
    job.until_gone()
    until(
        lambda: holds(job.now, "Suspended") and not job.now["status"].get("terminating"),
        "nothing of it is left",
    )
    assert not job.now["status"].get("active")
    until(lambda: kubelet.writes()["removal"] == 1, "the kubelet has said once that nothing is left")


def test_a_worker_that_does_not_listen_is_killed_when_its_grace_is_over(start: Start, job: OneJob) -> None:
    kubelet = start(deaf())
    with History(job.admin, job.pods_path) as history:  # a pod that was deleted goes as soon as it has ended
        job.make(grace=1)
        kubelet.until_running(INDEX, 1)
        job.stop()
        until(lambda: any(map(is_terminal, history.versions)), "it is killed")
    pod = next(filter(is_terminal, history.versions))
    assert (terminated(pod)["exitCode"], terminated(pod).get("message")) == (137, None)


def test_an_image_that_is_missing_keeps_the_container_waiting_until_it_is_there(
    start: Start, job: OneJob
) -> None:
    kubelet = start(image_missing())
    job.make()
    pod = job.until_pod(
        lambda pod: waiting(pod).get("reason") == "ImagePullBackOff", "it waits for its image"
    )
    assert "not found" in waiting(pod)["message"]
    assert job.log(pod)[0] == 400
    kubelet.release(pod["metadata"]["name"])
    assert job.until_over()["type"] == "Complete"


def test_a_secret_that_is_really_missing_is_noticed_and_so_is_that_it_came(start: Start, job: OneJob) -> None:
    start(succeeds())
    job.make(secret=False)
    pod = job.until_pod(
        lambda pod: waiting(pod).get("reason") == "CreateContainerConfigError", "it waits for its Secret"
    )
    assert waiting(pod)["message"] == 'secret "video-ingest-store" not found'
    job.make_secret()
    assert job.until_over()["type"] == "Complete"


def test_a_pod_that_never_began_ends_when_its_job_is_stopped(start: Start, job: OneJob) -> None:
    start(image_missing())
    job.make()
    job.until_pod(lambda pod: waiting(pod).get("reason") == "ImagePullBackOff", "it waits for its image")
    job.stop()
    job.until_gone()


def test_a_script_reads_the_order_as_its_worker_would(start: Start, job: OneJob) -> None:
    start(sequence({INDEX: [fails(Reason.NO_SPEECH)]}, otherwise=killed()))
    job.make()
    assert f"exit code {FAILURES[Reason.NO_SPEECH].exit_code} " in job.until_over()["message"]
    second = OneJob(job.admin, job.namespace, number=2)
    second.make(secret=False)
    second.until_over()
    assert second.pod is not None
    assert terminated(second.pod)["exitCode"] == 137


def test_what_a_worker_prints_is_read_through_the_api_server_while_it_runs_and_afterwards(
    start: Start, job: OneJob
) -> None:
    kubelet = start(hangs())
    job.make()
    kubelet.until_running(INDEX, 1)
    assert job.pod is not None
    assert job.log(job.pod) == (200, hangs().log)
    kubelet.finish(INDEX, 1)
    job.until_over()
    assert job.log(job.pod) == (200, hangs().log)


def test_a_worker_that_runs_tells_its_progress_at_its_own_address(start: Start, job: OneJob) -> None:
    kubelet = start(hangs(percent=70))
    job.make()
    kubelet.until_running(INDEX, 1)
    address = job.until_pod(runs, "its kubelet says that it runs")["status"]["podIP"]

    async def asked() -> Mapping[RunKey, Progress]:
        async with ProgressPoller() as poller:
            return await poller.poll({(INDEX, 1): f"http://{address}:{PROGRESS_PORT}"})

    assert asyncio.run(asked())[INDEX, 1].percent == 70
    kubelet.finish(INDEX, 1)
    job.until_over()
    assert asyncio.run(asked()) == {}


def test_a_pod_waits_for_a_gpu_until_another_gives_one_back(start: Start, job: OneJob) -> None:
    kubelet = start(hangs(), gpus=1)
    second = OneJob(job.admin, job.namespace, number=2)
    job.make()
    kubelet.until_running(INDEX, 1)
    second.make(secret=False)
    pod = second.until_pod(
        lambda pod: condition(pod, "PodScheduled").get("reason") == "Unschedulable", "it waits for a GPU"
    )
    assert condition(pod, "PodScheduled")["message"].startswith(
        "0/1 nodes are available: 1 Insufficient nvidia.com/gpu."
    )
    assert "nodeName" not in pod["spec"]
    kubelet.finish(INDEX, 1)
    kubelet.until_running(INDEX, 2)
    assert kubelet.runs() == [(INDEX, 1), (INDEX, 2)]


def test_a_node_may_have_a_clock_of_its_own(start: Start, job: OneJob, namespace: str) -> None:
    start(succeeds(), clocks={f"{namespace}-1": -600.0})
    job.make()
    job.until_over()
    assert job.pod is not None
    ended, made = terminated(job.pod)["finishedAt"], job.pod["metadata"]["creationTimestamp"]
    assert -602 < from_rfc3339(ended) - from_rfc3339(made) < -300
