"""Deletes the ConfigMaps of orders that no Job of a batch reads any more: those of earlier versions of its
profile.

A batch of ten thousand recordings runs for weeks, and each edit of its profile leaves up to one of them for
each phase and rung. What a start could need now always stays, and so does what a Job or a pod refers to,
whether it runs, waits in a queue or is kept for the user.

A Job may be created while we look: by a call of ours whose answer was lost, or by another operator. So an
order goes only after nothing has referred to it for as long as such a call can take. If a Job comes later
still, its pod waits, and `KubeCluster` makes the order anew or gives the recording another run.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from ingest_operator.core.orders import Orders
from ingest_operator.kube.api.client import Api
from ingest_operator.kube.api.errors import RefusedError
from ingest_operator.kube.api.fields import spec_of
from ingest_operator.kube.api.names import BATCH_UID, FETCH, INGEST, ROLE, Owner, is_order_map_name
from ingest_operator.kube.api.ownership import is_controlled
from ingest_operator.kube.api.resources import CONFIG_MAPS, Object
from ingest_operator.kube.batches.context import BatchContext
from ingest_operator.kube.batches.pending import DOUBT_SECONDS, REFUSED_SECONDS
from ingest_operator.kube.batches.shared_orders import order_names
from ingest_operator.kube.manifests.order_encoding import OrderTooLargeError
from ingest_operator.kube.watch.jobs_and_pods import JobsAndPods

LOG: Final = logging.getLogger(__name__)


@dataclass(slots=True)
class OldOrders:
    """What is known of them between two reconciles of a batch; found out anew after a restart."""

    beside: Orders | None = None
    """The orders beside which they are old ones; None if nobody has looked."""
    uids: dict[str, str] = field(default_factory=dict)
    """The old ones, by name."""
    due: dict[str, float] = field(default_factory=dict)
    """When those go that nothing refers to."""

    async def clear(self, api: Api, seen: JobsAndPods, context: BatchContext, now: float) -> float | None:
        """Delete those that are due; returns when the next one is. Raises `ApiError`.

        They are listed once for each version of what a start could need; the watched Jobs say the rest.
        """
        owner, orders = context.owner, context.orders
        if self.beside != orders:
            self.uids = await _listed(api, owner, orders)
            self.beside = orders
        if not self.uids:
            self.due.clear()
            return None
        used = _referred_to((*seen.jobs.of(owner.identity), *seen.pods.of(owner.identity)))
        unused = self.uids.keys() - used
        self.due = {name: self.due.get(name, now + DOUBT_SECONDS) for name in sorted(unused)}
        for name in [name for name, at in self.due.items() if at <= now]:
            try:
                await api.delete(CONFIG_MAPS, owner.namespace, name, uid=self.uids[name])
            except RefusedError as error:
                LOG.warning("ConfigMap %s stays: %s", name, error, extra={"action": "delete-order"})
                self.due[name] = now + REFUSED_SECONDS
            else:
                del self.uids[name], self.due[name]
        return min(self.due.values(), default=None)


async def _listed(api: Api, owner: Owner, orders: Orders) -> dict[str, str]:
    """The uids of the batch's orders that no start could need now, by name."""
    try:
        wanted = order_names(owner, orders)
    except OrderTooLargeError:
        return {}  # nothing starts, and what could is not known
    labels = f"{BATCH_UID}={owner.uid},{ROLE} in ({INGEST},{FETCH})"
    listed, _ = await api.list(CONFIG_MAPS, owner.namespace, labels=labels, keep=_without_content)
    return {
        name: each["metadata"]["uid"]
        for each in listed
        if (name := each["metadata"]["name"]) not in wanted
        and is_order_map_name(owner, name)
        and is_controlled(each, owner.identity)
    }


def _without_content(thing: Object) -> Object:
    return {"metadata": thing["metadata"]}


def _referred_to(things: Iterable[Object]) -> frozenset[str]:
    return frozenset(name for each in things for name in spec_of(each).get("configMaps") or ())
