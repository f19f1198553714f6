"""The Jobs and pods of all batches, as the watches have shown them, cut down to what a look needs."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from ingest_operator.kube.api.fields import is_terminal
from ingest_operator.kube.api.names import BATCH_UID, Place
from ingest_operator.kube.api.ownership import Identity, controller_of, identity_of
from ingest_operator.kube.api.resources import Object
from ingest_operator.kube.watch.cache import Cache, version_of

LOST: Final = 16
"""Plan Jobs that are remembered of one batch when they are gone: by then the wait between two has long
stopped growing."""


@dataclass(frozen=True, slots=True)
class Lost:
    """A plan Job that was gone before its plan was frozen, and with it the log, which is all that a plan
    leaves."""

    place: Place
    at: float
    """Epoch seconds: when that was noticed."""


class Seen:
    """The Jobs and pods of all batches.

    Both are known longer than they are there. A Job that somebody deleted is, until its batch has counted how
    it ended, and a pod that has ended is as long as its Job: the Receipt stands in it and nowhere else.
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
        """Whom a pod concerns. Where its Job is not known its label says so: to look once too often does no
        harm."""
        job = self._job_of(pod)
        return _told(pod) if job is None else controller_of(job)

    def forget_job(self, job: Object) -> None:
        """The end of a Job that is gone is counted."""
        for pod in self.pods.of(identity_of(job)):
            self.pods.forget(pod)
        self.jobs.forget(job)

    def lose_plan(self, batch: Identity, lost: Lost) -> None:
        """A plan Job is gone. After a restart these are counted anew: that costs one Job."""
        self._lost[batch] = (*self.lost_plans(batch), lost)[-LOST:]

    def lost_plans(self, batch: Identity) -> tuple[Lost, ...]:
        """The plan Jobs that a batch has lost, in the order in which they went."""
        return self._lost.get(batch, ())

    def forget(self, batch: Identity) -> None:
        """A batch is gone."""
        self._lost.pop(batch, None)
        for job in self.jobs.of(batch):
            self.forget_job(job)

    def _job_of(self, pod: Object) -> Object | None:
        holder = controller_of(pod)
        key = None if holder is None else self.jobs.with_uid(holder.uid)
        return None if holder is None or key is None or key[0] != holder.namespace else self.jobs.get(key)


def whose_pod(pod: Object) -> Identity | None:
    """By what a pod is found: its Job, or, of one that has none any more, the batch that its label names."""
    return controller_of(pod) or _told(pod)


def _told(pod: Object) -> Identity | None:
    uid = (pod["metadata"].get("labels") or {}).get(BATCH_UID)
    return None if uid is None else Identity(pod["metadata"]["namespace"], uid)


def _age(pod: Object) -> tuple[str, int]:
    """What a newer pod has more of."""
    return pod["metadata"]["creationTimestamp"], version_of(pod)


_METADATA: Final = (
    "name", "namespace", "uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "labels", "annotations", "ownerReferences",
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
_CONTAINER: Final = ("name", "state")
_OWNER: Final = ("uid", "controller")

WORD: Final = 64
"""Characters of what may be a word that many objects have in common. Of ten thousand objects most of the
memory is such words."""


def slim_job(job: Object) -> Object:
    """A Job without its template: ten thousand of them must not fill the memory."""
    suspend = job.get("spec", {}).get("suspend", False)
    return _slim(job, {"suspend": suspend}, job.get("status", {}))


def slim_pod(pod: Object) -> Object:
    """A pod without what it was made from, and of its status what is looked at."""
    return _slim(
        pod,
        _picked(pod.get("spec", {}), ("nodeName", "activeDeadlineSeconds")),
        _picked(pod.get("status", {}), _OF_POD),
    )


def _slim(thing: Object, spec: Object, status: Object) -> Object:
    metadata = _each(_picked(thing["metadata"], _METADATA), "ownerReferences", _OWNER)
    status = _each(status, "conditions", _CONDITION)
    for kind in ("initContainerStatuses", "containerStatuses"):
        status = _each(status, kind, _CONTAINER)
    slim: Object = _shared({"metadata": metadata, "spec": spec, "status": status})
    return slim


def _each(thing: Object, field: str, fields: Iterable[str]) -> Object:
    """With these fields of each entry of a list, if it has that list."""
    entries = thing.get(field)
    return thing | {field: [_picked(entry, fields) for entry in entries]} if entries else thing


def _picked(thing: Object, fields: Iterable[str]) -> Object:
    return {field: thing[field] for field in fields if thing.get(field) is not None}


def _shared(value: Any) -> Any:
    """The same, with one copy of each word in all objects."""
    if isinstance(value, dict):
        return {sys.intern(key): _shared(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_shared(each) for each in value]
    return sys.intern(value) if isinstance(value, str) and len(value) <= WORD else value
