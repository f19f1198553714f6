"""Names for recordings: canonical addresses, and the ids that the store knows recordings by. Pure.

Two spellings of one address must give one id, or a nightly schedule ingests the same recording twice.
"""

import hashlib
import re
from pathlib import PurePath
from typing import Final
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

from ingest_contract.failures import Reason
from ingest_worker.errors import StageError

WEB: Final = frozenset({"http", "https"})
"""The schemes that are fetched; `file` is handled apart."""

_PORTS: Final = {"http": 80, "https": 443}
_TRIPLET: Final = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_HASH_DIGITS: Final = 16
_LONGEST_ID: Final = 128
"""Characters: what `ItemId` in the contract allows."""

_MANIFESTS: Final = frozenset({"m3u8", "mpd"})
_SOUNDS: Final = frozenset(
    {"aac", "ac3", "aif", "aiff", "amr", "caf", "flac", "m4a", "m4b", "mka", "mp3", "oga", "ogg", "opus", "wav", "weba", "wma"}
)
_FILMS: Final = frozenset({"3gp", "avi", "flv", "m2ts", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "mts", "ogv", "ts", "webm", "wmv"})


def canonical_url(url: str) -> str:
    """The one spelling of an address, without fragment and user.

    RFC 3986, 6.2.2 and 6.2.3: case, percent-encoding, dot segments, default port. The order of the query stays: it can matter.

    Raises:
        StageError: `SOURCE_UNSUPPORTED` for what is no http or https address.
    """
    parts = split(url)
    host = parts.hostname or ""
    shown = f"[{host}]" if ":" in host else host
    port = "" if parts.port in (None, _PORTS[parts.scheme]) else f":{parts.port}"
    return urlunsplit((parts.scheme, shown + port, _without_dots(_encoded(parts.path)) or "/", _encoded(parts.query), ""))


def split(url: str) -> SplitResult:
    """The parts of an http or https address, scheme and host in lower case. Raises `StageError(SOURCE_UNSUPPORTED)` for anything else."""
    try:
        parts = urlsplit(url.strip())
        host = (parts.hostname or "").rstrip(".")
        if not host.isascii():
            host = host.encode("idna").decode("ascii")
        port = f":{parts.port}" if parts.port is not None else ""  # raises for what is no number
    except ValueError as error:
        raise StageError(Reason.SOURCE_UNSUPPORTED, f"{shown(url)} is not an address: {error}") from error
    if parts.scheme not in WEB or not host:
        raise StageError(Reason.SOURCE_UNSUPPORTED, f"{shown(url)} is not an address: http, https and file are read")
    return parts._replace(netloc=(f"[{host}]" if ":" in host else host) + port)


def shown(url: str) -> str:
    """An address for messages: without user and password, query and fragment, and of readable length."""
    bare = re.sub(r"[?#].*", "", re.sub(r"//[^/@]*@", "//", url.strip()))
    return bare if len(bare) <= 200 else bare[:197] + "..."  # noqa: PLR2004 -- a line


def looks_like_media(url: str) -> bool:
    """Whether an address names a media file, as far as its ending tells."""
    return urlsplit(url).path.rpartition(".")[2].lower() in _SOUNDS | _FILMS | _MANIFESTS


def has_header(url: str) -> bool:
    """Whether an address names a media file that tells its own length, as far as its ending tells; a manifest is read as a whole."""
    return is_media_file(urlsplit(url).path)


def is_media_file(name: str) -> bool:
    """Whether a file is media, as far as its ending tells."""
    return PurePath(name).suffix[1:].lower() in _SOUNDS | _FILMS


def id_of_url(url: str) -> str:
    """`url:` and 16 hex digits of the canonical address' sha256."""
    return f"url:{_digest(canonical_url(url))}"


def id_of_file(uri: str) -> str:
    """`file:` and 16 hex digits of the resolved path's sha256, as a URI."""
    return f"file:{_digest(uri)}"


def id_of_video(extractor: str, name: str) -> str:
    """`<extractor>:<id>` as the site names it, or a hash of it where the contract has no room or no letters for it."""
    site = re.sub(r"[^a-z0-9]", "", extractor.lower()) or "site"
    found = f"{site}:{name}"
    return found if len(found) <= _LONGEST_ID and name.isprintable() and name else f"{site}:{_digest(name)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_DIGITS]


def _encoded(text: str) -> str:
    """Percent-encoding in one way: unreserved characters bare, the rest in capitals; what may not stand bare is encoded."""

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
