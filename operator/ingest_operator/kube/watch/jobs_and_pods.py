"""The Jobs and pods of all batches, as the watches have shown them, reduced to what a reconcile needs."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from ingest_operator.kube.api.fields import is_terminal
from ingest_operator.kube.api.names import BATCH_UID, CONTAINER, FETCH, PACK, ROLE, Place
from ingest_operator.kube.api.ownership import Identity, controller_of, identity_of
from ingest_operator.kube.api.resources import Object
from ingest_operator.kube.watch.cache import Cache, version_of

LOST_JOBS: Final = 16
"""Lost plan Jobs that are remembered per batch: by then the wait between two has long stopped growing."""


@dataclass(frozen=True, slots=True)
class Lost:
    """A plan Job that was gone before its plan was frozen.
    Its log, the only copy of the plan, is gone with it."""

    place: Place
    at: float
    """Epoch seconds: when that was noticed."""


class JobsAndPods:
    """The Jobs and pods of all batches.

    Both stay known after they are gone: a Job that someone deleted, until its batch has counted how it ended,
    and a pod that has ended, as long as its Job: only the pod has the Receipt.
    """

    def __init__(self) -> None:
        self.jobs = Cache(slim_job, outlives=lambda job: controller_of(job) is not None)
        self._lost: dict[Identity, tuple[Lost, ...]] = {}
        self.pods = Cache(
            slim_pod, whose_pod, outlives=lambda pod: is_terminal(pod) and self._job_of(pod) is not None
        )

    def pods_of(self, batch: Identity) -> dict[str, Object]:
        """The newest pod of each Job of a batch, by the Job's name."""
        found = ((job, self.pods.of(identity_of(job))) for job in self.jobs.of(batch))
        return {job["metadata"]["name"]: max(pods, key=_age) for job, pods in found if pods}

    def batch_of(self, pod: Object) -> Identity | None:
        """The batch that a pod concerns. If its Job is not known, its label says so: one reconcile too many
        does no harm."""
        job = self._job_of(pod)
        return _batch_of(pod) if job is None else controller_of(job)

    def take_created(self, job: Object) -> None:
        """Take the API server's answer to the creation of a Job. A policy may have removed the label by which
        it would be watched."""
        if BATCH_UID in (job["metadata"].get("labels") or {}):
            self.jobs.offer(job)
        else:
            self.jobs.accept(job)

    def forget_job(self, job: Object) -> None:
        """Forget a deleted Job and its pods once its end is counted."""
        for pod in self.pods.of(identity_of(job)):
            self.pods.forget(pod)
        self.jobs.forget(job)

    def lose_plan(self, batch: Identity, lost: Lost) -> None:
        """Remember that a plan Job is gone. After a restart the count starts again: that costs one Job."""
        self._lost[batch] = (*self.lost_plans(batch), lost)[-LOST_JOBS:]

    def lost_plans(self, batch: Identity) -> tuple[Lost, ...]:
        """The plan Jobs that a batch has lost, in the order in which they were lost."""
        return self._lost.get(batch, ())

    def forget(self, batch: Identity) -> None:
        """Forget all of a batch that is gone."""
        self._lost.pop(batch, None)
        for job in self.jobs.of(batch):
            self.forget_job(job)

    def _job_of(self, pod: Object) -> Object | None:
        holder = controller_of(pod)
        key = None if holder is None else self.jobs.with_uid(holder.uid)
        return None if holder is None or key is None or key[0] != holder.namespace else self.jobs.get(key)


def whose_pod(pod: Object) -> Identity | None:
    """The owner by which a pod is found:
    its Job or, if it has none any more, the batch that its label names."""
    return controller_of(pod) or _batch_of(pod)


def _batch_of(pod: Object) -> Identity | None:
    uid = (pod["metadata"].get("labels") or {}).get(BATCH_UID)
    return None if uid is None else Identity(pod["metadata"]["namespace"], uid)


def _age(pod: Object) -> tuple[str, int]:
    """Sort key: newer pods compare greater."""
    return pod["metadata"]["creationTimestamp"], version_of(pod)


