"""The Job of one run of one recording, and the ConfigMap that a batch's Jobs share. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ingest_contract.order import FetchOrder, IngestOrder, Item
from ingest_contract.order_variables import FURTHER, ORDER_DIGEST_VARIABLE, ORDER_VARIABLE, order_digest
from ingest_contract.pods import PodProfile
from ingest_operator.core.actions import Start
from ingest_operator.core.deadlines import deadline_seconds, fetch_deadline_seconds
from ingest_operator.core.orders import Orders
from ingest_operator.kube.api.names import (
    CHARGED_ATTEMPTS,
    DISRUPTIONS,
    FETCH,
    INDEX,
    INGEST,
    RELABEL,
    RUN,
    RUNG,
    Owner,
    order_map_name,
    run_job_name,
)
from ingest_operator.kube.api.resources import CONFIG_MAPS, JOBS, Object
from ingest_operator.kube.manifests.failure_policy import failure_policy
from ingest_operator.kube.manifests.node_avoidance import kept_from
from ingest_operator.kube.manifests.order_encoding import SHARED_VARIABLE, in_pods, joined, split
from ingest_operator.kube.manifests.pod_template import (
    Work,
    memory_mib,
    pod_template,
    requested,
    with_pack,
)
from ingest_operator.kube.manifests.site_secrets import site_secrets
from ingest_operator.kube.manifests.sources import named_secrets
from ingest_operator.kube.manifests.volumes import (
    PLACE,
    Mount,
    cache_mounts,
    cache_variables,
    claims,
    claims_of,
    cuda_cache_mounts,
    cuda_cache_variables,
    models,
    place_with,
    secrets,
    writable,
)

TTL_SECONDS: Final = 7 * 24 * 3600
"""A safety net for clusters whose operator is gone:
the operator itself deletes Jobs once their end is recorded."""

QUEUE: Final = "kueue.x-k8s.io/queue-name"
"""Kueue's label for its queue."""

QUEUE_PRIORITY: Final = "kueue.x-k8s.io/priority-class"
"""Kueue's label for its WorkloadPriorityClass:
the order within a queue, whatever the pods' own priority is."""

FETCH_CPUS: Final = 1
FETCH_MEMORY_MIB: Final = 1024
"""What a fetch takes: yt-dlp, and a decoder that works on one second at a time; doubled with each rung."""

_OWN_TEMPLATE: Final = {False: "pods.workerTemplate", True: "pods.relabel.template"}
"""How the profile calls the template of an ingest pod, by whether its recordings are in the store."""

ANY_ITEM: Final = Item(index=0, id="any:item", url="any")
"""A recording, to make what is the same for all of them."""


def run_job(owner: Owner, orders: Orders, item: Item, start: Start, *others: Item) -> Object:
    """The Job that carries out one run, or one of each of several recordings. Raises `OverlayError` and
    `OrderTooLargeError`."""
    pods = orders.profile.pods
    order = _order(orders, item, start)
    if isinstance(order, FetchOrder):
        parts = _parts(owner, (order,))
        work, labels = _fetching(order, orders, start, parts), owner.labels(FETCH)
    else:
        orders_of_it = _to_ingest(orders, (item, *others), start)
        parts = _parts(owner, orders_of_it)
        work, labels = (
            _ingesting(orders_of_it, orders, start, parts),
            owner.labels(INGEST) | queue_labels(pods),
        )
    name = run_job_name(owner, start.index, start.number)
    template = with_pack(pod_template(owner, pods, work), start.indexes)
    return kept_from(one_run(owner, name, labels | _labels(start), template), start.avoid)


@dataclass(frozen=True, slots=True)
class OrderParts:
    """An order as a pod gets it."""

    shared: Sequence[str]
    """ConfigMaps with the part that the recordings of a batch share."""
    variables: Sequence[Object]


def _parts(owner: Owner, orders: Sequence[FetchOrder | IngestOrder]) -> OrderParts:
    """The orders of one pod, each in a variable. What they share is the same for all of them."""
    texts = [split(each) for each in orders]
    variables: list[Object] = []
    for place, (own, shared) in enumerate(texts):
        further = FURTHER.format(place) if place else ""
        variables += [
            {"name": ORDER_VARIABLE + further, "value": own},
            digest_variable(joined(own, shared), further),
        ]
    return OrderParts(shared=(order_map_name(owner, texts[0][1]),), variables=variables)


def _to_ingest(orders: Orders, items: Sequence[Item], start: Start) -> tuple[IngestOrder, ...]:
    """The orders of one ingest Job. Where there are several, each names its own deadline."""
    there = place_with(orders.profile.pods.cache) if start.cached else PLACE
    found = tuple(in_pods(orders).to_ingest(item, start, there) for item in items)
    return (
        found
        if len(found) == 1
        else tuple(each.model_copy(update={"deadline_seconds": _deadline(each)}) for each in found)
    )


def _deadline(order: IngestOrder) -> int:
    return deadline_seconds(order.item.duration_seconds, order.runtime.device)


