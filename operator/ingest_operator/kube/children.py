"""The Jobs and pods of all batches, as the watches have shown them, cut down to what a look needs."""

from collections.abc import Iterable
from typing import Final

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


def slim_job(job: Object) -> Object:
    """A Job without its template: a thousand of them must not fill the memory."""
    return {
        "metadata": _slim_metadata(job),
        "spec": {"suspend": job.get("spec", {}).get("suspend", False)},
        "status": job.get("status", {}),
    }


def slim_pod(pod: Object) -> Object:
    """A pod without what it was made from."""
    return {"metadata": _slim_metadata(pod), "spec": {"nodeName": pod.get("spec", {}).get("nodeName")}, "status": pod.get("status", {})}


def _slim_metadata(thing: Object) -> Object:
    return {field: thing["metadata"][field] for field in _METADATA if field in thing["metadata"]}
