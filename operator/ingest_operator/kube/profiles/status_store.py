"""The status of each profile: read from the newest version, written with that version as the precondition.

The reconciles of all batches of a profile write it, and the profile's own: one after the other, so none of
them reads what another is about to write. Another process that writes in between makes the write fail, and
the reconcile is repeated.
"""

import asyncio
import json
from collections.abc import Callable

from ingest_contract.profile_status import IngestProfileStatus
from ingest_operator.kube.api.client import Api
from ingest_operator.kube.api.errors import ConflictError
from ingest_operator.kube.api.lenient import reading
from ingest_operator.kube.api.resources import PROFILES, Object
from ingest_operator.kube.api.statuses import body_of, replaced
from ingest_operator.kube.watch.cache import Cache, Key

Change = Callable[[IngestProfileStatus, int], IngestProfileStatus]
"""The new status, from the newest one and the generation of the spec beside it."""


class ProfileStatuses:
    """Keeps them."""

    def __init__(self, api: Api, profiles: Cache) -> None:
        self._api, self._profiles = api, profiles
        self._gates: dict[Key, asyncio.Lock] = {}

    def gate(self, key: Key) -> asyncio.Lock:
        """Held by whoever reads the status of a profile in order to write it."""
        return self._gates.setdefault(key, asyncio.Lock())

    def read(self, key: Key) -> IngestProfileStatus:
        """The newest status. What cannot be read of it counts as unknown."""
        profile = self._profiles.get(key)
        found = None if profile is None else reading(IngestProfileStatus, profile.get("status") or {}).value
        return found or IngestProfileStatus()

    async def change(self, key: Key, change: Change) -> tuple[IngestProfileStatus, Object] | None:
        """Replace the status; returns it as it was, and the profile as it is now. None where there is nothing
        to change, or no profile. To be called with the gate held.

        Raises `ConflictError` if somebody else has written meanwhile; then the newest version is known.
        Raises `UnwritableStatusError` and other `ApiError`s.
        """
        profile = self._profiles.get(key)
        if profile is None:
            return None
        before = self.read(key)
        after = change(before, profile["metadata"]["generation"])
        if after == before:
            return None
        body = body_of(PROFILES, {"spec": {}, **profile}, json.loads(after.to_json()))
        try:
            written = await replaced(self._api, PROFILES, body)
        except ConflictError:
            self._profiles.offer(await self._api.get(PROFILES, *key))
            raise
        self._profiles.offer(written)
        return before, written

    def forget(self, key: Key) -> None:
        """A profile is gone."""
        gate = self._gates.get(key)
        if gate is not None and not gate.locked():
            del self._gates[key]
