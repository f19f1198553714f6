"""The volumes that are mounted into pods: models, scratch, and those claims that a pod reads. Pure."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ingest_contract.cache_volume import CacheVolume
from ingest_contract.cuda_cache import CudaCache
from ingest_contract.object_address import secret_files
from ingest_contract.place import Place
from ingest_contract.pods import ModelVolume
from ingest_operator.kube.api.names import PROGRESS_PORT
from ingest_operator.kube.api.resources import Object
from ingest_operator.kube.manifests.sources import CLAIMS, SECRETS, claim_of

MODELS: Final = "/models"
SCRATCH: Final = "/tmp"  # noqa: S108 -- a volume of the pod's own
"""The only writable folder: libraries put temporary files there whatever their settings, so everything else
goes there too."""

RECEIPT: Final = "/dev/termination-log"
"""Kubernetes' own default: the kubelet mounts one file there, and reads it when the container ends."""

CACHE: Final = "/cache"
"""The folder of fetched audio."""

CUDA_CACHE: Final = "/cuda-cache"
"""The folder of what CUDA compiled."""

CUDA_CACHE_BYTES: Final = 4 * 2**30
"""The most that CUDA may put there: its limit, because both engines compile
(CUDA C++ Programming Guide, `CUDA_CACHE_MAXSIZE`)."""

CACHE_KEYS: Final = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
"""The keys of a Secret for a cache in an object store."""

MODELS_CLAIM: Final = "video-ingest-models"
"""The claim with the models, unless the profile names another."""

PLACE: Final = Place(models=MODELS, scratch=f"{SCRATCH}/media", receipt=RECEIPT, progress_port=PROGRESS_PORT)
"""The paths that a worker in a pod uses. Media have a folder of their own in the volume."""


@dataclass(frozen=True, slots=True)
class Mount:
    """A volume and where it is mounted."""

    name: str
    path: str
    volume: Object
    """Its source, without the name."""
    read_only: bool = True

    @property
    def to_volume(self) -> Object:
        """The entry in the pod's list of volumes."""
        return {"name": self.name} | self.volume

    @property
    def to_mount(self) -> Object:
        """The entry in the container's list of mounts."""
        return {"name": self.name, "mountPath": self.path} | ({"readOnly": True} if self.read_only else {})


def place_with(cache: CacheVolume | None) -> Place:
    """The paths that a worker in a pod uses, the cache among them if there is one."""
    if cache is None:
        return PLACE
    if (store := cache.object_store) is not None:
        return PLACE.model_copy(update={"cache": store.url, "cache_endpoint": store.endpoint})
    return PLACE.model_copy(update={"cache": CACHE})


def cache_mounts(cache: CacheVolume | None) -> tuple["Mount", ...]:
    """The cache, if it is a folder. One on the node must exist already and be writable for the worker: the
    kubelet would make it for root."""
    if cache is None or cache.object_store is not None:
        return ()
    return (Mount("cache", CACHE, _writable(cache.host_path, cache.claim_name), read_only=False),)


def cache_variables(cache: CacheVolume | None) -> tuple[Object, ...]:
    """The credentials of a cache in an object store, by the names that its libraries know."""
    store = None if cache is None else cache.object_store
    if store is None or store.secret_name is None:
        return ()
    return tuple(
        {"name": key, "valueFrom": {"secretKeyRef": {"name": store.secret_name, "key": key}}}
        for key in CACHE_KEYS
    )


def cuda_cache_mounts(cache: CudaCache | None) -> tuple["Mount", ...]:
    """The folder of what CUDA compiled, if there is one."""
    if cache is None:
        return ()
    return (Mount("cuda-cache", CUDA_CACHE, _writable(cache.host_path, cache.claim_name), read_only=False),)


def cuda_cache_variables(cache: CudaCache | None) -> tuple[Object, ...]:
    """What makes CUDA keep there what it compiled."""
    if cache is None:
        return ()
    return (
        {"name": "CUDA_CACHE_PATH", "value": CUDA_CACHE},
        {"name": "CUDA_CACHE_MAXSIZE", "value": str(CUDA_CACHE_BYTES)},
    )


def _writable(host_path: str | None, claim_name: str | None) -> Object:
    if host_path is not None:
        return {"hostPath": {"path": host_path, "type": "Directory"}}
    return {"persistentVolumeClaim": {"claimName": claim_name}}


def models(where: ModelVolume) -> Mount:
    """The model sets. A folder on the node must exist already: an empty one made by the kubelet would hide
    that it does not."""
    if where.host_path is not None:
        return Mount("models", MODELS, {"hostPath": {"path": where.host_path, "type": "Directory"}})
    if where.image is not None:
        return Mount("models", MODELS, {"image": {"reference": where.image, "pullPolicy": "IfNotPresent"}})
    return Mount("models", MODELS, _claimed(where.claim_name or MODELS_CLAIM))


def writable(scratch_gib: int) -> Mount:
    """All that a worker may write to; the rest of its file system is read-only."""
    return Mount("scratch", SCRATCH, {"emptyDir": {"sizeLimit": f"{scratch_gib}Gi"}}, read_only=False)


def claims(names: Iterable[str]) -> tuple[Mount, ...]:
    """Claims with recordings, each below the folder of claims under its own name."""
    return tuple(
        Mount(f"claim-{place}", f"{CLAIMS}/{name}", _claimed(name)) for place, name in enumerate(names)
    )


def secrets(addresses: Iterable[str], allowed: Collection[str]) -> tuple[Mount, ...]:
    """The allowed Secrets in which some of these addresses stand, or by which they are opened, and of each
    the keys that are needed.

    A pod starts without a Secret or a key that does not exist: its worker says what is missing.
    """
    keys: dict[str, set[str]] = {}
    for path in (path for address in addresses for path in secret_files(address)):
        name, _, key = path.removeprefix(f"{SECRETS}/").partition("/")
        if name in allowed and key and "/" not in key:
            keys.setdefault(name, set()).add(key)
    return tuple(
        Mount(f"secret-{place}", f"{SECRETS}/{name}", _secret(name, sorted(keys[name])))
        for place, name in enumerate(sorted(keys))
    )


def _secret(name: str, keys: Sequence[str]) -> Object:
    items = [{"key": key, "path": key} for key in keys]
    return {"secret": {"secretName": name, "items": items, "optional": True}}


def claims_of(addresses: Iterable[str], allowed: Sequence[str]) -> tuple[str, ...]:
    """The allowed claims that hold some of these addresses."""
    named = {claim_of(address) for address in addresses}
    return tuple(claim for claim in allowed if claim in named)


def _claimed(name: str) -> Object:
    return {"persistentVolumeClaim": {"claimName": name, "readOnly": True}}
