"""The Jobs and pods of all batches, as the watches have shown them, cut down to what a look needs."""

import sys
from collections.abc import Iterable
from typing import Any, Final

from ingest_operator.kube.caches import Cache, version_of
from ingest_operator.kube.pods import is_terminal
from ingest_operator.kube.resources import Object


class Seen:
    """The Jobs and pods of all batches.

    A pod that has ended is known as long as its Job is, though it was deleted: the Receipt stands in it and nowhere else.
    """

    def __init__(self) -> None:
        self.jobs, self.pods = Cache(slim_job), Cache(slim_pod, outlives=is_terminal)

    def pods_of(self, uid: str) -> dict[str, Object]:
        """The newest pod of each Job of a batch, by the Job's name."""
        jobs = {job["metadata"]["name"] for job in self.jobs.of(uid)}
        for pod in self.pods.of(uid):
            if (pod["metadata"].get("labels") or {}).get(JOB_NAME) not in jobs:
                self.pods.forget(pod)
        return pods_by_job(self.pods.of(uid))

    def forget(self, uid: str) -> None:
        """A batch is gone."""
        for pod in self.pods.of(uid):
            self.pods.forget(pod)


def pods_by_job(pods: Iterable[Object]) -> dict[str, Object]:
    """The newest pod of each Job, by the Job's name."""
    newest: dict[str, Object] = {}
    for pod in pods:
        name = (pod["metadata"].get("labels") or {}).get(JOB_NAME)
        if name is not None and (name not in newest or _age(pod) > _age(newest[name])):
            newest[name] = pod
    return newest


def _age(pod: Object) -> tuple[str, int]:
    """What a newer pod has more of."""
    return pod["metadata"]["creationTimestamp"], version_of(pod)


JOB_NAME: Final = "batch.kubernetes.io/job-name"
"""The label by which the Job controller says whose a pod is."""

_METADATA: Final = (
    "name", "namespace", "uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "labels", "annotations", "ownerReferences",
)  # fmt: skip
_OF_POD: Final = ("phase", "reason", "message", "startTime", "podIP", "conditions", "initContainerStatuses", "containerStatuses")
_CONDITION: Final = ("type", "status", "reason", "message", "lastTransitionTime")
_CONTAINER: Final = ("name", "state")
_OWNER: Final = ("uid",)

WORD: Final = 64
"""Characters of what may be a word that many objects have in common. Of ten thousand objects most of the memory is such words."""


def slim_job(job: Object) -> Object:
    """A Job without its template: ten thousand of them must not fill the memory."""
    suspend = job.get("spec", {}).get("suspend", False)
    return _slim(job, {"suspend": suspend}, job.get("status", {}))


def slim_pod(pod: Object) -> Object:
    """A pod without what it was made from, and of its status what is looked at."""
    return _slim(pod, {"nodeName": pod.get("spec", {}).get("nodeName")}, _picked(pod.get("status", {}), _OF_POD))


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
