"""Translates yt-dlp's exceptions into reasons of the failure table.

Called by `ytdlp` for everything it catches. Classes and fields first: the HTTP status, the error number, the
geo-restriction. Then sentences, always from their beginning: matched anywhere, "age" is in "Unable to
download webpage". They are YouTube's and yt-dlp's own.

An error that matches no sentence is classified by the flag that yt-dlp sets where an extractor has understood
the site's answer (`expected`): the error concerns this one recording, which is `Unavailable` in the site's
own words, and a backlog goes on. Without the flag yt-dlp has not understood its site, and that concerns every
recording: `ExtractorBroken`.
"""

import errno
import re
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from traceback import walk_tb
from typing import Any, Final

from yt_dlp.networking.exceptions import HTTPError, NoSupportingHandlers, RequestError, UnsupportedRequest
from yt_dlp.utils import (
    ContentTooShortError,
    DownloadError,
    ExtractorError,
    GeoRestrictedError,
    UnsupportedError,
    UserNotLive,
)

from ingest_contract.failures import Reason
from ingest_worker.errors import StageError
from ingest_worker.sources.empty_lists import EmptyListError

_STATUS: Final = {
    401: Reason.PRIVATE,
    404: Reason.NOT_FOUND,
    410: Reason.NOT_FOUND,
    429: Reason.RATE_LIMITED,
    451: Reason.GEO_BLOCKED,
}
"""HTTP status codes that say more than that the download failed. 403 is not among them: in the middle of a
file it means that the address has expired, and a fresh extraction fixes it."""

_CLASSES: Final[tuple[tuple[type[BaseException], Reason], ...]] = (
    (GeoRestrictedError, Reason.GEO_BLOCKED),
    (UserNotLive, Reason.LIVE_OR_UPCOMING),
    (UnsupportedError, Reason.SOURCE_UNSUPPORTED),
    (UnsupportedRequest, Reason.SOURCE_UNSUPPORTED),
    (NoSupportingHandlers, Reason.SOURCE_UNSUPPORTED),
    (ContentTooShortError, Reason.DOWNLOAD_FAILED),
)

_UNAVAILABLE: Final = r"(?:Video unavailable\. )?"
"""The beginning of YouTube's messages, to which yt-dlp appends the particular reason."""

_NO_LIST: Final = r"This (?:channel does not have a .* tab|account does not have any videos posted)"
"""YouTube's and TikTok's, in yt-dlp's words."""

_SENTENCES: Final = tuple(
    (re.compile(_UNAVAILABLE + pattern, re.IGNORECASE), reason)
    for pattern, reason in (
        (r"Sign in to confirm you[’']re not a bot", Reason.BOT_CHECK),
        (r"[^.]*\. YouTube is requiring a captcha challenge", Reason.BOT_CHECK),
        (r"Got HTTP Error 403 caused by Cloudflare anti-bot challenge", Reason.BOT_CHECK),
        (r"This content isn[’']t available, try again later", Reason.RATE_LIMITED),
        (r"Sign in to confirm your age", Reason.AGE_GATED),
        (r"This video (?:is|may be) (?:age[- ]restricted|inappropriate for some users)", Reason.AGE_GATED),
        (r"Join this channel", Reason.MEMBERS_ONLY),
        (r"This video is available to this channel[’']s members", Reason.MEMBERS_ONLY),
        (r"This video is only available to Music Premium members", Reason.MEMBERS_ONLY),
        (r"This video requires payment", Reason.MEMBERS_ONLY),
        (r"Private video", Reason.PRIVATE),
        (r"This video is private", Reason.PRIVATE),
        (r"This video is only available for registered users", Reason.PRIVATE),
        (r"This video has been removed", Reason.REMOVED),
        (r"This video is no longer available", Reason.REMOVED),
        (r"This video isn[’']t available any ?more", Reason.REMOVED),
        (r"This account has been terminated", Reason.REMOVED),
        (r"This video contains content from .* blocked it in your country", Reason.GEO_BLOCKED),
        (r"This video contains content from .* blocked it", Reason.REMOVED),
        (r"The uploader has not made this video available in your country", Reason.GEO_BLOCKED),
        (r"This video is not available in your country", Reason.GEO_BLOCKED),
        (r"(?:This video|This content) is not available on this country domain", Reason.GEO_BLOCKED),
        (
            (
                r"(?:This live event (?:will begin|has ended)|Premieres? (?:in|will begin)|Waiting for |The "
                r"channel is not currently live)"
            ),
            Reason.LIVE_OR_UPCOMING,
        ),
        (r"We[’']re processing this video", Reason.LIVE_OR_UPCOMING),
        (
            r"(?:This video|This format|The requested site) is (?:known to use )?DRM[- ]protect",
            Reason.DRM_PROTECTED,
        ),
        (r"This video does not exist", Reason.NOT_FOUND),
        (_NO_LIST, Reason.NOT_FOUND),
        (r"m3u8 download detected but ffmpeg could not be found", Reason.SOURCE_UNSUPPORTED),
        (r"Unsupported URL", Reason.SOURCE_UNSUPPORTED),
        (r"The extracted extension .* is unusual and will be skipped", Reason.SOURCE_UNSUPPORTED),
        (r".* is not a valid URL", Reason.SOURCE_UNSUPPORTED),
        (r"Video unavailable\.?$", Reason.REMOVED),
    )
)
"""Beginnings of sentences, the specific ones before the general ones."""

_NOT_READ: Final = re.compile(
    r"(?:Requested format is not available|No video formats found|The page needs to be "
    r"reloaded|(?:Unable|Failed) to )",
    re.IGNORECASE,
)
"""yt-dlp's own messages for a site that it could not read; it flags some of them as expected. "The page needs
to be reloaded" is how YouTube refuses a client that it does not know."""

