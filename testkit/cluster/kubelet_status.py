"""Pod statuses as a kubelet of Kubernetes 1.35 writes them (`pkg/kubelet/kubelet_pods.go`,
`pkg/kubelet/status/generate.go`). Pure."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

from ingest_operator.core.timestamps import to_rfc3339
from testkit.cluster.life import Exit

Object = dict[str, Any]
HOST = "127.0.0.1"


@dataclass
class StatusWriter:
    """The statuses of one pod, each a whole one: conditions remember since when they hold."""

    pod: Object
    address: str
    """The pod's own address."""
    begun: float
    """When the node took the pod."""
    started: float | None = None
    """When its containers began."""
    _held: dict[str, tuple[str, float]] = field(default_factory=dict)
    """Condition to its status and since when."""

    def waiting(
        self, at: float, reason: str = "ContainerCreating", message: str = "", *, sandbox: bool = False
    ) -> Object:
        """The container is not made yet, or cannot be. The sandbox and its network stand before an image is
        pulled."""
        state = {"waiting": {"reason": reason} | ({"message": message} if message else {})}
        return self._status(at, "Pending", state, sandbox=sandbox, unready="ContainersNotReady")

    def running(self, at: float) -> Object:
        """The containers run."""
        self.started = at
        return self._status(at, "Running", {"running": {"startedAt": as_second(at)}}, sandbox=True)

    def ended(self, at: float, end: Exit) -> Object:
        """The containers ran and do not any more."""
        self.started = at if self.started is None else self.started
        succeeded = end.code == 0
        terminated = {
            "exitCode": end.code,
            "reason": end.reason or ("Completed" if succeeded else "Error"),
            "startedAt": as_second(self.started),
            "finishedAt": as_second(at),
            "containerID": self._container_id(),
        }
        if end.message:
            terminated["message"] = end.message
        unready = "PodCompleted" if succeeded else "PodFailed"
        return _of_pod(self._status(at, _phase(end), {"terminated": terminated}, unready=unready), at, end)

    def never_ran(self, at: float, end: Exit) -> Object:
        """The pod was ended before its container was made (`status_manager.TerminatePod`)."""
        message = "The container could not be located when the pod was terminated"
        unknown = {
            "exitCode": 137,
            "reason": "ContainerStatusUnknown",
            "message": message,
            "startedAt": None,
            "finishedAt": None,
        }
        return _of_pod(self._status(at, "Failed", {"terminated": unknown}, unready="PodFailed"), at, end)

    def _status(
        self, at: float, phase: str, state: Object, *, sandbox: bool = False, unready: str = ""
    ) -> Object:
        began = self.started is not None
        message = (
            f"containers with unready status: [{self._container['name']}]"
            if unready == "ContainersNotReady"
            else ""
        )
        why = {"reason": unready, "message": message} if unready else {}
        conditions = [
            self._condition(at, "PodReadyToStartContainers", holds=sandbox),
            self._condition(
                at, "Initialized", holds=True, **({"reason": unready} if unready == "PodCompleted" else {})
            ),
            self._condition(at, "Ready", holds=not unready, **why),
            self._condition(at, "ContainersReady", holds=not unready, **why),
        ]
        return {
            "phase": phase,
            "observedGeneration": self.pod["metadata"].get("generation", 1),
            "conditions": conditions,
            "hostIP": HOST,
            "hostIPs": [{"ip": HOST}],
            "startTime": as_second(self.begun),
            "qosClass": self.pod["status"].get("qosClass", "BestEffort"),
            "containerStatuses": [self._of_container(state, began=began, running="running" in state)],
        } | ({"podIP": self.address, "podIPs": [{"ip": self.address}]} if sandbox or began else {})

    def _condition(self, at: float, kind: str, *, holds: bool, **why: str) -> Object:
        status = str(holds)
        held, since = self._held.get(kind, ("", at))
        self._held[kind] = (status, since if held == status else at)
        generation = self.pod["metadata"].get("generation", 1)
        head = {
            "type": kind,
            "status": status,
            "lastTransitionTime": as_second(self._held[kind][1]),
            "lastProbeTime": None,
        }
        return head | {
            "observedGeneration": generation,
            "reason": why.get("reason") or None,
            "message": why.get("message") or None,
        }

    def _of_container(self, state: Object, *, began: bool, running: bool) -> Object:
        container = self._container
        resources = container.get("resources", {})
        shown = {
            "name": container["name"],
            "image": container["image"],
            "imageID": f"{container['image'].split(':')[0]}@sha256:{_digest(container['image'])}"
            if began
            else "",
            "ready": running,
            "started": running,
            "restartCount": 0,
            "state": state,
            "lastState": {},
            "volumeMounts": [_mounted(mount) for mount in container.get("volumeMounts", ())],
        }
        if began:
            shown["containerID"] = self._container_id()
        if began and resources:
            shown |= {"resources": resources, "allocatedResources": resources.get("requests", {})}
        return shown

    @property
    def _container(self) -> Object:
        found: Object = self.pod["spec"]["containers"][0]
        return found

    def _container_id(self) -> str:
        return f"containerd://{_digest(self.pod['metadata']['uid'])}"


def disruption(at: float, reason: str, message: str) -> Object:
    """The condition of a pod that the cluster takes away."""
    return {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": reason,
        "message": message,
        "lastTransitionTime": as_second(at),
    }


def unschedulable(at: float, message: str) -> Object:
    """The condition of a pod that no node takes."""
    return {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": message,
        "lastTransitionTime": as_second(at),
    }


def as_second(at: float) -> str:
    """Kubernetes writes whole seconds."""
    return to_rfc3339(int(at))


def _phase(end: Exit) -> str:
    """A pod that was evicted or ran past its deadline has failed, whatever its container says."""
    return "Succeeded" if end.code == 0 and not end.pod_reason else "Failed"


def _of_pod(status: Object, at: float, end: Exit) -> Object:
    """With what was done to the pod as a whole."""
    if end.disrupted:
        status["conditions"].append(disruption(at, end.disrupted, end.pod_message))
    return status | ({"reason": end.pod_reason, "message": end.pod_message} if end.pod_reason else {})


def _mounted(mount: Object) -> Object:
    """What the container statuses of 1.31 and later say of a mount."""
    shown = {key: mount[key] for key in ("name", "mountPath", "readOnly") if key in mount}
    return shown | ({"recursiveReadOnly": "Disabled"} if mount.get("readOnly") else {})


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
