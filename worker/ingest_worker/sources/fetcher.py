"""Fetching for the pipeline: `ports.Fetcher` over yt-dlp and over folders. One recording, onto this disk,
within the profile's limits."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from typing_extensions import override

from ingest_contract.captions import CaptionsProblem, CaptionsWish
from ingest_contract.failures import Reason
from ingest_contract.object_address import is_object
from ingest_contract.order import Item
from ingest_contract.profile import FetchProfile
from ingest_contract.text import without_credentials
from ingest_worker.captions.values import CaptionFile, Captions, NoCaptions
from ingest_worker.domain import Media
from ingest_worker.errors import StageError
from ingest_worker.ports import Fetcher, Report
from ingest_worker.sources import files, options
from ingest_worker.sources.buckets import Buckets
from ingest_worker.sources.budget import for_a_download, for_a_listing
from ingest_worker.sources.captions import fetched
from ingest_worker.sources.captions_beside import with_those_beside
from ingest_worker.sources.child_reports import captions_of, said_of
from ingest_worker.sources.contents import check
from ingest_worker.sources.entries import language_of, title_of
from ingest_worker.sources.guard import Policy, policy_of
from ingest_worker.sources.resolve import NO_SITES, Resolver
from ingest_worker.sources.secret_lists import is_secret, line_of, unquoted
from ingest_worker.sources.sites import Sites
from ingest_worker.sources.ytdlp import Info, Read, SiteSession

_NOTE: Final = "media.json"
"""Beside the media: which item they belong to,
so that a later run on the same disk does not download again."""

_NOT_YET: Final = frozenset({"is_live", "is_upcoming", "post_live"})
"""yt-dlp's `live_status` values of recordings that cannot be fetched, or not completely: the site is still
assembling a `post_live`."""


class SourceFetcher(Fetcher):
    """Implements `ports.Fetcher`."""

    def __init__(
        self,
        fetch: FetchProfile,
        *,
        policy: Policy | None = None,
        sites: Sites = NO_SITES,
        captions: CaptionsWish | None = None,
    ) -> None:
        """`policy` says which addresses may be reached, if not those that the profile allows; `sites` what
        sites want; `captions` which captions are wanted."""
        self._fetch, self._sites, self._wish = fetch, sites, captions
        self._policy = policy or policy_of(fetch.allow)

    @override
    def fetch(self, item: Item, into: Path, report: Report, /) -> Media:
        """The item's media: a local file in its place, everything else downloaded to `into/media.<ext>`.

        Raises:
            StageError: any reason of the kinds `Input` and `Source`, and `SCRATCH_FULL`.
        """
        if files.is_local(item.url):
            media = files.planned_file(item, self._fetch)
            report(1.0)
            return with_those_beside(media, self._wish, self._fetch.allow)
        media = _fetched_before(item, into, self._wish) or self._fetched(item, into, report)
        report(1.0)
        return media

    def _fetched(self, item: Item, into: Path, report: Report) -> Media:
        """The media, and a note about them beside them."""
        if is_secret(item.url):
            line = line_of(item.url)
            with unquoted(line):
                url = Resolver(self._fetch, self._policy, sites=self._sites).of_line(line, item.id)
                media = self._download(url, item.title, into, report)
        elif is_object(item.url):
            media = Buckets(self._fetch, self._policy, lambda: None).fetch(item, into, report)
            if self._wish is not None:
                media = replace(media, captions=NoCaptions(CaptionsProblem.NOT_SEARCHED))
        else:
            media = self._download(item.url, item.title, into, report)
        _remember(item, media, self._wish)
        return media

    @override
    def confirm(self, item: Item, media: Media, /) -> None:
        """Raise `StageError(SOURCE_CHANGED)` for a file that was replaced or has grown while it was read."""
        if files.is_local(item.url):
            check(item.id, media.path)

    def _download(self, url: str, title: str, into: Path, report: Report) -> Media:
        into.mkdir(parents=True, exist_ok=True)
        for leftover in into.glob("media.*"):
            leftover.unlink()
        watch = _Watch(self._fetch, report)
        captions: CaptionFile | NoCaptions | None = None

        def check(info: Info, read: Read) -> None:
            nonlocal captions
            self._check(info)
            if self._wish is not None:
                captions = fetched(info, self._wish, into, read)

        session = SiteSession(
            self._policy,
            options.for_download(into, watch.block),
            lambda: for_a_listing(self._fetch),
            self._sites,
        )
        path, info = session.download(url, check, for_a_download(self._fetch))
        self._check_size(path.stat().st_size)
        duration = info.get("duration")
        title, seconds = title_of(info) or title or path.stem, float(duration) if duration else None
        return Media(path, title, seconds, captions, language_of(info))

    def _check(self, info: Info) -> None:
        """Refuse a recording that extraction shows to be unusable, before any media are downloaded."""
        if info.get("live_status") in _NOT_YET:
            raise StageError(Reason.LIVE_OR_UPCOMING, f"yt-dlp calls it {info['live_status']}")
        seconds = info.get("duration")
        if seconds and seconds > self._fetch.max_duration_seconds:
            raise StageError(
                Reason.TOO_LONG,
                f"{seconds:.0f} s, and the profile allows {self._fetch.max_duration_seconds} s",
            )
        self._check_size(info.get("filesize") or 0)

    def _check_size(self, size: int) -> None:
        if size > self._fetch.max_bytes:
            raise StageError(Reason.TOO_LONG, f"{size} bytes, and the profile allows {self._fetch.max_bytes}")


class _Watch:
    """Receives every block of a download: reports progress, and stops a download that grows too large."""

    def __init__(self, fetch: FetchProfile, report: Report) -> None:
        self._fetch, self._report = fetch, report
        self._share = 0.0

    def block(self, progress: dict[str, Any]) -> None:
        """Called by yt-dlp."""
        done, total = progress.get("downloaded_bytes") or 0, progress.get("total_bytes")
        if max(done, total or 0) > self._fetch.max_bytes:
            raise StageError(
                Reason.TOO_LONG,
                f"{max(done, total or 0)} bytes, and the profile allows {self._fetch.max_bytes}",
            )
        whole = total or progress.get("total_bytes_estimate")
        if whole:
            self._share = max(self._share, min(done / whole, 0.99))
            self._report(self._share)


def _fetched_before(item: Item, into: Path, wish: CaptionsWish | None) -> Media | None:
    """The media of an earlier run on this disk, if they are complete and belong to this item, with the
    captions that are wanted."""
    try:
        note = json.loads((into / _NOTE).read_text(encoding="utf-8"))
        path = into / note["name"]
        whole = (
            note["id"] == item.id
            and note["url"] == without_credentials(item.url)
            and path.stat().st_size == note["size"]
            and note.get("wish") == (wish and wish.to_json())
        )
        captions = captions_of(note.get("captions"), into)
        media = Media(path, note["title"], note["seconds"], captions, note["language"])
    except (OSError, ValueError, KeyError, TypeError, StageError):
        return None
    return media if whole else None


def _without_message(
    captions: CaptionFile | Captions | NoCaptions | None,
) -> CaptionFile | Captions | NoCaptions | None:
    """A message may quote what somebody must not read on a disk: the parent takes out secrets, and this
    process cannot."""
    return NoCaptions(captions.problem) if isinstance(captions, NoCaptions) else captions


def _remember(item: Item, media: Media, wish: CaptionsWish | None) -> None:
    note = {
        "id": item.id,
        "url": without_credentials(item.url),
        "name": media.path.name,
        "size": media.path.stat().st_size,
        "wish": wish and wish.to_json(),
        "captions": said_of(_without_message(media.captions)),
        "language": media.language,
    }
    text = json.dumps({**note, "title": media.title, "seconds": media.duration_seconds})
    draft = media.path.with_name(f"{_NOTE}.part")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(draft.with_name(_NOTE))
    except OSError as error:
        raise StageError(Reason.SCRATCH_FULL, f"{draft.name}: {error.strerror}") from error
