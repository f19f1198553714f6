"""Accessors for Job and Pod objects: conditions, container states, timestamps. Pure; absent fields return
None or an empty object."""

from typing import Any, Final

from ingest_operator.core.timestamps import from_rfc3339
from ingest_operator.kube.api.names import CONTAINER
from ingest_operator.kube.api.resources import Object

_TERMINAL: Final = frozenset({"Succeeded", "Failed"})


def metadata_of(thing: Object) -> Object:
    """Its metadata."""
    return thing.get("metadata") or {}


def spec_of(thing: Object) -> Object:
    """Its spec: what is wanted."""
    return thing.get("spec") or {}


def status_of(thing: Object) -> Object:
    """Its status: what is reported."""
    return thing.get("status") or {}


def condition(thing: Object, kind: str) -> Object:
    """One of its conditions, whatever its status; empty where it has none of this type."""
    found: Object = next(
        (each for each in status_of(thing).get("conditions") or () if each.get("type") == kind), {}
    )
    return found


def holds(thing: Object, kind: str) -> bool:
    """Whether a condition is true."""
    return condition(thing, kind).get("status") == "True"


def moment(text: Any) -> float | None:
    """A timestamp of the API as epoch seconds;
    None for null, which a kubelet writes if it does not know the time."""
    return from_rfc3339(text) if isinstance(text, str) else None


def held_since(thing: Object, kind: str) -> float | None:
    """Since when a condition is true; None while it is not."""
    return moment(condition(thing, kind).get("lastTransitionTime")) if holds(thing, kind) else None


def created_at(thing: Object) -> float | None:
    """When the API server created it, by the server's clock, cut to the second."""
    return moment(metadata_of(thing).get("creationTimestamp"))


def gone_by(thing: Object) -> float | None:
    """When it should be gone, its grace period over; None where it is not being deleted."""
    return moment(metadata_of(thing).get("deletionTimestamp"))


def is_terminal(pod: Object) -> bool:
    """Whether its containers have ended and its outcome is final. A kubelet says so only when nothing can
    still run."""
    return status_of(pod).get("phase") in _TERMINAL


def containers(pod: Object) -> tuple[Object, ...]:
    """The status of each container, in the order in which they start."""
    status = status_of(pod)
    return (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ()))


def state_of(container: Object, kind: str) -> Object | None:
    """A container's state if it is of this kind: `waiting`, `running` or `terminated`."""
    state: Object | None = (container.get("state") or {}).get(kind)
    return state


def worker(pod: Object, kind: str) -> Object | None:
    """The worker's state if it is of this kind. A profile's template may add containers; only this one
    carries out the order."""
    mine = (each for each in status_of(pod).get("containerStatuses") or () if each.get("name") == CONTAINER)
    return state_of(next(mine, {}), kind)


def has_begun(pod: Object) -> bool:
    """Whether the worker's process runs, or has run."""
    return worker(pod, "running") is not None or worker(pod, "terminated") is not None


def worker_started_at(pod: Object) -> float | None:
    """When the worker's process began, by the clock of its node."""
    return moment((worker(pod, "running") or worker(pod, "terminated") or {}).get("startedAt"))


def worker_finished_at(pod: Object) -> float | None:
    """When the worker's process ended, by the clock of its node."""
    return moment((worker(pod, "terminated") or {}).get("finishedAt"))


def scheduled_at(pod: Object) -> float | None:
    """When the pod was scheduled to a node: from then on its requests are held for it. A pod that its node
    refused has fewer fields."""
    since = held_since(pod, "PodScheduled")
    return moment(status_of(pod).get("startTime")) if since is None else since


def sandbox_since(pod: Object) -> float | None:
    """Since when its network and volumes are ready. Unknown for a pod that has ended: then the condition says
    when they were taken down."""
    return held_since(pod, "PodReadyToStartContainers")
