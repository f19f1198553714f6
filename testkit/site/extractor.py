"""What yt-dlp reads our site with: extractors as it has them for the sites of the world, on yt-dlp's own
means alone, because the process of a worker loads this file as a plugin.

A list is as YouTube's: a channel's own address gives its tabs, each a list in the list, read page by page;
entries as the list shows them. A recording that cannot be had is refused in YouTube's words through the
functions that yt-dlp's YouTube extractor calls (`extractor/youtube/_video.py`, `_real_extract`), and a tab
that a channel does not have in that extractor's words (`_tab.py`).
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from yt_dlp.extractor.common import InfoExtractor
from yt_dlp.globals import extractors
from yt_dlp.utils import ExtractorError, urljoin

VARIABLE: Final = "INGEST_YTDLP_PLUGINS"
"""The environment variable from which workers take their folder of plugins."""

_HINT: Final = (
    "Use --cookies-from-browser or --cookies for the authentication. See  "
    "https://github.com/yt-dlp/yt-dlp/wiki/FAQ#how-do-i-pass-cookies-to-yt-dlp  for how to manually pass "
    "cookies"
)
_LIMITED: Final = (
    "The current session has been rate-limited by YouTube for up to an hour. It is recommended to use `-t "
    "sleep` to add a delay between video requests to avoid exceeding the rate limit."
)


class _SiteIE(InfoExtractor):  # type: ignore[misc] # yt-dlp has no types
    _SITE = "tube"

    def _page(self, url: str, name: str) -> dict[str, Any]:
        page: dict[str, Any] = self._download_json(url, name)
        if page.get("status", "OK") != "OK":
            self._refuse(page, name)
        if page.get("drm"):
            self.report_drm(name)
        return page

    def _refuse(self, page: dict[str, Any], name: str) -> None:
        reason = str(page["reason"])
        if page.get("countries"):
            self.raise_geo_restricted(reason, page["countries"], metadata_available=True)
        if "sign in" in reason.lower():
            reason = f"{reason.rstrip('.')}. {_HINT}"
        elif page.get("captcha"):
            reason += ". YouTube is requiring a captcha challenge before playback"
        elif "try again later" in reason:
            reason = f"{reason.rstrip('.')}. {_LIMITED}"
        self.raise_no_formats(reason, expected=True, video_id=name)


class _RecordingIE(_SiteIE):
    _RETURN_TYPE = "video"

    def _real_extract(self, url: str) -> dict[str, Any]:
        name = self._match_id(url)
        page = self._page(url, name)
        captions, automatic = (
            {tag: [{"url": urljoin(url, path), "ext": "vtt"}] for tag, path in page.get(key, {}).items()}
            for key in ("captions", "automatic")
        )
        about = ("title", "duration", "timestamp", "channel", "language", "live_status")
        return {
            "id": name,
            **{key: page[key] for key in about},
            "subtitles": captions,
            "automatic_captions": automatic,
            "formats": [
                {
                    "format_id": "audio",
                    "url": urljoin(url, page["media"]),
                    "ext": "m4a",
                    "acodec": "mp4a.40.2",
                    "vcodec": "none",
                    "language": page["language"],
                }
            ],
        }


class _ChannelIE(_SiteIE):
    _RETURN_TYPE = "any"

    def _real_extract(self, url: str) -> dict[str, Any]:
        name, tab = self._match_valid_url(url).group("id", "tab")
        if tab:
            return self._tab(url, name, tab)
        tabs = self._page(url, name)["tabs"]
        found: dict[str, Any] = self.playlist_result(
            [self._tab(f"{url}/{each}", name, each) for each in tabs], name, name
        )
        return found

    def _tab(self, url: str, name: str, tab: str) -> dict[str, Any]:
        first = self._page(f"{url}?page=0", name)
        if "entries" not in first:
            raise ExtractorError(f"This channel does not have a {tab} tab", expected=True)
        result: dict[str, Any] = self.playlist_result(
            self._entries(url, name, first), name, f"{name} - {tab}", channel=name, uploader=name
        )
        result |= {"extractor_key": self.ie_key(), "extractor": self.IE_NAME, "webpage_url": url}
        return result

    def _entries(self, url: str, name: str, first: dict[str, Any]) -> Iterator[dict[str, Any]]:
        page: int | None = 0
        while page is not None:
            found = first if page == 0 else self._page(f"{url}?page={page}", name)
            for entry in found["entries"]:
                about = {key: entry.get(key) for key in ("duration", "live_status", "availability")}
                yield self.url_result(
                    urljoin(url, entry["path"]), self._RECORDING, entry["id"], entry["title"], **about
                )
            page = found["next"]


class TubeIE(_RecordingIE):
    """A recording of the site `tube`."""

    IE_NAME = "tube"
    _VALID_URL = r"https?://[^/?#]+/tube/(?:watch|shorts)/(?P<id>[\w-]+)"


class TubeTabIE(_ChannelIE):
    """A channel, or one of its tabs."""

    IE_NAME = "tube:tab"
    _RECORDING = "Tube"
    _VALID_URL = r"https?://[^/?#]+/tube/@(?P<id>[\w-]+)(?:/(?P<tab>videos|shorts|streams))?"


class ReelIE(_RecordingIE):
    """A recording of another site."""

    IE_NAME = "reel"
    _VALID_URL = r"https?://[^/?#]+/reel/(?:watch|shorts)/(?P<id>[\w-]+)"


class ReelTabIE(_ChannelIE):
    """A channel of it."""

    IE_NAME = "reel:tab"
    _RECORDING = "Reel"
    _VALID_URL = r"https?://[^/?#]+/reel/@(?P<id>[\w-]+)(?:/(?P<tab>videos|shorts|streams))?"


_ALL: Final = (TubeIE, TubeTabIE, ReelIE, ReelTabIE)


@contextmanager
def registered() -> Iterator[None]:
    """The extractors, in this process, before all others, while the block runs."""
    before = extractors.value
    from yt_dlp.extractor import gen_extractor_classes

    gen_extractor_classes()
    extractors.value = {each.__name__: each for each in _ALL} | dict(extractors.value)
    try:
        yield
    finally:
        extractors.value = before


def folder(place: Path) -> Path:
    """A folder of plugins for `INGEST_YTDLP_PLUGINS`, made at `place`."""
    package = place / "site" / "yt_dlp_plugins" / "extractor"
    package.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(__file__, package / "site.py")
    return place
