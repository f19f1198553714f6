"""Jobs and pods as an API server 1.35, its Job controller and its kubelets write them. Times are seconds
after the Job was made.

The order of events of a plain run: made at 0, scheduled at 5, sandbox up at 8, container started at 20, ended
at 80, Job over at 82.
"""

from collections.abc import Iterable
from typing import Any

from ingest_operator.core.timestamps import to_rfc3339
from ingest_operator.kube.api.names import (
    BATCH_UID,
    CHARGED_ATTEMPTS,
    CONTAINER,
    DISRUPTIONS,
    INDEX,
    INGEST,
    MANAGED_BY,
    MANAGER,
    ROLE,
    RUN,
    RUNG,
    STOPPED,
)
from testkit.objects.builders import NOW, a_receipt

Object = dict[str, Any]

JOB = "talks-7f9c24e8-12-3"
POD = f"{JOB}-x4k2p"
RECEIPT = a_receipt().to_json()

SCHEDULED, SANDBOX, STARTED, ENDED, OVER = 5.0, 8.0, 20.0, 80.0, 82.0


def at(seconds: float) -> str:
    """A moment as the API writes it: whole seconds."""
    return to_rfc3339(NOW + int(seconds))


def a_condition(kind: str, since: float, status: str = "True", **said: str) -> Object:
    return {
        "type": kind,
        "status": status,
        "lastProbeTime": at(since),
        "lastTransitionTime": at(since),
        **said,
    }


def a_job(*conditions: Object, suspend: bool = False, stopped: bool = False, **status: Any) -> Object:
    """A live Job with one pod, or one with these conditions."""
    labels = {
        MANAGED_BY: MANAGER,
        BATCH_UID: "7f9c24e8-5d0f-4c7e-9a43-1f2f6f1f0c11",
        ROLE: INGEST,
        INDEX: "12",
        RUN: "3",
    }
    labels |= {CHARGED_ATTEMPTS: "1", RUNG: "2", DISRUPTIONS: "1"}
    metadata = {
        "name": JOB,
        "namespace": "media",
        "uid": "0c7b9d52-3f6e-4a53-8d35-0a4f4f0a8b02",
        "resourceVersion": "4711",
        "generation": 1,
        "creationTimestamp": at(0),
        "labels": labels,
        "ownerReferences": [{"uid": labels[BATCH_UID], "controller": True}],
    }
    if stopped:
        metadata["annotations"] = {STOPPED: at(30)}
    live = {"active": 1, "ready": 1, "terminating": 0, "startTime": at(0), "uncountedTerminatedPods": {}}
    over = {"active": 0, "ready": 0, "terminating": 0, "startTime": at(0), "uncountedTerminatedPods": {}}
    spec = {
        "parallelism": 1,
        "completions": 1,
        "backoffLimit": 0,
        "podReplacementPolicy": "Failed",
        "suspend": suspend,
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": spec,
        "status": (over | {"conditions": list(conditions)} if conditions else live) | status,
    }


def complete(since: float = OVER) -> Object:
    said = {"reason": "CompletionsReached", "message": "Reached expected number of succeeded pods"}
    conditions = [a_condition(kind, since, **said) for kind in ("SuccessCriteriaMet", "Complete")]
    return a_job(*conditions, succeeded=1, completionTime=at(since))


def failed(
    reason: str = "BackoffLimitExceeded",
    message: str = "Job has reached the specified backoff limit",
    **how: Any,
) -> Object:
    conditions = [
        a_condition(kind, OVER, reason=reason, message=message) for kind in ("FailureTarget", "Failed")
    ]
    return a_job(*conditions, **{"failed": 1} | how)


def failed_with(code: int, **how: Any) -> Object:
    """By a rule of the failure policy on exit codes."""
    message = (
        f"Container {CONTAINER} for pod media/{POD} failed "
        f"with exit code {code} matching FailJob rule at index 1"
    )
    return failed("PodFailurePolicy", message, **how)


def disrupted_job() -> Object:
    """By the rule of the failure policy on disruptions."""
    return failed(
        "PodFailurePolicy", f"Pod media/{POD} has condition DisruptionTarget matching FailJob rule at index 0"
    )


def suspended(*, stopped: bool = False, **status: Any) -> Object:
    """A Job that may have no pod: by our own stop, or by a queue of the cluster's."""
    said = {"reason": "JobSuspended", "message": "Job suspended"}
    return a_job(a_condition("Suspended", 31, **said), suspend=True, stopped=stopped, **status)


def waiting(reason: str = "ContainerCreating", message: str | None = None) -> Object:
    return {"waiting": {"reason": reason} | ({"message": message} if message is not None else {})}


