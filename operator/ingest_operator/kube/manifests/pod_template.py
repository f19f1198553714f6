"""The pod of a Job: one container that carries out one order, as a non-root user, with nothing that it does
not need. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ingest_contract.intervals import encode
from ingest_contract.order_variables import DSN_VARIABLE
from ingest_contract.pods import GpuShare, PodProfile, WorkerMemory
from ingest_operator.core.deadlines import UNKNOWN_LENGTH_SECONDS
from ingest_operator.kube.api.names import CONTAINER, FORGET, PACK, RETAIN, Owner
from ingest_operator.kube.api.resources import Object
from ingest_operator.kube.manifests.overlay import lay_over
from ingest_operator.kube.manifests.volumes import RECEIPT, Mount

NONROOT_UID: Final = 65_532
"""The user and group that the image calls `nonroot`."""

GRACE_SECONDS: Final = 30
"""Seconds between SIGTERM and SIGKILL: a worker rolls back and reports well within this time, and spot nodes
give no more."""

DEFAULT_ACCOUNT: Final = "default"
"""The service account of pods that name none."""

_HOUR_SECONDS: Final = 3600


@dataclass(frozen=True, slots=True)
class Work:
    """The differences between the pods of one batch."""

    role: str
    image: str
    variables: Sequence[Object]
    """The order, in whichever form it comes; the store's address is added."""
    resources: Object
    mounts: Sequence[Mount]
    deadline_seconds: int
    """How long the pod may run. It counts from the pod's start, so that the wait for a GPU does not count."""
    template: Mapping[str, Mapping[str, Any]]
    """The profile's template for this role, keyed by its name in the profile: it is laid over the one for
    both roles."""
    shared: Sequence[str] = ()
    """ConfigMaps whose keys are variables too. They come first, so that the others may refer to them."""
    priority_class: str | None = None


def pod_template(owner: Owner, pods: PodProfile, work: Work) -> Object:
    """The pod template, with the profile's own laid over it. Raises `OverlayError`."""
    ours = {"metadata": {"labels": owner.pod_labels(work.role)}, "spec": _spec(pods, work)}
    return lay_over(ours, {"pods.template": pods.template, **work.template})


def with_pack(template: Object, indexes: Sequence[int]) -> Object:
    """The template, with the recordings of its Job where there are several."""
    if len(indexes) == 1:
        return template
    metadata = template["metadata"]
    return template | {
        "metadata": metadata | {"annotations": {**metadata.get("annotations", {}), PACK: encode(indexes)}}
    }


def requested(cpus: int, memory_mib: int, scratch_gib: int, gpu: GpuShare | None = None) -> Object:
    """What a container requests. Memory is also a limit;
    cores are not, because throttling a decoder helps no one."""
    memory = f"{memory_mib}Mi"
    limits = {"memory": memory} | ({gpu.resource: str(gpu.count)} if gpu is not None and gpu.count else {})
    return {
        "requests": {"cpu": str(cpus), "memory": memory, "ephemeral-storage": f"{scratch_gib}Gi"},
        "limits": limits,
    }


def memory_mib(memory: WorkerMemory, media_seconds: int | None, rung: int) -> int:
    """Host memory for a recording on a rung:
    each rung doubles what was not enough, up to the profile's maximum."""
    growing = memory.mib_per_media_hour * (media_seconds or UNKNOWN_LENGTH_SECONDS)
    return min(memory.max_mib, (memory.base_mib + -(-growing // _HOUR_SECONDS)) << rung)


def _spec(pods: PodProfile, work: Work) -> Object:
    spec = {
        "restartPolicy": "Never",
        "activeDeadlineSeconds": work.deadline_seconds,
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": NONROOT_UID,
            "runAsGroup": NONROOT_UID,
            "seccompProfile": {"type": "RuntimeDefault"},
            **_group(work.mounts),
        },
        "containers": [_container(pods, work)],
        "volumes": [mount.to_volume for mount in work.mounts],
    }
    if pods.service_account != DEFAULT_ACCOUNT:
        spec["serviceAccountName"] = pods.service_account
    if pods.pull_secrets:
        spec["imagePullSecrets"] = [{"name": name} for name in pods.pull_secrets]
    if work.priority_class is not None:
        spec["priorityClassName"] = work.priority_class
    return spec


def _group(mounts: Sequence[Mount]) -> Object:
    """The group of a claim that a worker writes to: a fresh one belongs to root."""
    writes = any("persistentVolumeClaim" in each.volume and not each.read_only for each in mounts)
    return {"fsGroup": NONROOT_UID, "fsGroupChangePolicy": "OnRootMismatch"} if writes else {}


def _container(pods: PodProfile, work: Work) -> Object:
    """The worker. No port is listed:
    it can be reached anyway, and the list alone costs etcd 1.4 kB per recording."""
    shared = {"envFrom": [{"configMapRef": {"name": name}} for name in work.shared]} if work.shared else {}
    return shared | {
        "name": CONTAINER,
        "image": work.image,
        "imagePullPolicy": pods.pull_policy.value,
        "env": [*work.variables, _store(pods, work.role)],
        "resources": work.resources,
        "volumeMounts": [mount.to_mount for mount in work.mounts],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "terminationMessagePath": RECEIPT,
        "terminationMessagePolicy": "File",
    }


def _store(pods: PodProfile, role: str) -> Object:
    """The address of the store: whoever forgets may do what no worker may."""
    forgets = role in (FORGET, RETAIN)
    secret = pods.curator_store if forgets and pods.curator_store is not None else pods.store
    return {
        "name": DSN_VARIABLE,
        "valueFrom": {"secretKeyRef": {"name": secret.name, "key": secret.key}},
    }
