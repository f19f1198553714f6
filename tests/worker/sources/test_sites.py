"""A site with extractors of its own, as a video site has: channels with tabs, ids, and sentences about what
cannot be had."""

import json
from pathlib import Path
from typing import Any, ClassVar

import pytest
from yt_dlp import globals as yt_dlp_globals
from yt_dlp.extractor import gen_extractor_classes
from yt_dlp.extractor.common import InfoExtractor
from yt_dlp.utils import ExtractorError

from ingest_contract.failures import Reason
from ingest_contract.plan_document import SkipReason
from ingest_contract.selection import Include, Order
from testkit.media.site import Site
from tests.worker.sources.planner import Planner, episode, feed, titles
from tests.worker.sources.test_fetch import failure, fetch


class TubeIE(InfoExtractor):  # type: ignore[misc]  # yt-dlp has no types
    """A recording, described by JSON."""

    _VALID_URL = r"http://[^/]+/watch/(?P<id>\w+)$"
    _TESTS: ClassVar[list[dict[str, Any]]] = [{"url": "http://tube/watch/1", "info_dict": {}}]

    def _real_extract(self, url: str) -> dict[str, Any]:
        name = self._match_id(url)
        told = self._download_json(url, name)
        if "error" in told:
            raise ExtractorError(told["error"], expected=True)
        return {"id": name, **told}


class TubeListIE(InfoExtractor):  # type: ignore[misc]  # yt-dlp has no types
    """A channel or one of its tabs, described by JSON."""

    _VALID_URL = r"http://[^/]+/list/(?P<id>\w+)$"
    _TESTS: ClassVar[list[dict[str, Any]]] = [
        {"url": "http://tube/list/1", "playlist_mincount": 1, "info_dict": {}}
    ]

    def _real_extract(self, url: str) -> dict[str, Any]:
        name = self._match_id(url)
        rows = self._download_json(url, name)
        entries = [self.url_result(row.pop("to"), row.pop("by"), row.pop("id", None), **row) for row in rows]
        return dict(self.playlist_result(entries, name, "A channel"))


@pytest.fixture
def planner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Planner:
    gen_extractor_classes()
    mine = {"TubeIE": TubeIE, "TubeListIE": TubeListIE}
    monkeypatch.setattr(yt_dlp_globals.extractors, "value", {**mine, **yt_dlp_globals.extractors.value})
    return Planner(tmp_path / "scratch")


def video(site: Site, name: str, **told: Any) -> str:
    return site.put(f"/watch/{name}", json.dumps({"title": name, "url": site.url("/film.mp4"), **told}))


def row(site: Site, name: str, **told: Any) -> dict[str, Any]:
    return {"to": site.url(f"/watch/{name}"), "by": "Tube", "id": name, "title": name, **told}


def test_a_channel_is_opened_down_to_the_recordings_of_its_tabs(site: Site, planner: Planner) -> None:
    tabs = [{"to": site.url(f"/list/{name}"), "by": "TubeList"} for name in ("videos", "streams")]
    site.put("/list/channel", json.dumps(tabs))
    site.put("/list/videos", json.dumps([row(site, "a", duration=60), row(site, "b", duration=90)]))
    site.put(
        "/list/streams",
        json.dumps(
            [row(site, "c", duration=70, live_status="was_live"), row(site, "d", live_status="is_upcoming")]
        ),
    )
    found = planner.plan(site.url("/list/channel"))
    assert [(item.id, item.duration_seconds) for item in found.items] == [("tube:b", 90), ("tube:a", 60)]
    assert found.skip_counts == {SkipReason.LIVE_OR_UPCOMING: 2}
    assert titles(planner.plan(site.url("/list/channel"), include=(Include.LIVE,))) == ["b", "c", "a"]
    assert not any(path.startswith("/watch/") for path, _ in site.asked)


