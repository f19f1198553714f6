"""What the watches have shown, as a dictionary: the newest version of each object, cut down to what a look needs.

A watch misses deletions while it is broken (kopf lists again after `410 Gone` and tells nothing of what has vanished), so a list replaces
what the watch has gathered, now and then. Answers to our own writes go in at once: an object that we made is never unknown to us.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from ingest_operator.kube.names import BATCH_UID
from ingest_operator.kube.resources import Object

Key = tuple[str, str]
"""(namespace, name)."""

TOMBSTONES: Final = 4096
"""Deleted objects that are remembered, so that a late answer to a write of ours does not bring one back."""


def key_of(thing: Object) -> Key:
    """Where an object is."""
    return thing["metadata"]["namespace"], thing["metadata"]["name"]


def version_of(thing: Object) -> int:
    """Its resource version. Compared as a number, as every API server backed by etcd makes them (declared by KEP-5504)."""
    return int(thing["metadata"]["resourceVersion"])


class Cache:
    """The newest known version of every object of one kind."""

    def __init__(self, slim: Callable[[Object], Object] = lambda thing: thing) -> None:
        self._slim = slim
        self._objects: dict[Key, Object] = {}
        self._of_batch: defaultdict[str, dict[Key, Object]] = defaultdict(dict)
        self._where: dict[str, Key] = {}
        self._gone: OrderedDict[str, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._objects)

    def get(self, key: Key) -> Object | None:
        """One object."""
        return self._objects.get(key)

    @property
    def known(self) -> tuple[Key, ...]:
        """Where the known objects are."""
        return tuple(self._objects)

    def with_uid(self, uid: str | None) -> Key | None:
        """Where the object with a uid is."""
        return self._where.get(uid or "")

    def of_batch(self, uid: str) -> tuple[Object, ...]:
        """The objects that carry a batch's uid."""
        return tuple(self._of_batch.get(uid, {}).values())

    def offer(self, thing: Object) -> bool:
        """Take an object if it is news; whether it was."""
        key, uid = key_of(thing), thing["metadata"]["uid"]
        known = self._objects.get(key)
        if uid in self._gone or (known is not None and version_of(known) >= version_of(thing)):
            return False
        if known is not None:
            self._remove(key)
        slim = self._objects[key] = self._slim(thing)
        self._where[uid] = key
        if (batch := _batch_of(slim)) is not None:
            self._of_batch[batch][key] = slim
        return True

    def drop(self, thing: Object) -> None:
        """Forget an object that was deleted, unless another one has its name by now."""
        key, uid = key_of(thing), thing["metadata"]["uid"]
        self._gone[uid] = None
        if len(self._gone) > TOMBSTONES:
            self._gone.popitem(last=False)
        known = self._objects.get(key)
        if known is not None and known["metadata"]["uid"] == uid:
            self._remove(key)

    def replace(self, listed: Iterable[Object], version: str, namespace: str | None) -> tuple[Object, ...]:
        """Take a list as the truth of its moment; what it changed. Objects that are newer than the list stay."""
        news = [thing for thing in listed if self.offer(thing)]
        present = {key_of(thing) for thing in listed}
        gone = [
            thing
            for key, thing in self._objects.items()
            if key not in present and namespace in (None, key[0]) and version_of(thing) <= int(version)
        ]
        for thing in gone:
            self.drop(thing)
        return (*news, *gone)

    def _remove(self, key: Key) -> None:
        thing = self._objects.pop(key)
        del self._where[thing["metadata"]["uid"]]
        batch = _batch_of(thing)
        if batch is not None:
            self._of_batch[batch].pop(key, None)
            if not self._of_batch[batch]:
                del self._of_batch[batch]


def _batch_of(thing: Object) -> str | None:
    labels: Mapping[str, str] = thing["metadata"].get("labels") or {}
    return labels.get(BATCH_UID)


def pods_by_job(pods: Iterable[Object]) -> dict[str, Object]:
    """The newest pod of each Job, by the Job's name."""
    mine = [pod for pod in pods if JOB_NAME in (pod["metadata"].get("labels") or {})]
    ordered = sorted(mine, key=lambda pod: (pod["metadata"]["creationTimestamp"], version_of(pod)))
    return {pod["metadata"]["labels"][JOB_NAME]: pod for pod in ordered}


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
