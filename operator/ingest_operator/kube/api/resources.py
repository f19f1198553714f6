"""The kinds of objects that the operator reads and writes, and where the API server serves them. Pure."""

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from ingest_contract.names import BATCH_KIND, GROUP, PROFILE_KIND, SCHEDULE_KIND, SPEAKER_KIND, VERSION

Object = dict[str, Any]
"""A Kubernetes object as JSON."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of objects."""

    group: str
    """Empty for the core group."""
    version: str
    plural: str
    kind: str

    @property
    def api_version(self) -> str:
        """The `apiVersion` field of an object."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None, name: str | None = None, subresource: str | None = None) -> str:
        """The path of one object, or of all in a namespace, or in every namespace. Raises `ValueError` for
        what cannot be a name."""
        root = ["apis", self.group, self.version] if self.group else ["api", self.version]
        scope = [] if namespace is None else ["namespaces", namespace]
        object_ = [part for part in (name, subresource) if part is not None]
        return "/" + "/".join(map(_segment, (*root, *scope, self.plural, *object_)))


def _segment(text: str) -> str:
    """One segment of a path: an empty name would mean every object,
    and dots or a slash an object of someone else."""
    if text in {"", ".", ".."} or "/" in text or "%" in text:
        raise ValueError(f"{text!r} is no name of an object")
    return quote(text, safe="")


JOBS: Final = Resource("batch", "v1", "jobs", "Job")
PODS: Final = Resource("", "v1", "pods", "Pod")
CONFIG_MAPS: Final = Resource("", "v1", "configmaps", "ConfigMap")
EVENTS: Final = Resource("events.k8s.io", "v1", "events", "Event")
BATCHES: Final = Resource(GROUP, VERSION, "ingestbatches", BATCH_KIND)
PROFILES: Final = Resource(GROUP, VERSION, "ingestprofiles", PROFILE_KIND)
CLAIMS: Final = Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim")
SERVICE_ACCOUNTS: Final = Resource("", "v1", "serviceaccounts", "ServiceAccount")
PRIORITY_CLASSES: Final = Resource("scheduling.k8s.io", "v1", "priorityclasses", "PriorityClass")
RUNTIME_CLASSES: Final = Resource("node.k8s.io", "v1", "runtimeclasses", "RuntimeClass")
WORKLOADS: Final = tuple(
    Resource("kueue.x-k8s.io", version, "workloads", "Workload") for version in ("v1beta2", "v1beta1")
)
"""Kueue's record of each Job in a queue, by the versions that serve it, the newer first."""
LOCAL_QUEUES: Final = tuple(
    Resource("kueue.x-k8s.io", version, "localqueues", "LocalQueue") for version in ("v1beta2", "v1beta1")
)
"""Kueue's queues of a namespace."""
WORKLOAD_PRIORITY_CLASSES: Final = tuple(
    Resource("kueue.x-k8s.io", version, "workloadpriorityclasses", "WorkloadPriorityClass")
    for version in ("v1beta2", "v1beta1")
)
"""Kueue's priorities, of the whole cluster."""
CLUSTER_KINDS: Final = frozenset(
    {each.kind for each in (PRIORITY_CLASSES, RUNTIME_CLASSES, *WORKLOAD_PRIORITY_CLASSES)}
)
"""Kinds that belong to no namespace."""
SCHEDULES: Final = Resource(GROUP, VERSION, "ingestschedules", SCHEDULE_KIND)
SPEAKERS: Final = Resource(GROUP, VERSION, "speakerprofiles", SPEAKER_KIND)
