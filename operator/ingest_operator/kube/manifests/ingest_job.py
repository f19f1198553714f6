"""The Job of one run of one recording, and the ConfigMap that a batch's Jobs share. Pure."""

from collections.abc import Mapping
from typing import Final

from ingest_contract.order import ORDER_DIGEST_VARIABLE, ORDER_VARIABLE, IngestOrder, Item, order_digest
from ingest_contract.pods import PodProfile
from ingest_operator.core.actions import Start
from ingest_operator.core.deadlines import deadline_seconds
from ingest_operator.core.orders import Orders
from ingest_operator.kube.api.names import (
    CHARGED_ATTEMPTS,
    DISRUPTIONS,
    INDEX,
    INGEST,
    RUN,
    RUNG,
    Owner,
    ingest_job_name,
    order_map_name,
)
from ingest_operator.kube.api.resources import CONFIG_MAPS, JOBS, Object
from ingest_operator.kube.manifests.failure_policy import failure_policy
from ingest_operator.kube.manifests.node_avoidance import kept_from
from ingest_operator.kube.manifests.order_encoding import SHARED_VARIABLE, in_pods, joined, split
from ingest_operator.kube.manifests.pod_template import Work, memory_mib, pod_template, requested
from ingest_operator.kube.manifests.site_secrets import site_secrets
from ingest_operator.kube.manifests.sources import named_secrets
from ingest_operator.kube.manifests.volumes import PLACE, Mount, claims, claims_of, models, secrets, writable

TTL_SECONDS: Final = 7 * 24 * 3600
"""A safety net for clusters whose operator is gone:
the operator itself deletes Jobs once their end is recorded."""

QUEUE: Final = "kueue.x-k8s.io/queue-name"
"""Kueue's label for its queue."""

QUEUE_PRIORITY: Final = "kueue.x-k8s.io/priority-class"
"""Kueue's label for its WorkloadPriorityClass:
the order within a queue, whatever the pods' own priority is."""

_ANY_ITEM: Final = Item(index=0, id="any:item", url="any")


def ingest_job(owner: Owner, orders: Orders, item: Item, start: Start) -> Object:
    """The Job that carries out one run. Raises `OverlayError` and `OrderTooLargeError`."""
    order = in_pods(orders).to_ingest(item, start, PLACE)
    pods = orders.profile.pods
    own, shared = split(order)
    memory = memory_mib(pods.memory, item.duration_seconds, start.rung)
    work = Work(
        role=INGEST,
        image=pods.image,
        shared=(order_map_name(owner, shared),),
        variables=({"name": ORDER_VARIABLE, "value": own}, digest_variable(joined(own, shared))),
        resources=requested(pods.cpus, memory, pods.scratch_gib, pods.gpu),
        mounts=_mounts(order, orders),
        deadline_seconds=deadline_seconds(item.duration_seconds, order.runtime.device),
        priority_class=pods.priority_class,
        template={"pods.workerTemplate": pods.worker_template},
    )
    labels = owner.labels(INGEST) | _labels(start) | _queue(pods)
    job = one_run(
        owner, ingest_job_name(owner, start.index, start.number), labels, pod_template(owner, pods, work)
    )
    return kept_from(job, start.avoid)


def shared_order_map(owner: Owner, orders: Orders, rung: int) -> Object:
    """The ConfigMap with the part that all orders of the batch share on one rung. Its key is the name of a
    variable. Raises `OrderTooLargeError`."""
    start = Start(index=_ANY_ITEM.index, number=1, charged_attempts=0, rung=rung, disruptions=0)
    _, shared = split(in_pods(orders).to_ingest(_ANY_ITEM, start, PLACE))
    return config_map(
        owner, order_map_name(owner, shared), owner.labels(INGEST), {SHARED_VARIABLE: shared}
    ) | {"immutable": True}


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


def digest_variable(text: str) -> Object:
    """The variable by which the worker checks that its order is the one that was written: between the
    reconcile and its start a ConfigMap may be replaced."""
    return {"name": ORDER_DIGEST_VARIABLE, "value": order_digest(text)}


def _labels(start: Start) -> dict[str, str]:
    """Which run it is and with which budget: what a restarted operator must know of a Job that no status has
    recorded yet."""
    budget = {CHARGED_ATTEMPTS: start.charged_attempts, RUNG: start.rung, DISRUPTIONS: start.disruptions}
    return {INDEX: str(start.index), RUN: str(start.number)} | {
        label: str(count) for label, count in budget.items() if count
    }


def _queue(pods: PodProfile) -> dict[str, str]:
    """Kueue's labels, where the profile names a queue."""
    if pods.queue_name is None:
        return {}
    return {QUEUE: pods.queue_name} | (
        {QUEUE_PRIORITY: pods.queue_priority_class} if pods.queue_priority_class is not None else {}
    )


def _mounts(order: IngestOrder, orders: Orders) -> tuple[Mount, ...]:
    """Of the claims, those that hold this recording or an enrolled voice: a claim that another recording
    needs may be on the disk of another node. Of the Secrets that the batch names, the one with this
    recording's address or the keys to it."""
    pods = orders.profile.pods
    addresses = [
        order.item.url,
        *(each for voice in order.settings.identification.voices for each in voice.recordings),
    ]
    return (
        models(pods.models),
        writable(pods.scratch_gib),
        *claims(claims_of(addresses, pods.claims)),
        *secrets([order.item.url], named_secrets(orders.batch.spec).intersection(pods.secrets)),
        *site_secrets(order.sites),
    )
