"""Feeds: RSS, Atom and JSON Feed, with all of their pages (RFC 5005). Called by `feed_pages`.

feedparser reads them, whatever their version and however they are written. A page becomes descriptions in
yt-dlp's terms, as a list has them, and the address of the page with older entries: `prev-archive` in archived
feeds (RFC 5005, 4), `next` in paged ones (3).
"""

import re
from calendar import timegm
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from time import struct_time
from typing import Any, Final, Literal
from urllib.parse import urljoin, urlsplit

import feedparser
from yt_dlp.utils import clean_html, parse_duration

from ingest_contract.failures import Reason
from ingest_contract.text import legible
from ingest_worker.errors import StageError
from ingest_worker.formats import ending_of
from ingest_worker.sources import json_feeds
from ingest_worker.sources.addresses import is_media_address
from ingest_worker.sources.ytdlp import HEAD_BYTES

MOST_PAGES: Final = 500
"""Pages of one feed; archives of a month each reach back forty years."""

_HEARD: Final = ("audio", "video")
_NOT_HEARD: Final = ("image", "text/", "document", "executable", "application/pdf", "application/epub")
"""How types (RFC 6838) and mediums (Media RSS) begin."""
_IMAGES: Final = frozenset(
    {"avif", "bmp", "gif", "heic", "ico", "jpeg", "jpg", "png", "svg", "tif", "tiff", "webp"}
)
_TEXTS: Final = frozenset({"doc", "docx", "epub", "htm", "html", "md", "pdf", "rtf", "srt", "txt", "vtt"})
"""File extensions."""

_OLDEST_SOUND: Final = (1860, 4, 9)
"""Year, month and day of the oldest sound that can be played: an earlier date is a number taken for one."""

