"""The pods of a profile in a cluster: image, store, models, GPUs, memory, deadlines. Read by the operator
only.

On a workstation the same profile runs without them: processes have no images and no volumes.
"""

from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from ingest_contract.base import AbsolutePath, ContractModel, ObjectName, Seconds, cel
from ingest_contract.cache_volume import CacheVolume
from ingest_contract.cuda_cache import CudaCache
from ingest_contract.pack import MAX_PACK_RECORDINGS
from ingest_contract.pack_short import PackShort

ImageName = Annotated[str, StringConstraints(min_length=1, max_length=512, pattern=r"^[^\s]+$")]
"""An image, preferably by digest."""

KeyName = Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")]
"""A key of a Secret or ConfigMap."""


class PullPolicy(StrEnum):
    """When a node pulls the image."""

    ALWAYS = "Always"
    IF_NOT_PRESENT = "IfNotPresent"
    NEVER = "Never"


class StoreSecret(ContractModel):
    """Where the store's address is. Only the pods read it, never the operator."""

    name: ObjectName = "video-ingest-store"
    """A Secret in the batch's namespace."""

    key: KeyName = "dsn"
    """The key in it that holds a libpq connection string or URL."""


_ONE_PLACE = "[has(self.claimName), has(self.hostPath), has(self.image)].filter(x, x).size() <= 1"


class ModelVolume(
    ContractModel,
    json_schema_extra=cel((_ONE_PLACE, "at most one of claimName, hostPath and image may be set")),
):
    """Where the locked model sets are: at most one of the three;
    none means the claim `video-ingest-models`."""

    claim_name: ObjectName | None = None
    """A PersistentVolumeClaim in the batch's namespace, mounted read-only."""

    host_path: AbsolutePath | None = None
    """A folder on the node."""

    image: ImageName | None = None
    """An image that holds them (image volumes: Kubernetes 1.36 and later, or its feature gate)."""

    @model_validator(mode="after")
    def _at_most_one(self) -> Self:
        """The same rule as the CEL one, for people without a cluster."""
        if sum(each is not None for each in (self.claim_name, self.host_path, self.image)) > 1:
            raise ValueError("at most one of claimName, hostPath and image may be set")
        return self


class GpuShare(ContractModel):
    """The GPU that a worker requests from the scheduler."""

    resource: Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=r"^[a-z0-9./-]+$")] = (
        "nvidia.com/gpu"
    )
    """The extended resource: a whole GPU, a MIG slice (`nvidia.com/mig-1g.10gb`) or a shared one."""

    count: Annotated[int, Field(ge=0, le=16)] = 1
    """How many. 0 runs the models on the CPU, unless a template gives the worker devices by
    `resources.claims`."""


class WorkerMemory(ContractModel):
    """Host memory of a worker: a base plus an amount per hour of media,
    doubled with each rung of the memory ladder."""

    base_mib: Annotated[int, Field(ge=64, le=4_194_304)] = 8192
    """For models and libraries."""

    mib_per_media_hour: Annotated[int, Field(ge=0, le=1_048_576)] = 1024
    """For what grows with the recording."""

    max_mib: Annotated[int, Field(ge=64, le=4_194_304)] = 65_536
    """Where doubling stops."""


_OPEN: dict[str, Any] = {"x-kubernetes-preserve-unknown-fields": True}
_UNPROJECTED = (
    "!has(self.spec) || !has(self.spec.volumes) || self.spec.volumes.all(volume, !has(volume.projected) || "
    "!has(volume.projected.sources) || "
    "volume.projected.sources.all(source, !has(source.serviceAccountToken)))"
)
_PROJECTED = "no volume may project a service account's token: a pod of ours has none"


def _object(**properties: Any) -> dict[str, Any]:
    """The form that an API server keeps: it drops empty properties, and the chart compares its definition
    with the cluster's."""
    return {"type": "object"} | ({"properties": properties} if properties else {}) | _OPEN


def _list_of(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "maxItems": 64, "items": items, "x-kubernetes-list-type": "atomic"}


_SOURCES = _list_of(_object(serviceAccountToken=_object()))
_VOLUMES = _list_of(_object(projected=_object(sources=_SOURCES)))
_TEMPLATE = _object(spec=_object(volumes=_VOLUMES)) | cel((_UNPROJECTED, _PROJECTED))


def _without_token(template: dict[str, Any]) -> dict[str, Any]:
    """The same rule as the CEL one, for people without a cluster. Other shapes are refused where the template
    is merged over ours."""
    volumes = _entries(_field(_field(template, "spec"), "volumes"))
    sources = [
        each for volume in volumes for each in _entries(_field(_field(volume, "projected"), "sources"))
    ]
    if any(_field(each, "serviceAccountToken") is not None for each in sources):
        raise ValueError(f"spec.volumes: {_PROJECTED}")
    return template


def _field(thing: Any, name: str) -> Any:
    return thing.get(name) if isinstance(thing, dict) else None


def _entries(thing: Any) -> list[Any]:
    return thing if isinstance(thing, list) else []


Template = Annotated[dict[str, Any], Field(json_schema_extra=_TEMPLATE), AfterValidator(_without_token)]
"""A partial pod template. Its fields are Kubernetes' own and depend on the cluster's version: the operator
reports what is wrong."""


class RelabelMemory(WorkerMemory):
    """Host memory of a pod in which nothing is heard: a base plus an amount per hour of media, doubled with
    each rung of the memory ladder."""

    base_mib: Annotated[int, Field(ge=64, le=4_194_304)] = 4096
    """For the text model and libraries."""

    mib_per_media_hour: Annotated[int, Field(ge=0, le=1_048_576)] = 256
    """For what grows with the recording."""

    max_mib: Annotated[int, Field(ge=64, le=4_194_304)] = 16_384
    """Where doubling stops."""


