"""What a site wants from those who fetch from it: cookies, a proxy, a pace, proof-of-origin tokens. Pure.

An entry is found by the name of its site. `*` is for every site that has no entry of its own; two entries are
never mixed.
"""

import re
from collections.abc import Collection, Iterable
from typing import Annotated, Final, Self
from urllib.parse import SplitResult, urlsplit

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
"""A host with all below it (`example.org`), `youtube`, another site as yt-dlp calls it (`vimeo`), or `*`."""

_YOUTUBE: Final = "youtube"
_HOSTS: Final = {
    _YOUTUBE: frozenset(
        {"youtube.com", "youtu.be", "youtube-nocookie.com", "youtubekids.com", "youtube.googleapis.com"}
    )
}
"""The hosts of a site whose name is none, with all below them: those that yt-dlp's extractor takes for it. No
other host is that site, whatever an id says."""

_HOST: Final = re.compile(r"[a-z0-9._-]+")
"""Characters of a host's name (RFC 1123, 2.1), and the underscores that some have."""

OWN_PREFIXES: Final = frozenset({"feed", "file", "s3", "url", "voice"})
"""Beginnings of ids that are ours, and no site's."""


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
    """The site: `youtube`, a host such as `media.example.org` with all hosts below it, another site by the
    name that yt-dlp has for it, or `*`. A host is the surer name: only what it says is known before yt-dlp is
    asked."""

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
    """The host of an http or https address in lower case and in ASCII; empty for any other."""
    try:
        parts = urlsplit(url)
        return ascii_host(parts) if parts.scheme in ("http", "https") else ""
    except ValueError:
        return ""


def ascii_host(parts: SplitResult) -> str:
    r"""The host of a split address in lower case and in ASCII (RFC 3490); empty if it has none.

    Raises:
        ValueError: no host has such a name, or it is read in different ways: `https://evil.org\@youtube.com/`
            is at youtube.com for `urllib.parse`, and at evil.org for urllib3 and browsers.
    """
    host = parts.hostname or ""
    host = host if ":" in host else host.encode("idna").decode("ascii").rstrip(".")
    if "\\" in parts.netloc:
        raise ValueError("a host has no backslash")
    if host and ":" not in host and not _HOST.fullmatch(host):
        raise ValueError("no host has such a name")
    return host


def is_only_ytdlps(name: str) -> bool:
    """Whether yt-dlp alone says which addresses are this site's: its name is no host, and its hosts are not
    known here."""
    return name != ANY_SITE and "." not in name and name not in _HOSTS


def names_of(url: str, recording: str = "", extractors: Iterable[str] = ()) -> tuple[str, ...]:
    """What the site of an address may be called, the best name first.

    Who says it: yt-dlp, whose extractors know their hosts, and the host. Nothing is guessed from a part of a
    host's name, which anybody can register: `youtube.evil` is not `youtube`.

    Args:
        url: The address.
        recording: The recording's id, if it has one: it begins with what yt-dlp calls the site.
        extractors: What yt-dlp calls the site.
    """
    host, prefix = host_of(url), recording.partition(":")[0]
    labels = host.split(".")
    # what is above an IPv4 address, or is the last label alone, is no host
    whole = ":" in host or labels[-1].isdigit()
    above = [host, *(() if whole else (".".join(labels[place:]) for place in range(1, len(labels) - 1)))]
    known = [name for name, hosts in _HOSTS.items() if not hosts.isdisjoint(above)]
    reported = [prefix] if prefix not in OWN_PREFIXES else []
    if reported and len(labels) > 1 and prefix.startswith(labels[-2]):  # `twitchvod:1` at twitch.tv
        reported.append(labels[-2])
    reported, above = ([name for name in names if name not in _HOSTS] for names in (reported, above))
    return tuple(dict.fromkeys(name for name in (*extractors, *reported, *known, *above) if name))


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