def _ingesting(wanted: Sequence[IngestOrder], orders: Orders, start: Start, parts: OrderParts) -> Work:
    """The work of an ingest pod: models, a GPU, the store; and the sources, if it fetches as well. Of several
    recordings one is in memory at a time."""
    pods = orders.profile.pods
    cache = pods.cache if start.cached else None
    fetched = [] if start.cached or wanted[0].from_store else [each.item.url for each in wanted]
    from_store = orders.batch.spec.is_from_store
    return Work(
        role=RELABEL if from_store else INGEST,
        image=pods.image,
        shared=parts.shared,
        variables=(
            *parts.variables,
            *cache_variables(cache),
            *cuda_cache_variables(pods.cuda_cache),
        ),
        resources=requested(
            pods.cpus,
            max(memory_mib(pods.memory, each.item.duration_seconds, start.rung) for each in wanted),
            pods.scratch_gib,
            pods.gpu,
        ),
        mounts=(
            models(pods.models),
            writable(pods.scratch_gib),
            *cache_mounts(cache),
            *cuda_cache_mounts(pods.cuda_cache),
            *_claims(fetched, pods),
            *_secrets(fetched, orders),
            *site_secrets(access for each in wanted for access in each.sites),
        ),
        deadline_seconds=sum(_deadline(each) for each in wanted),
        priority_class=pods.priority_class,
        template={_OWN_TEMPLATE[from_store]: pods.worker_template},
    )


def _fetching(order: FetchOrder, orders: Orders, start: Start, parts: OrderParts) -> Work:
    """The work of a fetch pod: the source, the cache, and the store for addresses with credentials; no model,
    no GPU."""
    pods, seconds = orders.profile.pods, order.item.duration_seconds
    return Work(
        role=FETCH,
        image=pods.plan_image or pods.image,
        shared=parts.shared,
        variables=(*parts.variables, *cache_variables(pods.cache)),
        resources=requested(FETCH_CPUS, FETCH_MEMORY_MIB << start.rung, pods.scratch_gib),
        mounts=(
            writable(pods.scratch_gib),
            *cache_mounts(pods.cache),
            *_claims([order.item.url], pods),
            *_secrets([order.item.url], orders),
            *site_secrets(order.sites),
        ),
        deadline_seconds=fetch_deadline_seconds(seconds, order.fetch.timeout_seconds),
        priority_class=pods.priority_class,
        template={"pods.fetchTemplate": pods.fetch_template},
    )


def shared_order_map(owner: Owner, orders: Orders, start: Start) -> Object:
    """The ConfigMap with the part that all orders of the batch share, of the phase and on the rung of one
    start. Its key is the name of a variable. Raises `OrderTooLargeError`."""
    order = _order(orders, ANY_ITEM, start)
    _, shared = split(order)
    role = FETCH if isinstance(order, FetchOrder) else INGEST
    return config_map(owner, order_map_name(owner, shared), owner.labels(role), {SHARED_VARIABLE: shared}) | {
        "immutable": True
    }


def _order(orders: Orders, item: Item, start: Start) -> FetchOrder | IngestOrder:
    return in_pods(orders).to_run(item, start, place_with(orders.profile.pods.cache))


def one_run(owner: Owner, name: str, labels: Mapping[str, str], template: Object) -> Object:
    """A Job that runs its pod once: the Job controller does not decide whether there is another run."""
    return {
        "apiVersion": JOBS.api_version,
        "kind": JOBS.kind,
        "metadata": _metadata(owner, name, labels),
        "spec": {
            "backoffLimit": 0,
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": failure_policy(),
            "ttlSecondsAfterFinished": TTL_SECONDS,
            "template": template,
        },
    }


def config_map(owner: Owner, name: str, labels: Mapping[str, str], data: Mapping[str, str]) -> Object:
    """A ConfigMap of the batch."""
    return {
        "apiVersion": CONFIG_MAPS.api_version,
        "kind": CONFIG_MAPS.kind,
        "metadata": _metadata(owner, name, labels),
        "data": dict(data),
    }


def _metadata(owner: Owner, name: str, labels: Mapping[str, str]) -> Object:
    return {
        "name": name,
        "namespace": owner.namespace,
        "labels": dict(labels),
        "ownerReferences": [owner.reference()],
    }


def digest_variable(text: str, further: str = "") -> Object:
    """The variable by which the worker checks that its order is the one that was written: between the
    reconcile and its start a ConfigMap may be replaced. `further` is the end of its name."""
    return {"name": ORDER_DIGEST_VARIABLE + further, "value": order_digest(text)}


def _labels(start: Start) -> dict[str, str]:
    """Which run it is and with which budget: what a restarted operator must know of a Job that no status has
    recorded yet."""
    budget = {CHARGED_ATTEMPTS: start.charged_attempts, RUNG: start.rung, DISRUPTIONS: start.disruptions}
    return {INDEX: str(start.index), RUN: str(start.number)} | {
        label: str(count) for label, count in budget.items() if count
    }


def queue_labels(pods: PodProfile) -> dict[str, str]:
    """Kueue's labels, where the profile names a queue."""
    if pods.queue_name is None:
        return {}
    return {QUEUE: pods.queue_name} | (
        {QUEUE_PRIORITY: pods.queue_priority_class} if pods.queue_priority_class is not None else {}
    )


def _claims(addresses: Sequence[str], pods: PodProfile) -> tuple[Mount, ...]:
    """The claims that hold these addresses. A claim that another recording needs may be on the disk of
    another node."""
    return claims(claims_of(addresses, pods.claims))


def _secrets(addresses: Sequence[str], orders: Orders) -> tuple[Mount, ...]:
    """Of the Secrets that the batch names, those with these addresses or the keys to them."""
    allowed = named_secrets(orders.batch.spec).intersection(orders.profile.pods.secrets)
    return secrets(addresses, allowed)
