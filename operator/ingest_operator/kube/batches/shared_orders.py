"""The ConfigMaps from which the Jobs of a batch read the shared part of their orders, during one reconcile.

A worker does what its ConfigMap says, so the content is compared, whoever made it: someone may have taken the
name before us. It may also be deleted at any time, and pods that begin later would wait for it forever. So
each reconcile that starts something, or finds something that cannot begin, gets it again.
"""

import asyncio
from collections.abc import Sequence

from ingest_operator.core.actions import Start
from ingest_operator.core.memory_ladder import LAST_RUNG
from ingest_operator.core.orders import Orders
from ingest_operator.core.phases import Phase
from ingest_operator.kube.api.client import Api
from ingest_operator.kube.api.errors import AlreadyExistsError, NotFoundError
from ingest_operator.kube.api.names import Owner
from ingest_operator.kube.api.ownership import is_controlled
from ingest_operator.kube.api.refusals import NameTakenError
from ingest_operator.kube.api.resources import CONFIG_MAPS, Object
from ingest_operator.kube.manifests.ingest_job import shared_order_map


class SharedOrders:
    """The shared orders of one batch."""

    def __init__(self, api: Api, owner: Owner, orders: Orders) -> None:
        self._api, self._owner, self._orders = api, owner, orders
        self._there: set[Start] = set()
        self._known: dict[str, bool] = {}
        self._asking = asyncio.Lock()  # starts come several at a time

    async def ensure(self, start: Start) -> None:
        """Ensure that the ConfigMap for starts of this kind exists and has the right content. Raises
        `NameTakenError`, `OrderTooLargeError`, `ApiError`."""
        kind = _kind(start.phase, start.rung, cached=start.cached)
        async with self._asking:
            if kind in self._there:
                return
            body = shared_order_map(self._owner, self._orders, kind)
            there = await self._get_or_make(body)
            alike = all(there.get(field) == body.get(field) for field in ("data", "binaryData", "immutable"))
            if not alike or not is_controlled(there, self._owner.identity):
                raise NameTakenError(CONFIG_MAPS.kind, body["metadata"]["name"])
            self._there.add(kind)

    async def restore(self, phase: Phase, rung: int, wanted: Sequence[str]) -> bool:
        """Ensure that a pod that waits for these ConfigMaps finds the order that its Job was written with.
        Raises as `ensure` does.

        Returns False where it never will: its order is gone, and the profile that it was made from as well.
        """
        for kind in (_kind(phase, rung, cached=cached) for cached in (False, True)):
            if shared_order_map(self._owner, self._orders, kind)["metadata"]["name"] in wanted:
                await self.ensure(kind)
                return True
        return all([await self._exists(name) for name in wanted])

    async def _exists(self, name: str) -> bool:
        if name not in self._known:
            try:
                await self._api.get(CONFIG_MAPS, self._owner.namespace, name)
                self._known[name] = True
            except NotFoundError:
                self._known[name] = False
        return self._known[name]

    async def _get_or_make(self, body: Object) -> Object:
        where = CONFIG_MAPS, self._owner.namespace
        try:
            return await self._api.get(*where, body["metadata"]["name"])
        except NotFoundError:
            pass
        try:
            return await self._api.create(*where, body)
        except AlreadyExistsError:
            return await self._api.get(*where, body["metadata"]["name"])


def order_names(owner: Owner, orders: Orders) -> frozenset[str]:
    """The names of all that some start could need now. Raises `OrderTooLargeError`."""
    kinds = [
        _kind(phase, rung, cached=cached)
        for phase in Phase
        for rung in range(LAST_RUNG + 1)
        for cached in ((False, True) if phase is Phase.INGEST else (False,))
    ]
    return frozenset(shared_order_map(owner, orders, kind)["metadata"]["name"] for kind in kinds)


def _kind(phase: Phase, rung: int, *, cached: bool) -> Start:
    """What of a start its shared order depends on."""
    return Start(0, 1, charged_attempts=0, rung=rung, disruptions=0, phase=phase, cached=cached)
