"""Why a pod ended, or cannot begin, as far as the cluster reports it:
as reasons of the failure table. Pure."""

import re
from dataclasses import dataclass
from typing import Final

from ingest_contract.failures import OK_EXIT, Reason
from ingest_operator.kube.api.fields import (
    condition,
    containers,
    gone_by,
    has_begun,
    holds,
    sandbox_since,
    spec_of,
    state_of,
    status_of,
    worker,
)
from ingest_operator.kube.api.names import CONTAINER
from ingest_operator.kube.api.resources import Object

DISRUPTION: Final = "DisruptionTarget"
"""The condition of a pod that the cluster took away: preempted, drained, its node short of something, shut
down or gone."""

_OWN_DISK: Final = (
    "Usage of EmptyDir volume",
    "Pod ephemeral local storage usage exceeds",
    "exceeded its local ephemeral storage limit",
)
"""How a kubelet reports an eviction for the pod's own use of disk:
a limit was reached, so it is no disruption."""

_IMAGE: Final = frozenset(
    {
        "ErrImageNeverPull", "ErrImagePull", "ImageInspectError", "ImagePullBackOff", "InvalidImageName",
        "RegistryUnavailable", "SignatureValidationFailed",
    }
)  # fmt: skip
_SETUP: Final = frozenset(
    {
        "CreateContainerConfigError", "CreateContainerError", "ImageVolumeMountFailed", "PreCreateHookError",
        "PreStartHookError", "RunContainerError",
    }
)  # fmt: skip

_NOT_STARTED: Final = frozenset({"ContainerCannotRun", "StartError"})
"""How a runtime reports that it made a container and could not start its process."""

_TAKEN: Final = {
    "PreemptionByScheduler": Reason.PREEMPTED,
    "PreemptionByKubeScheduler": Reason.PREEMPTED,
    "DeletionByTaintManager": Reason.NODE_TAINTED,
    "DeletionByPodGC": Reason.NODE_LOST,
    "TerminationByKubelet": Reason.NODE_PRESSURE,
}
"""Who took a pod away, by the reason of its condition (kubernetes `pkg/apis/core/types.go`; the second as it
was called in 1.25). The taint manager removes pods from nodes that somebody taints, and from those that are
not ready: a node that reports their ends has answered, and one that does not is lost. The garbage collector
removes pods of nodes that are gone."""

_BY_NODE: Final = {
    "Evicted": Reason.NODE_PRESSURE,
    "Preempting": Reason.PREEMPTED,
    "NodeLost": Reason.NODE_LOST,
    "Terminated": Reason.NODE_RESTARTED,
    "Shutdown": Reason.NODE_RESTARTED,
}
"""What a kubelet did to a pod that it had admitted, by the reason of the pod
(kubernetes `pkg/kubelet/eviction`, `preemption`, `nodeshutdown`).
Every other reason belongs to a pod that was not admitted."""

_UNKNOWN_EXIT: Final = 255
"""The exit code of a container that the runtime no longer knew after a restart (containerd
`internal/cri/server/restart.go`; CRI-O where its exit file is missing). No worker ends with it."""

_STATUS_UNKNOWN: Final = "ContainerStatusUnknown"
"""How a kubelet reports a container that its runtime does not know any more
(kubernetes `pkg/kubelet/kubelet_pods.go`)."""

_EXIT_CODE: Final = re.compile(rf"Container {CONTAINER} for pod \S+ failed with exit code (\d+) matching")
"""The Job controller's message about a pod that a rule on exit codes matched."""


@dataclass(frozen=True, slots=True)
class PodReason:
    """What was done to a pod, or what it waits for."""

    reason: Reason | None
    """None where there is only a message, and the exit code decides."""
    particulars: str = ""
    """The cluster's own message, where it says more than the failure table."""


def done_to(pod: Object) -> PodReason | None:
    """What was done to a pod whose worker is over. The first that holds: what the cluster wanted explains a
    kill, never the other way round."""
    said, why = status_of(pod).get("message") or "", status_of(pod).get("reason")
    if any(words in said for words in _OWN_DISK):
        return PodReason(Reason.SCRATCH_FULL, said)
    if why == "DeadlineExceeded":
        return PodReason(Reason.DEADLINE_EXCEEDED, said)
    if holds(pod, DISRUPTION):
        taken = condition(pod, DISRUPTION)
        by = taken.get("reason") or ""
        reason = _BY_NODE.get(why or "") if by == "TerminationByKubelet" else None
        return PodReason(reason or _TAKEN.get(by, Reason.EVICTED), taken.get("message") or said)
    if why:
        return PodReason(_BY_NODE.get(why, Reason.NODE_REJECTED), said)
    return _done_to_worker(worker(pod, "terminated") or {}) or _lost_by_node(pod)