def running() -> Object:
    return {"running": {"startedAt": at(STARTED)}}


def terminated(code: int, message: str | None = None, reason: str | None = None) -> Object:
    facts = {
        "exitCode": code,
        "reason": reason or ("Error" if code else "Completed"),
        "startedAt": at(STARTED),
        "finishedAt": at(ENDED),
    }
    return {
        "terminated": facts
        | {"containerID": "containerd://3b1f"}
        | ({"message": message} if message is not None else {})
    }


def a_container(state: Object, name: str = CONTAINER) -> Object:
    up = "running" in state
    return {
        "name": name,
        "image": "docker.io/library/video-ingest-worker:0.1.0",
        "imageID": "sha256:5d1c" if "waiting" not in state else "",
        "lastState": {},
        "ready": up,
        "started": up,
        "restartCount": 0,
        "state": state,
    }


def a_pod(
    phase: str, *containers: Object, conditions: Iterable[Object], deleted: float | None = None, **status: Any
) -> Object:
    metadata: Object = {
        "name": POD,
        "namespace": "media",
        "uid": "52a8a6a4-6b5e-4f4e-a7f4-53ad6c4f5f8c",
        "resourceVersion": "4720",
        "creationTimestamp": at(0),
        "labels": {"batch.kubernetes.io/job-name": JOB, INDEX: "12", RUN: "3"},
        "ownerReferences": [{"uid": "0c7b9d52-3f6e-4a53-8d35-0a4f4f0a8b02", "controller": True}],
    }
    if deleted is not None:
        metadata |= {"deletionTimestamp": at(deleted), "deletionGracePeriodSeconds": 30}
    facts = {"phase": phase, "conditions": list(conditions), "qosClass": "Burstable"}
    if containers:
        facts |= {
            "containerStatuses": list(containers),
            "startTime": at(SCHEDULED),
            "hostIP": "10.0.0.7",
            "podIP": "10.244.1.5",
        }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {"nodeName": "gpu-1"},
        "status": facts | status,
    }


def placed(*more: Object, sandbox: bool = True, up: bool = True) -> list[Object]:
    """The conditions of a pod that has a node."""
    return [
        a_condition("PodScheduled", SCHEDULED),
        a_condition("Initialized", SCHEDULED),
        a_condition(
            "PodReadyToStartContainers", SANDBOX if sandbox else SCHEDULED, "True" if sandbox else "False"
        ),
        a_condition("Ready", STARTED, "True" if up else "False"),
        *more,
    ]


def ended_conditions(*more: Object) -> list[Object]:
    """Of a pod that is over: its sandbox is taken down, and the condition tells when that was."""
    return [
        a_condition("PodScheduled", SCHEDULED),
        a_condition("Initialized", SCHEDULED),
        a_condition("PodReadyToStartContainers", ENDED + 1, "False"),
        a_condition("Ready", ENDED, "False", reason="PodFailed"),
        *more,
    ]


def running_pod(*others: Object, **how: Any) -> Object:
    return a_pod("Running", a_container(running()), *others, **{"conditions": placed()} | how)


def waiting_pod(
    reason: str = "ContainerCreating", message: str | None = None, *, sandbox: bool = True, **how: Any
) -> Object:
    return a_pod(
        "Pending", a_container(waiting(reason, message)), conditions=placed(sandbox=sandbox, up=False), **how
    )


def unscheduled_pod(message: str = "0/3 nodes are available: 3 Insufficient nvidia.com/gpu.") -> Object:
    pod = a_pod(
        "Pending",
        conditions=[a_condition("PodScheduled", 1, "False", reason="Unschedulable", message=message)],
    )
    return pod | {"spec": {}}


def ended_pod(code: int, message: str | None = None, reason: str | None = None, **how: Any) -> Object:
    """A pod whose worker ended by itself, or was ended."""
    phase = "Failed" if code else "Succeeded"
    return a_pod(
        phase, a_container(terminated(code, message, reason)), **{"conditions": ended_conditions()} | how
    )


def disrupted_pod(why: str, message: str, code: int = 137, receipt: str | None = None, **how: Any) -> Object:
    """A pod that the cluster took away."""
    taken = a_condition("DisruptionTarget", 70, reason=why, message=message)
    return ended_pod(code, receipt, conditions=ended_conditions(taken), **{"deleted": 75} | how)


def refused_pod(reason: str, message: str) -> Object:
    """A pod that its node did not take in: a kubelet writes nothing but this."""
    return a_pod(
        "Failed",
        conditions=[],
        reason=reason,
        message=f"Pod was rejected: {message}",
        startTime=at(SCHEDULED),
    )