def test_only_what_is_missing_and_wanted_is_looked_up(site: Site, planner: Planner) -> None:
    video(site, "a", duration=60, timestamp=1735732800)
    video(site, "b", duration=90, timestamp=1535732800)
    url = site.put(
        "/list/videos",
        json.dumps(
            [
                row(site, "a", duration=61),
                row(site, "b", duration=91),
                row(site, "c", timestamp=1735732800, duration=5),
            ]
        ),
    )
    found = planner.plan(url, published_after="2024-01-01", order=Order.SOURCE)
    assert [(item.id, item.duration_seconds, item.published_at) for item in found.items] == [
        ("tube:a", 61, "2025-01-01T12:00:00Z"),
        ("tube:c", 5, "2025-01-01T12:00:00Z"),
    ]
    assert site.times("/watch/c") == 0


def test_a_recording_that_is_private_or_not_shown_yet_is_reported_in_the_plan_and_starts_no_run(
    site: Site, planner: Planner
) -> None:
    private = video(site, "p", error="Private video. Sign in if you've been granted access to this video")
    upcoming = video(site, "u", error="Premieres in 3 hours")
    found = planner.plan(private, upcoming, video(site, "a", duration=60))
    assert titles(found) == ["a"]
    assert {(left.id, left.reason.value, left.detail) for left in found.skipped} == {
        ("tube:p", "KnownOutcome", "Private"),
        ("tube:u", "LiveOrUpcoming", "upcoming"),
    }


def test_a_dead_link_to_one_recording_takes_no_other_with_it(site: Site, planner: Planner) -> None:
    found = planner.plan(site.put("/watch/gone", status=404), video(site, "a", duration=60))
    assert [item.id for item in found.items] == ["tube:gone", "tube:a"]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [({"error": "Sign in to confirm you’re not a bot"}, Reason.BOT_CHECK), (None, Reason.DOWNLOAD_FAILED)],
)
def test_a_site_in_trouble_fails_the_plan_which_is_made_again_later(
    answer: dict[str, str] | None, reason: Reason, site: Site, planner: Planner
) -> None:
    url = video(site, "a", **answer) if answer else site.put("/watch/a", status=500)
    assert planner.failure(url).reason is reason


def test_a_tab_that_cannot_be_read_fails_the_plan(site: Site, planner: Planner) -> None:
    site.put("/list/channel", json.dumps([{"to": site.url("/list/videos"), "by": "TubeList"}]))
    error = planner.failure(site.url("/list/channel"))
    assert error.reason is Reason.NOT_FOUND
    assert "/list/channel" in str(error)


def test_a_feed_that_lists_a_sites_pages_uses_the_sites_ids(site: Site, planner: Planner) -> None:
    found = planner.plan(
        feed(site, episode(site, 1, name="/watch/a", seconds=60)), video(site, "a", duration=60)
    )
    assert [item.id for item in found.items] == ["tube:a"]
    assert found.skip_counts == {SkipReason.DUPLICATE: 1}


@pytest.mark.usefixtures("planner")
def test_a_recording_of_a_site_is_fetched_with_its_announced_length(
    site: Site, media: dict[str, bytes], tmp_path: Path
) -> None:
    site.put("/film.mp4", media["film.mp4"])
    found = fetch(video(site, "a", duration=6, title="A talk"), tmp_path)
    assert (found.title, found.duration_seconds) == ("A talk", 6.0)


@pytest.mark.usefixtures("planner")
@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"live_status": "is_live"}, Reason.LIVE_OR_UPCOMING),
        ({"live_status": "post_live"}, Reason.LIVE_OR_UPCOMING),
        ({"duration": 1e5}, Reason.TOO_LONG),
        (
            {"formats": [{"url": "http://127.0.0.1/a", "format_id": "a", "has_drm": True}]},
            Reason.DRM_PROTECTED,
        ),
        ({"url": "rtmp://127.0.0.1/a"}, Reason.EXTRACTOR_BROKEN),
        ({"error": "Video unavailable. This video has been removed by the uploader"}, Reason.REMOVED),
        ({"error": "This content isn't available, try again later."}, Reason.RATE_LIMITED),
        ({"title": None, "url": None}, Reason.EXTRACTOR_BROKEN),
    ],
)
def test_what_extraction_shows_ends_a_fetch_before_a_byte_is_moved(
    told: dict[str, Any], reason: Reason, site: Site, tmp_path: Path
) -> None:
    assert failure(video(site, "a", **told), tmp_path).reason is reason
    assert site.times("/film.mp4") == 0