class RelabelPods(ContractModel):
    """The pods of batches whose recordings are in the store: they ask for no GPU, fetch nothing, and reach
    the store alone."""

    cpus: Annotated[int, Field(ge=1, le=256)] = 2
    """Cores of a pod: its request, and its threads unless `runtime.threads` says otherwise."""

    memory: RelabelMemory = RelabelMemory()
    """Host memory of a pod."""

    recordings: Annotated[int, Field(ge=1, le=MAX_PACK_RECORDINGS)] = MAX_PACK_RECORDINGS
    """Recordings of one Job, at most. Each has a process of its own."""

    template: Template = Field(default_factory=dict)
    """A partial pod template for these pods only, merged over `pods.template`; `pods.workerTemplate` is not
    for them."""


class PodProfile(ContractModel):
    """The pods in a cluster."""

    image: ImageName = "video-ingest-worker:0.1.0"
    """The worker's image."""

    plan_image: ImageName | None = None
    """The image of plan and fetch Jobs, which need no engine. Omitted: the worker's image."""

    pull_policy: PullPolicy = PullPolicy.IF_NOT_PRESENT
    """When a node pulls the image."""

    pull_secrets: Annotated[tuple[ObjectName, ...], Field(max_length=8)] = ()
    """Secrets for the image registry."""

    service_account: ObjectName = "default"
    """The ServiceAccount of the pods. No token of it is mounted, whatever its rights, and a template that
    projects one is refused."""

    store: StoreSecret = StoreSecret()
    """Where the store's address is."""

    curator_store: StoreSecret | None = None
    """Where the store's address for a member of `ingest_curator` is, which workers are not: for Jobs that
    forget a deleted SpeakerProfile, or what is older than `retention` keeps. Omitted: `store`, which suffices
    where that is the owner's."""

    models: ModelVolume = ModelVolume()
    """Where the models are."""

    cache: CacheVolume | None = None
    """Where fetched audio waits for its ingest Job, which then holds no GPU while something downloads."""

    gpu: GpuShare = GpuShare()
    """The GPU that a worker requests from the scheduler."""

    cuda_cache: CudaCache | None = None
    """Where CUDA keeps what it compiled for the GPU. CTranslate2 has machine code for compute capability 8.9
    and older: on newer GPUs (H100, B200, RTX 50xx) each pod compiles at its first use, unless an earlier one
    left the result here. Whoever may write there chooses what later pods run on the GPU."""

    cpus: Annotated[int, Field(ge=1, le=256)] = 4
    """Cores of a worker: its request, and its threads unless `runtime.threads` says otherwise."""

    memory: WorkerMemory = WorkerMemory()
    """Host memory of a worker."""

    pack_short: PackShort | None = None
    """Ingest several short recordings in one Job, one after the other; omitted: each has its own. A recording
    that has failed or was interrupted runs alone."""

    scratch_gib: Annotated[int, Field(ge=1, le=65_536)] = 20
    """Scratch disk of a worker: the media, and 115 MB per hour of decoded audio."""

    claims: Annotated[tuple[ObjectName, ...], Field(max_length=32)] = ()
    """PersistentVolumeClaims that batches may name as sources; they are mounted read-only."""

    config_maps: Annotated[tuple[ObjectName, ...], Field(max_length=32)] = ()
    """ConfigMaps that batches may name as sources."""

    secrets: Annotated[tuple[ObjectName, ...], Field(max_length=32)] = ()
    """Secrets with lists of addresses that batches may name as sources. They are mounted into the pods that
    fetch from them."""

    queue_name: ObjectName | None = None
    """Kueue's LocalQueue for the workers."""

    queue_priority_class: ObjectName | None = None
    """Kueue's WorkloadPriorityClass of the workers: which go first in the queue, and which are preempted.
    Pods keep their own priority."""

    priority_class: ObjectName | None = None
    """PriorityClass of the workers."""

    start_deadline_seconds: Seconds = 600
    """How long a pod may fail to start (image, Secret, volume) before its run ends, uncharged, and the batch
    stalls and probes."""

    queue_deadline_seconds: Seconds = 86_400
    """How long a pod may wait for a node. Waiting for a busy GPU is no failure; waiting for one that does not
    exist is."""

    node_lost_seconds: Seconds = 300
    """How long a pod on an unreachable node may be terminating before its slot is given to another."""

    keep_succeeded_seconds: Seconds = 600
    """How long Jobs of recordings that succeeded or were skipped are kept."""

    keep_failed_seconds: Seconds = 86_400
    """How long other Jobs are kept, for their logs."""

    template: Template = Field(default_factory=dict)
    """A partial pod template (`metadata`, `spec`), merged over the operator's own for workers and for plan
    Jobs: affinity, more volumes. Containers merge by name (ours is `worker` in both); tolerations, volumes,
    mounts and variables are added to the lists."""

    worker_template: Template = Field(default_factory=dict)
    """The same for workers only, merged over `template`:
    what GPU nodes need, and a plan Job must not wait for."""

    fetch_template: Template = Field(default_factory=dict)
    """The same for fetch Jobs only, merged over `template`."""

    relabel: RelabelPods = RelabelPods()
    """The pods of batches whose recordings are in the store."""

    plan_template: Template = Field(default_factory=dict)
    """The same for plan Jobs only, merged over `template`."""
