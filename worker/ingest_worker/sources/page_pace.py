"""How often a plan opens pages of one site: at the pace that the profile sets for fetching from it. Called by
`plan`."""

import time
from collections.abc import Callable, Sequence
from math import inf
from typing import Final

from ingest_contract.sites import SiteAccess, chosen, names_of, site_name
from ingest_worker.planning import Candidate

_HEARTBEAT_SECONDS: Final = 20.0
"""Less than the shortest patience with a plan's process (`apart`), which is a minute."""


class PagePace:
    """Waits before pages."""

    def __init__(
        self,
        sites: Sequence[SiteAccess],
        alive: Callable[[], None],
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`alive` is called at least every twenty seconds of a wait."""
        self._gaps = {each.name: each.page_gap_seconds for each in sites}
        self._alive, self._clock, self._sleep = alive, clock, sleep
        self._opened: dict[str, float] = {}

    def wait(self, candidate: Candidate) -> None:
        """Wait until the candidate's page may be opened; it counts as opened then."""
        names = names_of(candidate.url, candidate.id)
        entry = chosen(names, self._gaps)
        if entry is None:
            return
        site = site_name(names, candidate.url, entry)
        due = self._opened.get(site, -inf) + self._gaps[entry]
        while (left := due - self._clock()) > 0:
            self._alive()
            self._sleep(min(left, _HEARTBEAT_SECONDS))
        self._opened[site] = self._clock()
