"""What is remembered of the sites of a profile, and the form that it has in the profile's status. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from types import MappingProxyType
from typing import Final

from ingest_contract.failures import Reason
from ingest_contract.order import Item
from ingest_contract.profile_status import (
    MAX_ROWS,
    IngestProfileStatus,
    SiteBreaker,
    SiteProbe,
    SiteStatus,
)
from ingest_contract.secret_addresses import SECRET, secret_path
from ingest_contract.sites import (
    ANY_SITE,
    MAX_SITE_CHARACTERS,
    SiteProfile,
    chosen,
    host_of,
    names_of,
    site_name,
)
from ingest_operator.core.timestamps import from_rfc3339, to_rfc3339

FORGOTTEN_SECONDS: Final = 24 * 3600.0
"""Seconds for which a site waits for a probe that nobody sends, because no batch has anything of it any more:
then its breaker is forgotten. Whoever comes later finds out anew."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """An open breaker."""

    reason: Reason
    until: float
    opened: int
    message: str
    secrets: str | None = None
    probe: SiteProbe | None = None


@dataclass(frozen=True, slots=True)
class SiteState:
    """What is remembered of one site."""

    egress: str
    last: float = 0.0
    """Epoch seconds of the last start."""
    due: float = 0.0
    stopped: Stopped | None = None


@dataclass(frozen=True, slots=True)
class Met:
    """The site of a recording."""

    name: str
    entry: SiteProfile | None

    @property
    def egress(self) -> str:
        """Who it meets."""
        if self.entry is None:
            return "direct"
        keys = (("cookies", self.entry.cookies), ("proxy", self.entry.proxy))
        named = [f"{kind} {key.secret_name}/{key.key}" for kind, key in keys if key is not None]
        return ", ".join(named) or "direct"


@dataclass(frozen=True, slots=True)
class Sites:
    """The sites of one profile."""

    entries: tuple[SiteProfile, ...] = ()
    states: Mapping[str, SiteState] = field(default_factory=lambda: MappingProxyType({}))

    def met_by(self, item: Item) -> Met | None:
        """The site that a recording is fetched from; None for a file."""
        return self.finder()(item.url, item.id)

    def met_at(self, url: str) -> Met | None:
        """The site of an address that is no recording's."""
        return self.finder()(url, "")

    def met_named(self, name: str) -> Met:
        """A site by the name that a worker or a status has for it."""
        entry = chosen([name], {each.name for each in self.entries})
        return Met(name, next((each for each in self.entries if each.name == entry), None))

    def finder(self) -> "Finder":
        """The site of an address and a recording's id, for whoever asks about thousands of them: it remembers
        them, and looks at the entries once."""
        return _finder(self.entries)

    def state_of(self, met: Met) -> SiteState:
        """What is remembered of it, as this identity met it."""
        known = self.states.get(met.name)
        return known if known is not None and known.egress == met.egress else SiteState(met.egress)

    def with_state(self, met: Met, state: SiteState) -> "Sites":
        """With what is remembered of one site replaced."""
        return replace(self, states={**self.states, met.name: state})


Finder = Callable[[str, str], Met | None]


@lru_cache(maxsize=64)
def _finder(entries: tuple[SiteProfile, ...]) -> Finder:
    return lru_cache(maxsize=1 << 16)(partial(_met, entries))


def _met(entries: tuple[SiteProfile, ...], url: str, recording: str) -> Met | None:
    known = {each.name: each for each in entries}
    if url.startswith(SECRET):
        # only workers know the address: all that lies in one Secret counts as one site
        name = "secret " + "/".join((secret_path(url) or "").split("/")[-2:])
        return Met(name[:MAX_SITE_CHARACTERS], known.get(ANY_SITE))
    if not host_of(url):
        return None
    names = names_of(url, recording)
    entry = chosen(names, known)
    return Met(site_name(names, url, entry), None if entry is None else known[entry])


def restored(entries: tuple[SiteProfile, ...], status: IngestProfileStatus | None) -> Sites:
    """The sites that a status was made from."""
    rows = status.sites if status is not None else ()
    return Sites(entries, {row.name: _state(row) for row in rows})


def _state(row: SiteStatus) -> SiteState:
    held = row.breaker
    return SiteState(
        row.egress,
        from_rfc3339(row.last_started_at) if row.last_started_at else 0.0,
        from_rfc3339(row.due_at) if row.due_at else 0.0,
        Stopped(held.reason, from_rfc3339(held.until), held.opened, held.message, held.secrets, held.probe)
        if held
        else None,
    )


def rendered(sites: Sites, now: float) -> tuple[SiteStatus, ...]:
    """The rows of a status: open breakers first, then the sites that were met last. One that says nothing any
    more is left out."""
    known = sorted(
        ((name, state) for name, state in sites.states.items() if _matters(sites, state, now)),
        key=lambda each: (each[1].stopped is None, -each[1].last, each[0]),
    )
    return tuple(_row(name, state) for name, state in sorted(known[:MAX_ROWS]))


def _matters(sites: Sites, state: SiteState, now: float) -> bool:
    longest = max(
        (each.pace.jitter_seconds + (each.pace.min_gap_seconds or 0) for each in sites.entries if each.pace),
        default=0,
    )
    held = state.stopped
    waits = held is not None and (held.probe is not None or now < held.until + FORGOTTEN_SECONDS)
    return waits or now < max(state.due, state.last + longest)


def _row(name: str, state: SiteState) -> SiteStatus:
    held = state.stopped
    return SiteStatus(
        name=name,
        egress=state.egress[:1024],
        last_started_at=to_rfc3339(state.last) if state.last else None,
        due_at=to_rfc3339(state.due) if state.due else None,
        breaker=None
        if held is None
        else SiteBreaker(
            reason=held.reason,
            until=to_rfc3339(held.until),
            opened=held.opened,
            message=held.message,
            secrets=held.secrets,
            probe=held.probe,
        ),
    )
