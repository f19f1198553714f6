"""What is known of a profile's sites, in the profile's status.

All batches of a profile share that status, and its gate: their decisions about sites come one after the
other. Each goes by its own entries: a batch of the store has none, and must not take those of the others.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from ingest_contract.sites import SiteProfile
from ingest_operator.core.site_states import Sites, rendered, restored
from ingest_operator.core.sites import kept_within_reach
from ingest_operator.kube.profiles.status_store import ProfileStatuses
from ingest_operator.kube.watch.cache import Key


class ProfileSites:
    """The sites of one profile, for one reconcile of one batch."""

    def __init__(
        self,
        statuses: ProfileStatuses,
        key: Key,
        clock: Callable[[], float],
        entries: tuple[SiteProfile, ...],
    ) -> None:
        """`entries` are those of the spec that counts for the batch."""
        self._statuses, self._key, self._clock, self._entries = statuses, key, clock, entries

    @asynccontextmanager
    async def exclusive(self) -> AsyncIterator[Sites]:
        """What is known. What cannot be read of a status counts as unknown. Raises `ConflictError`, as
        `write`."""
        async with self._statuses.gate(self._key):
            stored = restored(self._entries, self._statuses.read(self._key))
            yield await kept_within_reach(stored, self._clock(), self.write)

    async def write(self, sites: Sites) -> None:
        """Replace the rows, and nothing else. Without a profile nothing starts, and nothing is kept.

        Raises `ConflictError` if somebody else has written meanwhile; then the newest version is known.
        """
        rows = rendered(sites, self._clock())
        await self._statuses.change(self._key, lambda status, _: status.model_copy(update={"sites": rows}))
