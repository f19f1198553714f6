"""What stands in a pod, or in a Job: its conditions, its containers, its moments. Pure; whatever may be
missing is told as missing."""

from typing import Any, Final

from ingest_operator.core.timestamps import as_seconds
from ingest_operator.kube.api.names import CONTAINER
from ingest_operator.kube.api.resources import Object

_TERMINAL: Final = frozenset({"Succeeded", "Failed"})


def metadata_of(thing: Object) -> Object:
    """Its metadata."""
    return thing.get("metadata") or {}


def spec_of(thing: Object) -> Object:
    """What is wanted of it."""
    return thing.get("spec") or {}


def status_of(thing: Object) -> Object:
    """What is reported of it."""
    return thing.get("status") or {}


def condition(thing: Object, kind: str) -> Object:
    """One of its conditions, whatever its status; empty where it has none of this type."""
    found: Object = next(
        (each for each in status_of(thing).get("conditions") or () if each.get("type") == kind), {}
    )
    return found


def holds(thing: Object, kind: str) -> bool:
    """Whether a condition is true of it."""
    return condition(thing, kind).get("status") == "True"


def moment(text: Any) -> float | None:
    """A time of the API as epoch seconds. A kubelet that does not know one writes null."""
    return as_seconds(text) if isinstance(text, str) else None


def held_since(thing: Object, kind: str) -> float | None:
    """Since when a condition is true of it; None while it is not."""
    return moment(condition(thing, kind).get("lastTransitionTime")) if holds(thing, kind) else None


def created_at(thing: Object) -> float | None:
    """When the API server took it in, by its clock, cut to the second."""
    return moment(metadata_of(thing).get("creationTimestamp"))


def gone_by(thing: Object) -> float | None:
    """When it should be gone, its grace period over; None where nobody wants it gone."""
    return moment(metadata_of(thing).get("deletionTimestamp"))


def is_terminal(pod: Object) -> bool:
    """Whether its containers have ended and its outcome is final. A kubelet says so no earlier: not while
    anything may still run."""
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
    """Whether the worker's process runs, or ran."""
    return worker(pod, "running") is not None or worker(pod, "terminated") is not None


def worker_started_at(pod: Object) -> float | None:
    """When the worker's process began, by its node's clock."""
    return moment((worker(pod, "running") or worker(pod, "terminated") or {}).get("startedAt"))


def worker_finished_at(pod: Object) -> float | None:
    """When the worker's process ended, by its node's clock."""
    return moment((worker(pod, "terminated") or {}).get("finishedAt"))


def scheduled_at(pod: Object) -> float | None:
    """When a node was found for it: from then on what it asks for is held for it. A pod that its node refused
    keeps less."""
    since = held_since(pod, "PodScheduled")
    return moment(status_of(pod).get("startTime")) if since is None else since


def sandbox_since(pod: Object) -> float | None:
    """Since when its network and volumes stand. Not known of one that has ended: the condition tells then
    when they were taken down."""
    return held_since(pod, "PodReadyToStartContainers")
