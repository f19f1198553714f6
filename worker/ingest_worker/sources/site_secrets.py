"""The secrets of sites: read here, in the process that meets no site, and handed to the child that does, in
memory.

Called by `apart`. Nothing that is said afterwards may hold one of them, nor the parts that let somebody in
(`hiding`). What a Receipt tells of them is a digest, by which a change is noticed.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from ingest_contract.failures import Reason
from ingest_contract.sites import SiteAccess
from ingest_worker.errors import StageError
from ingest_worker.hiding import know

_MOST_BYTES: Final = 1 << 20
"""Bytes of one file: what a Secret holds."""

_COOKIE_FIELDS: Final = 7
"""Fields of a line of a cookie file: host, with hosts below, path, https only, expiry, name, value
(curl.se/docs/http-cookies.html)."""

_HTTP_ONLY: Final = "#HttpOnly_"
_DIGITS: Final = 8
"""Hex digits of a digest: enough to notice a change, and of no use to somebody who guesses a password."""

_SCHEMES: Final = frozenset({"http", "socks5", "socks5h"})


@dataclass(frozen=True, slots=True, repr=False)
class Secrets:
    """What a run knows of its sites."""

    access: Sequence[SiteAccess]
    cookies: dict[str, str]
    """Entry to the text of its cookie file."""
    proxies: dict[str, str]
    """Entry to the address of its proxy."""
    missing: dict[str, str] = field(default_factory=dict)
    """Entry to what is missing of it, or is not what it should be: its sites may not be met."""

    @property
    def request(self) -> list[dict[str, Any]]:
        """The part of a child's request with all that it may know."""
        return [
            {
                "name": each.name,
                "cookies": self.cookies.get(each.name),
                "proxy": self.proxies.get(each.name),
                "provider": each.po_token_provider,
                "missing": self.missing.get(each.name),
            }
            for each in self.access
        ]

    @property
    def digests(self) -> dict[str, str]:
        """Entry to a digest of its secrets, for entries that have some."""
        found = {}
        for each in self.access:
            texts = [text for kept in (self.cookies, self.proxies) if (text := kept.get(each.name))]
            if texts:
                found[each.name] = hashlib.sha256("\0".join(texts).encode()).hexdigest()[:_DIGITS]
        return found


def parts_of(cookies: str | None, proxy: str | None) -> Iterator[str]:
    """What lets somebody in: the values of a cookie file, and an address with the parts of it."""
    yield from _values(cookies or "")
    if proxy:
        parts = urlsplit(proxy)
        for word in (proxy, parts.netloc, parts.username, parts.password, parts.hostname):
            yield unquote(word or "")
            yield word or ""
        yield f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"


def read_secrets(access: Iterable[SiteAccess]) -> Secrets:
    """The secrets of these sites, of which nothing is said from now on.

    Raises:
        StageError: `CREDENTIALS_INVALID` for a file that is missing or is not what it should be, naming the
            Secret and never what is in it.
    """
    found = read_what_is_there(access)
    for said in found.missing.values():
        raise StageError(Reason.CREDENTIALS_INVALID, said)
    return found


def read_what_is_there(access: Iterable[SiteAccess]) -> Secrets:
    """The same for whoever may meet none of them: what is missing is said when its site is to be met."""
    found, cookies, proxies = tuple(access), dict[str, str](), dict[str, str]()
    missing = dict[str, str]()
    for each in found:
        try:
            if each.cookies is not None:
                cookies[each.name] = _cookies(Path(each.cookies))
            if each.proxy is not None:
                proxies[each.name] = _proxy(Path(each.proxy))
        except StageError as error:
            missing[each.name] = str(error)
        know(parts_of(cookies.get(each.name), proxies.get(each.name)))
    return Secrets(found, cookies, proxies, missing)


def _cookies(path: Path) -> str:
    """The lines of a cookie file that hold a cookie. Others are left out: yt-dlp prints them."""
    lines = [line for line in _text(path).splitlines() if _is_cookie(line)]
    if not lines:
        raise _invalid(path, "has no cookie: it must be in Netscape's format, with seven fields in a line")
    return "\n".join(("# Netscape HTTP Cookie File", *lines, ""))


def _is_cookie(line: str) -> bool:
    bare = line.removeprefix(_HTTP_ONLY)
    fields = bare.split("\t")
    return (
        not bare.startswith("#")
        and len(fields) == _COOKIE_FIELDS
        and re.fullmatch(r"[0-9]*(\.[0-9]+)?", fields[4]) is not None
    )


def _values(cookies: str) -> Iterator[str]:
    for line in cookies.splitlines():
        if _is_cookie(line):
            yield line.split("\t")[6]


def _proxy(path: Path) -> str:
    lines = [line.strip() for line in _text(path).splitlines() if line.strip()]
    try:
        parts = urlsplit(lines[0]) if len(lines) == 1 else urlsplit("")
        whole = parts.scheme in _SCHEMES and parts.hostname and parts.port
    except ValueError:
        whole = False
    if not whole:
        raise _invalid(
            path,
            "is not the address of a proxy: one line, http://user:password@host:port or socks5://host:port",
        )
    return lines[0]


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_MOST_BYTES).decode(errors="replace").removeprefix("\ufeff")
    except OSError as error:
        raise _invalid(
            path,
            f"cannot be read ({error.strerror}): is there a Secret {path.parent.name} with the key "
            f"{path.name} in the batch's namespace?",
        ) from None


def _invalid(path: Path, why: str) -> StageError:
    return StageError(Reason.CREDENTIALS_INVALID, f"{path.parent.name}/{path.name} {why}")
