"""What is known of a profile's sites, in the profile's status: read from the newest version, written with
that version as the precondition.

All batches of a profile share one: their decisions about sites come one after the other, so none of them
reads what another is about to write. Another process that writes in between makes the write fail, and the
reconcile is repeated.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from ingest_contract.profile_status import IngestProfileStatus
from ingest_contract.sites import SiteProfile
from ingest_operator.core.site_states import Sites, rendered, restored
from ingest_operator.kube.api.client import Api
from ingest_operator.kube.api.errors import ConflictError
from ingest_operator.kube.api.lenient import reading
from ingest_operator.kube.api.resources import PROFILES, Object
from ingest_operator.kube.api.statuses import body_of, replaced
from ingest_operator.kube.watch.cache import Cache, Key


class ProfileSites:
    """The sites of one profile."""

    def __init__(self, api: Api, profiles: Cache, key: Key, clock: Callable[[], float]) -> None:
        self._api, self._profiles, self._key, self._clock = api, profiles, key, clock
        self._gate = asyncio.Lock()
        self._entries: tuple[SiteProfile, ...] = ()

    def use(self, entries: tuple[SiteProfile, ...]) -> None:
        """Take the entries of the spec that counts."""
        self._entries = entries

    @asynccontextmanager
    async def exclusive(self) -> AsyncIterator[Sites]:
        """What is known. What cannot be read of a status counts as unknown."""
        async with self._gate:
            profile = self._profiles.get(self._key)
            status = (
                None if profile is None else reading(IngestProfileStatus, profile.get("status") or {}).value
            )
            yield restored(self._entries, status)

    async def write(self, sites: Sites) -> None:
        """Replace the rows. Without a profile nothing starts, and nothing is kept.

        Raises `ConflictError` if somebody else has written meanwhile; then the newest version is known.
        """
        profile = self._profiles.get(self._key)
        if profile is None:
            return
        status = IngestProfileStatus(
            observed_generation=profile["metadata"]["generation"], sites=rendered(sites, self._clock())
        )
        body = body_of(PROFILES, {"spec": {}, **profile}, json.loads(status.to_json()))
        try:
            self._accept(await replaced(self._api, PROFILES, body))
        except ConflictError:
            self._accept(await self._api.get(PROFILES, *self._key))
            raise

    def _accept(self, profile: Object) -> None:
        self._profiles.offer(profile)