_LOCAL: Final = {
    errno.ENOSPC: Reason.SCRATCH_FULL,
    errno.EDQUOT: Reason.SCRATCH_FULL,
    errno.EFBIG: Reason.TOO_LONG,
}

_MOST_SECONDS: Final = 86_400
"""If a server asks us to wait longer than a day, the retry is after a day."""


def stage_error(error: BaseException, *, downloading: bool) -> StageError:
    """The typed error for anything that yt-dlp raises.

    Args:
        error: What was caught.
        downloading: Whether extraction had succeeded: then a 404 is a dead link inside, and not an address
            without a page.
    """
    links = list(chain(error))
    for link in links:
        if isinstance(link, StageError):
            return link
    reason = (
        _by_class(links, downloading=downloading)
        or _by_sentence(links)
        or _by_kind(links, downloading=downloading)
    )
    kind = EmptyListError if any(map(_names_no_list, links)) else StageError
    return kind(reason, _message(links), retry_after_seconds=_retry_after(links))


def local_reason(error: OSError) -> Reason | None:
    """The reason if it is this machine's disk that fails; None for any other error."""
    return _LOCAL.get(error.errno or 0)


def chain(error: BaseException) -> Iterator[BaseException]:
    """The exception and all its causes:
    yt-dlp keeps the origin in `exc_info` and `cause`, Python in its own chain."""
    waiting: list[BaseException | None] = [error]
    seen: set[int] = set()
    while waiting:
        link = waiting.pop(0)
        if link is None or id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        classified = getattr(link, "exc_info", None)
        inner = getattr(link, "cause", None)
        waiting += [
            classified[1] if classified else None,
            inner if isinstance(inner, BaseException) else None,
            link.__cause__,
            link.__context__,
        ]


def _by_class(links: list[BaseException], *, downloading: bool) -> Reason | None:
    for link in links:
        if isinstance(link, HTTPError) and link.status in _STATUS:
            found = _STATUS[link.status]
            return Reason.DOWNLOAD_FAILED if downloading and found is Reason.NOT_FOUND else found
        if isinstance(link, OSError) and link.errno in _LOCAL:
            return _LOCAL[link.errno]
        for kind, reason in _CLASSES:
            if isinstance(link, kind):
                return reason
    return None


def _by_sentence(links: list[BaseException]) -> Reason | None:
    for link in links:
        text = _words(link)
        for pattern, reason in _SENTENCES:
            if pattern.match(text):
                return reason
    return None


def _by_kind(links: list[BaseException], *, downloading: bool) -> Reason:
    """A network failure, a site that refuses one recording, or an extractor that no longer fits its site. Any
    other error has no reason yet."""
    if any(isinstance(link, RequestError | OSError) for link in links):
        return Reason.DOWNLOAD_FAILED
    spoken = [link for link in links if isinstance(link, ExtractorError)]
    if spoken:
        of_one = all(link.expected and not _NOT_READ.match(_words(link)) for link in spoken)
        return Reason.UNAVAILABLE if of_one else Reason.EXTRACTOR_BROKEN
    if downloading and isinstance(links[0], DownloadError):
        return Reason.DOWNLOAD_FAILED
    return Reason.EXTRACTOR_BROKEN if any(map(_is_ytdlps, links)) else Reason.UNKNOWN


def _is_ytdlps(link: BaseException) -> bool:
    """Whether yt-dlp failed on what it read, for example on lengths that are not numbers: of its frames and
    ours, the last one is its own."""
    names = [
        str(frame.f_globals.get("__name__")).partition(".")[0] for frame, _ in walk_tb(link.__traceback__)
    ]
    whose = [name for name in names if name in ("yt_dlp", "ingest_worker")]
    return whose[-1:] == ["yt_dlp"]


def _names_no_list(link: BaseException) -> bool:
    return isinstance(link, UserNotLive) or re.match(_NO_LIST, _words(link)) is not None


def _words(link: BaseException) -> str:
    """The message of an exception, without the `ERROR: [site] id:` that yt-dlp puts in front."""
    classified = link.orig_msg if isinstance(link, ExtractorError) else str(link)
    return re.sub(r"^(?:ERROR: )?(?:\[[\w:+.-]+\] )?", "", str(classified))


def _message(links: list[BaseException]) -> str:
    """The most specific text for people: the extractor's own, otherwise the outermost."""
    spoken = next((link for link in links if isinstance(link, ExtractorError)), links[0])
    text = _words(spoken).partition("; please report this issue")[0]
    status = next((f"HTTP {link.status} {link.reason}" for link in links if isinstance(link, HTTPError)), "")
    return text if not status or status.split()[1] in text else f"{text} ({status})"


def _retry_after(links: list[BaseException]) -> int | None:
    """Seconds that the server asks us to wait (RFC 9110, 10.2.3): a number, or a time, which is compared with
    the server's own clock."""
    for link in links:
        if isinstance(link, HTTPError):
            headers: Any = link.response.headers
            asked, now = headers.get("Retry-After"), headers.get("Date")
            return None if asked is None else _seconds(asked.strip(), now)
    return None


def _seconds(asked: str, now: str | None) -> int | None:
    if asked.isdecimal():
        return min(int(asked), _MOST_SECONDS)
    try:
        moments = parsedate_to_datetime(asked), parsedate_to_datetime(now or "")
        return max(0, min(int((moments[0] - moments[1]).total_seconds()), _MOST_SECONDS))
    except (TypeError, ValueError):
        return None
