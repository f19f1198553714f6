"""Names for recordings: canonical addresses, and the ids under which the store keeps recordings. Pure.

Two spellings of one address must give one id, or a nightly schedule ingests the same recording twice.
"""

import hashlib
import re
from typing import Final
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

from ingest_contract.failures import Reason
from ingest_contract.sites import OWN_PREFIXES, ascii_host
from ingest_contract.text import without_credentials
from ingest_worker.errors import StageError
from ingest_worker.formats import ALL_ENDINGS, ending_of

WEB: Final = frozenset({"http", "https"})
"""The schemes that are fetched; `file` is handled elsewhere."""

_PORTS: Final = {"http": 80, "https": 443}
_TRIPLET: Final = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")

_HASH_DIGITS: Final = 16
_LONGEST_ID_CHARACTERS: Final = 128
"""Characters: what `ItemId` in the contract allows."""

_MANIFESTS: Final = frozenset({"m3u8", "mpd"})


def canonical_url(url: str) -> str:
    """The one spelling of an address, without fragment and user.

    RFC 3986, 6.2.2 and 6.2.3: case, percent-encoding, dot segments, default port. The order of the query
    stays: it can matter.

    Raises:
        NotAnAddressError: not an http or https address.
    """
    parts = split(url)
    host = parts.hostname or ""
    shown = f"[{host}]" if ":" in host else host
    port = "" if parts.port in (None, _PORTS[parts.scheme]) else f":{parts.port}"
    return urlunsplit(
        (parts.scheme, shown + port, _without_dots(_encoded(parts.path)) or "/", _encoded(parts.query), "")
    )


class NotAnAddressError(StageError):
    """An address that cannot be fetched; a `SOURCE_UNSUPPORTED`."""

    def __init__(self, url: str, why: str) -> None:
        super().__init__(Reason.SOURCE_UNSUPPORTED, f"{shown(url) or 'nothing'} is not an address: {why}")


def split(url: str) -> SplitResult:
    """The parts of an http or https address, scheme and host in lower case. Raises `NotAnAddressError` for
    anything else."""
    try:
        parts = urlsplit(url.strip())
        host = ascii_host(parts)
        port = f":{parts.port}" if parts.port is not None else ""  # raises if it is not a number
    except ValueError as error:
        raise NotAnAddressError(url, str(error)) from error
    if parts.scheme not in WEB or not host:
        raise NotAnAddressError(url, "http, https and file are read")
    return parts._replace(netloc=(f"[{host}]" if ":" in host else host) + port)


def as_sent(url: str) -> str:
    """An http or https address in ASCII: characters that must be percent-encoded are, and nothing else is
    changed.

    Raises:
        NotAnAddressError: not an http or https address.
    """
    checked = split(url)
    parts = urlsplit(url.strip())
    if url.isascii() and url.isprintable() and " " not in url:
        return url
    user, mark, _ = parts.netloc.rpartition("@")
    place = quote(user, safe="%:!$&'()*+,;=~-._", errors="replace") + mark + checked.netloc
    return urlunsplit(
        (parts.scheme, place, _encoded(parts.path), _encoded(parts.query), _encoded(parts.fragment))
    )


def shown(url: str) -> str:
    """An address for messages: without user and password, query and fragment, and of readable length."""
    bare = re.sub(r"[?#].*", "", re.sub(r"//[^/@]*@", "//", url.strip()))
    return bare if len(bare) <= 200 else bare[:197] + "..."  # noqa: PLR2004 -- a line


def is_media_address(url: str) -> bool:
    """Whether an address names a media file, judged by its file extension; what is no address names none."""
    try:
        return ending_of(urlsplit(url).path) in ALL_ENDINGS | _MANIFESTS
    except ValueError:
        return False


def has_header(url: str) -> bool:
    """Whether an address names a media file with a header that gives its length, judged by its file
    extension; a manifest is read as a whole."""
    return is_media_file(urlsplit(url).path)


def is_media_file(name: str) -> bool:
    """Whether a file is media, judged by its extension."""
    return ending_of(name) in ALL_ENDINGS


def id_of_url(url: str) -> str:
    """`url:` and 16 hex digits of the canonical address' sha256."""
    return f"url:{_digest(canonical_url(url))}"


def id_of_entry(feed: str, guid: str) -> str:
    """`feed:` and 16 hex digits over the feed's address, without what lets somebody in, and the entry's own
    id."""
    return f"feed:{_digest(f'{canonical_url(without_credentials(feed))} {guid}')}"


def id_of_nothing(text: str) -> str:
    """`url:` and a hash, for an entry without an address:
    it is named among what is left out, and never stored."""
    return f"url:{_digest(text)}"


def recording_id(extractor: str, name: str) -> str:
    """`<extractor>:<id>` with the site's id, or a hash of it if the id is too long for the contract or has
    characters that it does not allow."""
    site = re.sub(r"[^a-z0-9]", "", extractor.lower()) or "site"
    site = f"site{site}" if site in OWN_PREFIXES else site
    found = f"{site}:{name}"
    return (
        found
        if len(found) <= _LONGEST_ID_CHARACTERS and name.isprintable() and name
        else f"{site}:{_digest(name)}"
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_DIGITS]


def _encoded(text: str) -> str:
    """Canonical percent-encoding: unreserved characters plain, escapes in capitals; characters that need
    encoding are encoded."""

    def once(match: re.Match[str]) -> str:
        character = chr(int(match[1], 16))
        return character if character in _UNRESERVED else match[0].upper()

    return quote(_TRIPLET.sub(once, text), safe="/%:@!$&'()*+,;=?~-._[]", errors="replace")


def _without_dots(path: str) -> str:
    """RFC 3986, 5.2.4 for absolute paths."""
    kept: list[str] = []
    parts = path.split("/")
    for part in parts:
        if part == "..":
            kept = kept[:-1] or kept
            if len(kept) == 0:
                kept = [""]
        elif part != ".":
            kept.append(part)
    if parts[-1] in (".", ".."):
        kept.append("")
    joined = "/".join(kept)
    return joined if joined.startswith("/") else "/" + joined
