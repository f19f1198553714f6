"""What a profile names that must be there before a pod can begin: read off the Jobs that the operator would
make of it, so templates count as well. Pure.

Secrets are not among it: nobody but pods may read them, and a missing one shows in a pod.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from ingest_contract.batch import IngestBatch
from ingest_contract.names import API_VERSION, BATCH_KIND
from ingest_contract.profile import IngestProfile, IngestProfileSpec
from ingest_operator.core.actions import Start
from ingest_operator.core.orders import Machine, Orders, runtime_of, settings_of
from ingest_operator.core.phases import Phase, ahead_of
from ingest_operator.kube.api.names import Owner, plan_order_map_name
from ingest_operator.kube.api.resources import (
    CLAIMS,
    CONFIG_MAPS,
    LOCAL_QUEUES,
    PRIORITY_CLASSES,
    SERVICE_ACCOUNTS,
    WORKLOAD_PRIORITY_CLASSES,
    Resource,
)
from ingest_operator.kube.manifests.ingest_job import ANY_ITEM, run_job, shared_order_map
from ingest_operator.kube.manifests.plan_job import plan_job
from ingest_operator.kube.manifests.volumes import MODELS_CLAIM
from ingest_operator.kube.profiles.references import Reference, references_of

_ANY_UID: Final = "00000000-0000-4000-8000-000000000000"
_ANY_SOURCE: Final = {"url": "https://media.example.org/any"}


@dataclass(frozen=True, slots=True)
class Need:
    """One object that must exist."""

    resources: tuple[Resource, ...]
    """What it is, by the versions that may serve it, the newer first."""
    name: str
    named_by: str
    """The field of the profile that names it."""

    @property
    def kind(self) -> str:
        """Its kind."""
        return self.resources[0].kind


def needs_of(profile: IngestProfile) -> tuple[Need, ...]:
    """All of it, each once. Raises `OverlayError` and `OrderTooLargeError`."""
    pods, fields = profile.spec.pods, _fields(profile.spec)
    found: dict[tuple[str, str], Need] = {}
    for resources, name in _named(profile):
        kind = resources[0].kind
        found.setdefault(
            (kind, name), Need(resources, name, fields.get((kind, name), "a template of its pods"))
        )
    for name in pods.claims:
        found.setdefault((CLAIMS.kind, name), Need((CLAIMS,), name, "pods.claims"))
    for name in pods.config_maps:
        found.setdefault((CONFIG_MAPS.kind, name), Need((CONFIG_MAPS,), name, "pods.configMaps"))
    return tuple(found.values())


def _fields(profile: IngestProfileSpec) -> Mapping[tuple[str, str], str]:
    """The fields that name objects, by kind and name."""
    pods = profile.pods
    cache = pods.cache.claim_name if pods.cache is not None else None
    cuda_cache = pods.cuda_cache.claim_name if pods.cuda_cache is not None else None
    named = (
        (CLAIMS, cache, "pods.cache.claimName"),
        (CLAIMS, cuda_cache, "pods.cudaCache.claimName"),
        (LOCAL_QUEUES[0], pods.queue_name, "pods.queueName"),
        (WORKLOAD_PRIORITY_CLASSES[0], pods.queue_priority_class, "pods.queuePriorityClass"),
        (PRIORITY_CLASSES, pods.priority_class, "pods.priorityClass"),
        (SERVICE_ACCOUNTS, pods.service_account, "pods.serviceAccount"),
    )
    found = {(resource.kind, name): field for resource, name, field in named if name is not None}
    found.setdefault((CLAIMS.kind, pods.models.claim_name or MODELS_CLAIM), "pods.models")
    return found


def _named(profile: IngestProfile) -> Iterator[Reference]:
    owner = Owner(profile.metadata.namespace, profile.metadata.name, _ANY_UID)
    orders = _orders(owner, profile.spec)
    ahead = ahead_of(profile.spec.fetch, 1, has_cache=profile.spec.pods.cache is not None) is not None
    starts = [_start(Phase.INGEST, cached=ahead), *([_start(Phase.FETCH)] if ahead else [])]
    ours = {plan_order_map_name(owner, 0)}
    ours.update(shared_order_map(owner, orders, each)["metadata"]["name"] for each in starts)
    for job in (plan_job(owner, orders, 0, 1), *(run_job(owner, orders, ANY_ITEM, each) for each in starts)):
        for resources, name in references_of(job):
            if resources[0] is not CONFIG_MAPS or name not in ours:
                yield resources, name


def _orders(owner: Owner, profile: IngestProfileSpec) -> Orders:
    """The orders of any batch of the profile."""
    batch = IngestBatch.from_object(
        {
            "apiVersion": API_VERSION,
            "kind": BATCH_KIND,
            "metadata": {"name": owner.name, "namespace": owner.namespace},
            "spec": {"sources": [_ANY_SOURCE]},
        }
    )
    runtime = runtime_of(profile, Machine(has_gpu=False, cores=profile.pods.cpus), parallelism=1)
    return Orders(batch, profile, settings_of(batch, profile, ()), runtime, owner.trace_id)


def _start(phase: Phase, *, cached: bool = False) -> Start:
    return Start(0, 1, charged_attempts=0, rung=0, disruptions=0, phase=phase, cached=cached)