_METADATA: Final = (
    "name", "namespace", "uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "labels",
    "annotations", "ownerReferences",
)  # fmt: skip
_OF_POD: Final = (
    "phase",
    "reason",
    "message",
    "startTime",
    "podIP",
    "conditions",
    "initContainerStatuses",
    "containerStatuses",
)
_CONDITION: Final = ("type", "status", "reason", "message", "lastTransitionTime")
_CONTAINER: Final = ("name", "image", "state")
_OWNER: Final = ("uid", "controller")

WORD_CHARACTERS: Final = 64
"""Characters of the longest string that is interned: many objects share such words, and they are most of the
memory of ten thousand objects."""


def slim_job(job: Object) -> Object:
    """A Job without its template, of which only stays that it fetches, or that it has several recordings, and
    which ConfigMaps it reads: ten thousand of them must not fill the memory. A slim Job stays as it is."""
    spec = job.get("spec", {})
    template = (spec.get("template") or {}).get("metadata") or {}
    labels = template.get("labels") or {}
    role = {"role": FETCH} if FETCH in (labels.get(ROLE), spec.get("role")) else {}
    packed = (template.get("annotations") or {}).get(PACK) or spec.get("pack")
    pack = {"pack": packed} if packed else {}
    maps = _config_maps((spec.get("template") or {}).get("spec") or {}) or _picked(spec, ("configMaps",))
    kept = {"suspend": spec.get("suspend", False)} | role | pack | maps
    return _slim(job, kept, job.get("status", {}))


def slim_pod(pod: Object) -> Object:
    """A pod with only those fields of its spec and status that are read."""
    spec = pod.get("spec", {})
    return _slim(
        pod,
        _picked(spec, ("nodeName", "activeDeadlineSeconds")) | _config_maps(spec) | _devices(spec),
        _picked(pod.get("status", {}), _OF_POD),
    )


def _config_maps(spec: Object) -> Object:
    """The ConfigMaps whose keys are variables of the worker:
    one is the order that its Job was written with."""
    named = (each for each in spec.get("containers") or () if each.get("name") == CONTAINER)
    sources = (each.get("configMapRef") or {} for one in named for each in one.get("envFrom") or ())
    names = [each["name"] for each in sources if "name" in each]
    return {"configMaps": names} if names else {}


def _devices(spec: Object) -> Object:
    """The extended resources that the worker has, such as GPUs: a profile may have changed since."""
    mine = (each for each in spec.get("containers") or () if each.get("name") == CONTAINER)
    limits = ((each.get("resources") or {}).get("limits") or {} for each in mine)
    # the names of all others have no prefix (kubernetes `pkg/apis/core/helper`, `IsExtendedResourceName`)
    devices = {name: count for each in limits for name, count in each.items() if "/" in name}
    return {"devices": devices} if devices else {}


def _slim(thing: Object, spec: Object, status: Object) -> Object:
    metadata = _each(_picked(thing["metadata"], _METADATA), "ownerReferences", _OWNER)
    status = _each(status, "conditions", _CONDITION)
    for kind in ("initContainerStatuses", "containerStatuses"):
        status = _each(status, kind, _CONTAINER)
    slim: Object = _shared({"metadata": metadata, "spec": spec, "status": status})
    return slim


def _each(thing: Object, field: str, fields: Iterable[str]) -> Object:
    """The object with only these fields in each entry of a list, if it has that list."""
    entries = thing.get(field)
    return thing | {field: [_picked(entry, fields) for entry in entries]} if entries else thing


def _picked(thing: Object, fields: Iterable[str]) -> Object:
    return {field: thing[field] for field in fields if thing.get(field) is not None}


def _shared(value: Any) -> Any:
    """The same value, with one copy of each word in all objects."""
    if isinstance(value, dict):
        return {sys.intern(key): _shared(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_shared(each) for each in value]
    return sys.intern(value) if isinstance(value, str) and len(value) <= WORD_CHARACTERS else value
