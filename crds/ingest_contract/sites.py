"""What a site wants from those who fetch from it: cookies, a proxy, a pace, proof-of-origin tokens. Pure.

An entry is found by the name of its site. `*` is for every site that has no entry of its own; two entries are
never mixed.
"""

from collections.abc import Collection, Iterable
from typing import Annotated, Final, Self
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints, model_validator

from ingest_contract.base import ContractModel, ObjectName, SourceKey, cel

ANY_SITE: Final = "*"
"""The name of the entry for sites without one."""

MAX_ENTRIES: Final = 32
"""Entries of one profile."""

MAX_SITE_CHARACTERS: Final = 253
"""Characters of a site's name: those of a name in the DNS."""

_LABEL: Final = "[a-z0-9]([a-z0-9-]*[a-z0-9])?"

SiteName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_SITE_CHARACTERS, pattern=rf"^(\*|{_LABEL}(\.{_LABEL})*)$"),
]
"""A site's name as ids of recordings begin with it (`youtube`), a host with all below it (`example.org`), or
`*`."""

_YOUTUBE: Final = "youtube"
_ALIASES: Final = {"youtu.be": _YOUTUBE, "youtube-nocookie.com": _YOUTUBE}
"""Other hosts of a site."""

_NOT_SITES: Final = frozenset({"url", "file", "voice"})
"""Beginnings of ids that are no site's."""


class SecretKey(ContractModel):
    """A key of a Secret in the batch's namespace. Only pods that fetch read it, never the operator.
    `ingestctl run --secret NAME=FOLDER` says where its keys are as files on a workstation."""

    secret_name: ObjectName
    """The Secret."""

    key: SourceKey
    """The key."""


_PACED: Final = ("has(self.perHour) || has(self.minGapSeconds)", "perHour or minGapSeconds must be set")


class Pace(ContractModel, json_schema_extra=cel(_PACED)):
    """How often recordings may be fetched from one site with one identity, over all batches of the
    profile."""

    per_hour: Annotated[int, Field(ge=1, le=100_000)] | None = None
    """Starts in any hour, at most. They are spread over it."""

    min_gap_seconds: Annotated[int, Field(ge=0, le=3600)] | None = None
    """Seconds between two starts, at least."""

    jitter_seconds: Annotated[int, Field(ge=0, le=3600)] = 0
    """Up to this many seconds more between two starts, another number each time."""

    @model_validator(mode="after")
    def _paced(self) -> Self:
        """The same rule as the CEL one, for people without a cluster."""
        if self.per_hour is None and self.min_gap_seconds is None:
            raise ValueError(_PACED[1])
        return self

    @property
    def gap_seconds(self) -> int:
        """Seconds between two starts that are spread evenly, rounded up."""
        spread = 0 if self.per_hour is None else -(-3600 // self.per_hour)
        return max(spread, self.min_gap_seconds or 0)


class PoTokenProvider(ContractModel):
    """A service that makes proof-of-origin tokens for YouTube (bgutil-ytdlp-pot-provider), for formats that
    YouTube gives to nobody else. Tokens do not lift the block of an address."""

    url: Annotated[str, StringConstraints(max_length=512, pattern=r"^https?://[^\s@]+$")]
    """Where it answers, for example `http://pot-provider.media:4416`. A private address is allowed here."""


class SiteProfile(ContractModel):
    """One site, or `*` for all that have no entry."""

    name: SiteName
    """The site: `youtube`, a host such as `media.example.org` with all hosts below it, or `*`."""

    cookies: SecretKey | None = None
    """Cookies in Netscape's format. They are copied to memory, where yt-dlp changes them; the Secret stays as
    it is."""

    proxy: SecretKey | None = None
    """The address of a proxy, in one line: `http://user:password@host:port` or `socks5://...`. Every
    connection to the site goes through it, by CONNECT, to an address that was checked before."""

    pace: Pace | None = None
    """How often recordings may be fetched from it. Omitted: as often as `parallelism` allows."""

    po_token_provider: PoTokenProvider | None = None
    """Where proof-of-origin tokens come from. Omitted: nowhere."""


FilePath = Annotated[str, StringConstraints(min_length=1, max_length=2048)]
"""The path of a file."""


class SiteAccess(ContractModel):
    """What one site wants, as a worker gets it: where its secrets lie, and never the secrets."""

    name: Annotated[str, StringConstraints(max_length=MAX_SITE_CHARACTERS)]
    """The name of its entry in the profile."""

    cookies: FilePath | None = None
    """The file with cookies."""

    proxy: FilePath | None = None
    """The file with the address of the proxy."""

    po_token_provider: Annotated[str, StringConstraints(max_length=512)] | None = None
    """The address of the service that makes proof-of-origin tokens."""

    page_gap_seconds: Annotated[int, Field(ge=0, le=3600)] = 0
    """Seconds between two pages that a plan opens there, at least."""


class SiteReport(ContractModel):
    """The last site that was met."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=MAX_SITE_CHARACTERS)]
    """Its entry in the profile, or its host."""

    secrets: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}$")] | None = None
    """A digest of the cookies and the proxy that were used: it tells that they were changed, and nothing
    else."""


SiteAccesses = Annotated[tuple[SiteAccess, ...], Field(max_length=MAX_ENTRIES)]


def names_once(sites: Iterable[SiteProfile]) -> None:
    """Raise `ValueError` for a name that stands twice; a cluster refuses that by the list's type."""
    seen = set[str]()
    for each in sites:
        if each.name in seen:
            raise ValueError(f"two entries are called {each.name}")
        seen.add(each.name)


def host_of(url: str) -> str:
    """The host of an http or https address in lower case; empty for any other."""
    try:
        parts = urlsplit(url)
        return (parts.hostname or "").rstrip(".") if parts.scheme in ("http", "https") else ""
    except ValueError:
        return ""


def names_of(url: str, recording: str = "", extractors: Iterable[str] = ()) -> tuple[str, ...]:
    """What the site of an address may be called, the best name first.

    Args:
        url: The address.
        recording: The recording's id, if it has one.
        extractors: What yt-dlp calls the site.
    """
    prefix = recording.partition(":")[0]
    names = [*extractors, *([] if prefix in _NOT_SITES else [prefix])]
    labels = host_of(url).split(".")
    above = [".".join(labels[place:]) for place in range(len(labels))]
    names += [_ALIASES[host] for host in above if host in _ALIASES]
    if len(labels) > 1 and not labels[-1].isdigit():  # an IPv4 address has no such label
        names.append(labels[-2])
    return tuple(dict.fromkeys(name for name in (*names, *above) if name))


def chosen(names: Collection[str], known: Collection[str]) -> str | None:
    """The entry for a site with these names: by the first that is known, else `*`, if there is one."""
    for name in names:
        if name in known:
            return name
    return ANY_SITE if ANY_SITE in known else None


def site_name(names: Collection[str], url: str, entry: str | None) -> str:
    """What a site is called in a status: as its entry, or by its host. Cut where an address has a host that
    cannot be: one line of a feed must not keep a status from being written."""
    if entry not in (None, ANY_SITE):
        return str(entry)
    if _YOUTUBE in names:
        return _YOUTUBE
    name = host_of(url).removeprefix("www.") or next(iter(names), ANY_SITE)
    return name[:MAX_SITE_CHARACTERS]