_ROOT: Final = re.compile(rb"<(?:[\w-]+:)?(?:rss|feed|RDF)[\s>]", re.IGNORECASE)
_COMMENT: Final = re.compile(rb"<!--.*?(?:-->|\Z)", re.DOTALL)
_PAGE: Final = re.compile(rb"<(?:!doctype\s+)?html", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FeedPage:
    """One page of a feed."""

    title: str
    entries: list[Mapping[str, Any]]
    """In yt-dlp's terms, and `guid`: the entry's own id, empty if it has none or shares it."""
    following: str | None
    """The address of the page with older entries."""
    archives: bool
    """Whether that is an archive (RFC 5005, 4): one may have nothing but what newer pages have, and others
    behind it."""
    broken: str
    """Why the page ends before its end; empty if it does not."""


def is_feed(head: bytes) -> bool:
    """Whether a page that begins like this is a feed."""
    plain = _COMMENT.sub(b"", head.replace(b"\0", b""))  # UTF-16 has a zero beside each of these letters
    is_xml = _ROOT.search(plain) is not None and _PAGE.search(plain) is None
    return is_xml or json_feeds.is_json_feed(head)


def read_page(content: bytes, address: str) -> FeedPage:
    """A page of a feed. Raises `StageError(SOURCE_UNSUPPORTED)` if nothing of it can be understood."""
    if json_feeds.is_json_feed(content[:HEAD_BYTES]):
        return _read_json(json_feeds.parsed(content), address)
    try:
        found = feedparser.parse(
            BytesIO(content),
            response_headers={"content-type": "application/xml"},  # XML says its own encoding
            resolve_relative_uris=False,
            sanitize_html=False,  # nobody sees it as HTML; it takes half of the time
        )
    except (ValueError, TypeError, KeyError, AttributeError, LookupError) as error:
        raise StageError(
            Reason.SOURCE_UNSUPPORTED, f"the feed cannot be understood ({type(error).__name__})"
        ) from error
    broken = _broken(found)
    if broken and not found.entries:
        raise StageError(Reason.SOURCE_UNSUPPORTED, broken)
    title = legible(_title(found.feed))
    if not found.version.startswith("atom"):
        for entry in found.entries:  # the Dublin Core's date is `updated` to feedparser; Atom's is a change
            if "published_parsed" not in entry and "updated_parsed" in entry:
                entry["published_parsed"] = entry["updated_parsed"]
    entries = [
        _described(entry, _media_of(entry, address), address, title, guid)
        for entry, guid in zip(found.entries, _own_ids(found.entries), strict=True)
    ]
    return FeedPage(title, [each for each in entries if each["url"]], *_following(found, address), broken)


def _own_ids(entries: Sequence[Any]) -> list[str]:
    """Each entry's id; empty for one that another entry of the page has too."""
    ids = [str(entry.get("id") or "") for entry in entries]
    times = Counter(ids)
    return [each if times[each] == 1 else "" for each in ids]


def _read_json(feed: dict[str, Any], address: str) -> FeedPage:
    channel, entries = legible(str(feed.get("title") or "")), list[Mapping[str, Any]]()
    items = list(json_feeds.entries_of(feed))
    for item, guid in zip(items, _own_ids(items), strict=True):
        files = [
            (href, _is_media({"type": kind}, href), seconds)
            for href, kind, seconds in json_feeds.attachments_of(item)
        ]
        heard = [each for each in files if each[1]] or [each for each in files if each[1] is None]
        url, _, seconds = heard[0] if heard else (str(item.get("url") or ""), None, None)
        entries.append(
            {
                "_type": "url",
                "url": _joined(address, url),
                "title": str(item.get("title") or ""),
                "duration": seconds,
                "timestamp": _timestamp(json_feeds.published(item)),
                "channel": channel,
                "guid": guid,
            }
        )
    following = _joined(address, str(feed.get("next_url") or "")) or None
    return FeedPage(channel, [each for each in entries if each["url"]], following, archives=False, broken="")


def _broken(found: Any) -> str:
    """Why the XML is no XML, if it is not; a wrong name of an encoding is no damage."""
    error = found.get("bozo_exception")
    line = getattr(error, "getLineNumber", lambda: None)()
    if not found.get("bozo") or line is None:
        return ""
    return f"the feed is no XML from line {line} on: what is behind may be missing"


def _described(entry: Any, url: str, address: str, channel: str, guid: str) -> dict[str, Any]:
    return {
        "_type": "url",
        "url": url,
        "title": _title(entry),
        "duration": _seconds(entry, url, address),
        "timestamp": _timestamp(entry.get("published_parsed")),
        "channel": channel,
        "guid": guid,
    }


def _seconds(entry: Any, url: str, address: str) -> float | None:
    """The entry's length: as iTunes says it, otherwise as Media RSS says it of the file that is taken."""
    said = entry.get("itunes_duration")
    for each in () if said else entry.get("media_content", ()):
        if _joined(address, _href_of(each)) == url:
            said = said or each.get("duration")
    seconds: float | None = parse_duration(str(said or ""))
    return seconds


def _title(thing: Any) -> str:
    """The title of a feed or an entry, as text where it is written as HTML."""
    title = str(thing.get("title") or "")
    is_text = thing.get("title_detail", {}).get("type") == "text/plain"
    return title if is_text else str(clean_html(title) or "")


def _timestamp(moment: struct_time | None) -> int | None:
    """Seconds since 1970; None for no date, or one that is none, such as the `0000-00-00` of databases."""
    try:
        return timegm(moment) if moment and moment[:3] >= _OLDEST_SOUND else None
    except (ValueError, OverflowError):
        return None  # outside the calendar


def _media_of(entry: Any, address: str) -> str:
    """The address of the entry's media, otherwise of its page; empty for an entry with neither. Addresses may
    be relative to the feed's."""
    files = [*entry.get("enclosures", ()), *entry.get("media_content", ())]
    named = [(href, _is_media(each, href)) for each in files if (href := _href_of(each))]
    heard = [href for href, is_media in named if is_media]
    unsure = [href for href, is_media in named if is_media is None]
    if heard or unsure:
        return _joined(address, (heard or unsure)[0])
    link = str(entry.get("link") or "")
    only_id = entry.get("guidislink") and link == entry.get("id")
    # an id that is no address would become the address of a page that nobody has
    return link if only_id else _joined(address, link)


def _href_of(file: Any) -> str:
    return str(file.get("href") or file.get("url") or "").strip()


def _is_media(file: Any, href: str) -> bool | None:
    """Whether an attachment can be heard: by what the feed says of it, then by its file extension. None if
    nothing tells."""
    kind = str(file.get("type") or "").strip().lower()
    # feedparser gives this type to links of Atom that have none
    for said in ("" if kind == "text/html" else kind, str(file.get("medium") or "").strip().lower()):
        if said.startswith(_HEARD):
            return True
        if said.startswith(_NOT_HEARD):
            return False
    return True if is_media_address(href) else _names_no_media(href)


def _names_no_media(href: str) -> Literal[False] | None:
    try:
        return False if ending_of(urlsplit(href).path) in _IMAGES | _TEXTS else None
    except ValueError:
        return None  # it is no address, and is told as such


def _joined(address: str, href: str) -> str:
    try:
        # an address with a scheme stays as it is: `http:///a.mp3` lacks its host, and must not get the feed's
        return urljoin(address, href) if href and not urlsplit(href).scheme else href
    except ValueError:
        return href  # it is no address, and is told as such


def _following(found: Any, address: str) -> tuple[str | None, bool]:
    links = {str(each.get("rel")): str(each.get("href") or "") for each in found.feed.get("links", ())}
    archive = links.get("prev-archive") or ""
    return _joined(address, archive or links.get("next") or "") or None, bool(archive)