def _lost_by_node(pod: Object) -> PodReason | None:
    """Containers that ended with no exit seen, which only a restart of the node explains. In a pod that was
    being deleted, the deletion explains it.

    Where the worker's own end was seen, only that counts, however the containers beside it end.
    """
    seen = worker(pod, "terminated") is not None
    for each in containers(pod):
        if seen and each.get("name") != CONTAINER:
            continue
        terminated = state_of(each, "terminated") or {}
        unknown = terminated.get("reason") == _STATUS_UNKNOWN
        if unknown and gone_by(pod) is None:
            return PodReason(Reason.NODE_RESTARTED, terminated.get("message") or "")
        if terminated.get("exitCode") == _UNKNOWN_EXIT and not terminated.get("message"):
            name = spec_of(pod).get("nodeName") or "unknown"
            return PodReason(
                Reason.NODE_RESTARTED, f"Node {name} does not know how container {each.get('name')} ended."
            )
    return None


def deleted_unseen(pod: Object) -> PodReason | None:
    """For a pod that was deleted before the end of its worker was seen: mostly it never began, and nothing is
    charged for that."""
    if (worker(pod, "terminated") or {}).get("reason") != _STATUS_UNKNOWN:
        return None
    return PodReason(
        Reason.INTERRUPTED, "The pod was deleted, and its node does not know how its process ended."
    )


def _done_to_worker(terminated: Object) -> PodReason | None:
    why, said = terminated.get("reason"), terminated.get("message") or ""
    if why == "OOMKilled":
        return PodReason(Reason.HOST_OUT_OF_MEMORY)
    if why in _NOT_STARTED:  # the runtime's message is in the place of the Receipt
        return PodReason(
            Reason.GPU_UNAVAILABLE if "nvidia" in said.lower() else Reason.POD_MISCONFIGURED, said
        )
    return None


def ended_by_another(pod: Object) -> PodReason | None:
    """Which other container ended a pod whose worker left no exit code:
    mostly an init container that failed."""
    codes = (
        (each.get("name"), (state_of(each, "terminated") or {}).get("exitCode", OK_EXIT))
        for each in containers(pod)
    )
    return next(
        (
            PodReason(None, f"Container {name} ended with exit code {code}.")
            for name, code in codes
            if code != OK_EXIT
        ),
        None,
    )


def stuck(pod: Object) -> PodReason | None:
    """Why a pod cannot begin, where the kubelet names a reason that someone outside must fix."""
    if has_begun(pod):
        return None
    for each in containers(pod):
        waiting = state_of(each, "waiting") or {}
        why, said = waiting.get("reason"), waiting.get("message")
        if why in _IMAGE | _SETUP:
            return PodReason(
                Reason.IMAGE_UNAVAILABLE if why in _IMAGE else Reason.POD_MISCONFIGURED,
                f"{why}: {said}" if said else why,
            )
    return None


def lacks_something(pod: Object) -> bool:
    """Whether a pod cannot begin because something is missing: a part of its order, or anything else that a
    kubelet needs before it makes a container."""
    cause = stuck(pod)
    return cause is not None and cause.reason is Reason.POD_MISCONFIGURED


def late(pod: Object) -> PodReason | None:
    """Why a pod that has a node has not begun in its time; None where it has, or where one of its containers
    is at work."""
    named = stuck(pod)
    if named is not None or has_begun(pod) or any(state_of(each, "running") for each in containers(pod)):
        return named  # an init container takes its time; the pod's own deadline ends it
    if "startTime" not in status_of(pod):
        return PodReason(
            Reason.NODE_LOST, f"Node {spec_of(pod).get('nodeName') or 'unknown'} never took note of the pod."
        )
    if sandbox_since(pod) is not None:
        images = [
            each["image"] for each in containers(pod) if state_of(each, "waiting") and each.get("image")
        ]
        return PodReason(Reason.IMAGE_SLOW, f"The image {images[0] if images else ''} is still being pulled.")
    return PodReason(
        Reason.POD_MISCONFIGURED,
        "The pod's volumes or network did not get ready: the events of the pod say why.",
    )


def unscheduled(pod: Object | None) -> PodReason:
    """Why no node has taken a pod that waits for one."""
    if pod is None:
        return PodReason(Reason.UNSCHEDULABLE, "No pod could be made: the events of the Job say why.")
    return PodReason(Reason.UNSCHEDULABLE, condition(pod, "PodScheduled").get("message") or "")


def failed_condition(failed: Object) -> tuple[int | None, PodReason | None]:
    """Exit code and cause of a failed Job whose pod is gone, parsed from its Failed condition, which says
    which rule of the policy matched."""
    message = failed.get("message") or ""
    if failed.get("reason") == "DeadlineExceeded":
        return None, PodReason(Reason.DEADLINE_EXCEEDED)
    if f"has condition {DISRUPTION} " in message:
        return None, PodReason(Reason.EVICTED)
    found = _EXIT_CODE.search(message)
    code = int(found[1]) if found else None
    return code, PodReason(Reason.NODE_RESTARTED) if code == _UNKNOWN_EXIT else None
