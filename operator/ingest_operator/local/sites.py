"""What is known of a profile's sites on this machine: one file in the home, shared by every run that uses the
profile, under a lock for each decision."""

import asyncio
import fcntl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from pydantic import ValidationError

from ingest_contract.profile import IngestProfile
from ingest_contract.profile_status import IngestProfileStatus
from ingest_contract.sites import SiteProfile
from ingest_operator.core.site_states import Sites, rendered, restored
from ingest_operator.core.sites import kept_within_reach
from ingest_operator.local.folders import write_atomically


class FileSites:
    """The sites of one profile."""

    def __init__(
        self, home: Path, profile: IngestProfile, entries: tuple[SiteProfile, ...], clock: Callable[[], float]
    ) -> None:
        """`entries` are those that count in this run."""
        folder = home / "profiles" / profile.metadata.namespace
        self._path = folder / f"{profile.metadata.name}.json"
        self._generation, self._entries, self._clock = profile.metadata.generation, entries, clock

    @asynccontextmanager
    async def exclusive(self) -> AsyncIterator[Sites]:
        """What is known. A file that cannot be read counts as none: then a site is asked once too often."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.with_suffix(".lock").open("w") as gate:
            await asyncio.to_thread(fcntl.flock, gate, fcntl.LOCK_EX)
            stored = restored(self._entries, self._read())
            yield await kept_within_reach(stored, self._clock(), self.write)

    async def write(self, sites: Sites) -> None:
        """Replace the file."""
        status = IngestProfileStatus(
            observed_generation=self._generation, sites=rendered(sites, self._clock())
        )
        write_atomically(self._path, status.to_json())

    def _read(self) -> IngestProfileStatus | None:
        try:
            return IngestProfileStatus.model_validate_json(self._path.read_text(encoding="utf-8"))
        except (OSError, ValidationError):
            return None
