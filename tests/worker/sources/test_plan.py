"""Plans from real servers and real folders: what is found, what is asked of whom, and what a broken source
does to the others."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import pytest

from ingest_contract.failures import Reason
from ingest_contract.order import Place, PlannedSource, PlanOrder, SpeakerCount
from ingest_contract.plan_document import PlanDocument, SkipReason, frames, unframe
from ingest_contract.profile import AllowedSources, FetchProfile
from ingest_contract.selection import Order, Reprocess, Select
from ingest_worker.errors import StageError
from ingest_worker.planning import StoredRecording
from ingest_worker.sources.addresses import id_of_url
from ingest_worker.sources.plan import make_plan
from testkit.media.site import Site
from tests.worker.test_planning import SETTINGS


class Planner:
    """Makes plans in one scratch folder, with one store."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self.stored: dict[str, StoredRecording] = {}
        self.allow: dict[str, Any] = {"private_addresses": True}
        self.asked: list[Sequence[str]] = []
        self.kept: dict[str, str] = {}

    def store(self, ids: Sequence[str]) -> Mapping[str, StoredRecording]:
        self.asked.append(ids)
        return {name: self.stored[name] for name in ids if name in self.stored}

    def order(self, *sources: str | PlannedSource, **select: Any) -> PlanOrder:
        return PlanOrder(
            trace_id="0" * 32,
            batch="default/test",
            sources=tuple(
                each if isinstance(each, PlannedSource) else PlannedSource(url=each) for each in sources
            ),
            select=Select(**select),
            reprocess=Reprocess.NEVER,
            settings=SETTINGS,
            fetch=FetchProfile(allow=AllowedSources(**self.allow)),
            place=Place(models="/m", scratch=str(self.scratch), receipt="/r"),
        )

    def plan(self, *sources: str | PlannedSource, **select: Any) -> PlanDocument:
        return make_plan(self.order(*sources, **select), self.store, self.kept.update)

    def failure(self, *sources: str, **select: Any) -> StageError:
        with pytest.raises(StageError) as caught:
            self.plan(*sources, **select)
        return caught.value


@pytest.fixture
def planner(tmp_path: Path) -> Planner:
    return Planner(tmp_path / "scratch")


def feed(site: Site, *episodes: str) -> str:
    spaces = 'xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd"'
    head = f'<?xml version="1.0"?><rss version="2.0" {spaces}><channel><title>A show</title>'
    return site.put("/feed.xml", f"{head}{''.join(episodes)}</channel></rss>")


def episode(
    site: Site, number: int, *, name: str = "", seconds: int | None = None, day: int | None = None
) -> str:
    length = "" if seconds is None else f"<itunes:duration>{seconds}</itunes:duration>"
    date = "" if day is None else f"<pubDate>{day:02} Jan 2025 10:00:00 GMT</pubDate>"
    url = site.url(name or f"/e{number}.mp3")
    return (
        f'<item><title>Episode {number}</title><guid>guid-{number}</guid><enclosure url="{url}" '
        f'type="audio/mpeg"/>{length}{date}</item>'
    )


def titles(document: PlanDocument) -> list[str]:
    return [item.title for item in document.items]


@pytest.mark.slow
def test_media_files_get_their_lengths_from_their_headers_and_the_longest_comes_first(
    site: Site, media: dict[str, bytes], planner: Planner
) -> None:
    names = ["short.mp3", "film.mp4", "long.mp4", "clip.webm", "call.wav", "note.ogg", "first-quick.mp4"]
    found = planner.plan(*(site.put(f"/{name}", media[name]) for name in names))
    assert [(item.title, item.duration_seconds) for item in found.items] == [
        ("long", 20),
        ("film", 6),
        ("clip", 6),
        ("call", 6),
        ("note", 6),
        ("first-quick", 6),
        ("short", 3),
    ]
    assert found.media_seconds == 53
    assert found.items[0].id == id_of_url(site.url("/long.mp4"))
    assert list(planner.scratch.iterdir()) == []


def test_the_length_of_a_large_file_takes_a_small_part_of_it(
    site: Site, media: dict[str, bytes], planner: Planner
) -> None:
    content = media["long.mp4"]
    first = int.from_bytes(content[:4], "big")
    # before the rest, so the index moves far behind
    filler = (20_000_000).to_bytes(4, "big") + b"free" + bytes(20_000_000 - 8)
    site.put("/large.mp4", content[:first] + filler + content[first:])
    found = planner.plan(site.url("/large.mp4"))
    assert found.items[0].duration_seconds == 20
    moved = [asked for path, asked in site.asked if asked and path == "/large.mp4"]
    sizes = [
        int(asked.partition("-")[2]) - int(asked.partition("=")[2].partition("-")[0]) + 1 for asked in moved
    ]
    assert sum(sizes) < 1_000_000


def test_lengths_are_not_asked_for_where_nobody_needs_them(
    site: Site, media: dict[str, bytes], planner: Planner
) -> None:
    found = planner.plan(site.put("/film.mp4", media["film.mp4"]), order=Order.SOURCE)
    assert found.items[0].duration_seconds is None
    assert found.unknown_durations == 1
    assert len(site.asked) == 1


def test_a_feed_gives_its_episodes_with_lengths_dates_and_titles(
    site: Site, media: dict[str, bytes], planner: Planner
) -> None:
    site.put("/e3.mp3", media["short.mp3"])
    url = feed(
        site,
        episode(site, 1, seconds=100, day=1),
        episode(site, 2, seconds=300, day=2),
        episode(site, 3, day=3),
    )
    found = planner.plan(PlannedSource(url=url, speakers=SpeakerCount(max=2)))
    assert [(item.title, item.duration_seconds, item.published_at) for item in found.items] == [
        ("Episode 2", 300, "2025-01-02T10:00:00Z"),
        ("Episode 1", 100, "2025-01-01T10:00:00Z"),
        ("Episode 3", 3, "2025-01-03T10:00:00Z"),
    ]
    assert {item.speakers.max for item in found.items} == {2}
    assert found.items[0].url == site.url("/e2.mp3")
    assert site.times("/e1.mp3") == 0


def test_what_the_store_has_is_not_looked_at_closely(
    site: Site, media: dict[str, bytes], planner: Planner
) -> None:
    site.put("/e2.mp3", media["short.mp3"])
    planner.stored[id_of_url(site.url("/e1.mp3"))] = StoredRecording(unchanged=True)
    found = planner.plan(feed(site, episode(site, 1), episode(site, 2)))
    assert titles(found) == ["Episode 2"]
    assert found.skip_counts == {SkipReason.ALREADY_STORED: 1}
    assert site.times("/e1.mp3") == 0
    assert planner.asked == [sorted(id_of_url(site.url(f"/e{number}.mp3")) for number in (1, 2))]


def test_dates_that_a_list_does_not_tell_are_found_out_when_they_decide(
    site: Site, media: dict[str, bytes], planner: Planner
) -> None:
    for number, day in ((1, "Mon, 06 Jan 2025 10:00:00 GMT"), (2, "Mon, 06 Jan 2020 10:00:00 GMT")):
        site.put(f"/e{number}.mp3", media["short.mp3"], headers={"Last-Modified": day})
    found = planner.plan(
        feed(site, episode(site, 1), episode(site, 2), episode(site, 3, day=7)),
        published_after="2025-01-01",
        order=Order.SOURCE,
    )
    assert titles(found) == ["Episode 1", "Episode 3"]
    assert found.skipped[0].detail == "2020-01-06"


def test_hls_has_its_length_and_a_live_one_is_left_out(site: Site, planner: Planner) -> None:
    pieces = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:9\n#EXTINF:9.0,\n0.ts\n#EXTINF:9.0,\n1.ts\n"
    ended, live = site.put("/ended.m3u8", pieces + "#EXT-X-ENDLIST\n"), site.put("/live.m3u8", pieces)
    found = planner.plan(ended, live)
    assert [(item.id, item.duration_seconds) for item in found.items] == [(id_of_url(ended), 18)]
    assert found.skip_counts == {SkipReason.LIVE_OR_UPCOMING: 1}


@pytest.mark.parametrize("status", [404, 403, 500, 429])
def test_a_media_file_that_does_not_answer_is_still_planned_and_fails_in_its_own_run(
    status: int, site: Site, media: dict[str, bytes], planner: Planner
) -> None:
    found = planner.plan(site.put("/gone.mp4", status=status), site.put("/film.mp4", media["film.mp4"]))
    assert {item.url for item in found.items} == {site.url("/gone.mp4"), site.url("/film.mp4")}
    # who asks us to slow down is asked nothing more
    assert found.unknown_durations == (2 if status == 429 else 1)


def test_an_address_that_the_profile_refuses_is_still_planned(planner: Planner) -> None:
    planner.allow = {}
    assert [item.url for item in planner.plan("http://10.0.0.1/a.mp4").items] == ["http://10.0.0.1/a.mp4"]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"status": 404}, Reason.NOT_FOUND),
        ({"status": 500}, Reason.DOWNLOAD_FAILED),
        ({"status": 429, "headers": {"Retry-After": "60"}}, Reason.RATE_LIMITED),
        ({"body": "<html><body>Hello</body></html>"}, Reason.SOURCE_UNSUPPORTED),
    ],
)
def test_a_list_that_cannot_be_read_fails_the_plan_by_name(
    answer: dict[str, Any], reason: Reason, site: Site, planner: Planner
) -> None:
    error = planner.failure(site.put("/list", **answer), site.url("/film.mp4"))
    assert error.reason is reason
    assert "/list" in str(error)
    assert error.retry_after_seconds == (60 if reason is Reason.RATE_LIMITED else None)


def test_a_site_that_slows_us_down_fails_a_plan_only_when_dates_decide(site: Site, planner: Planner) -> None:
    site.put("/e1.mp3", status=429)
    url = feed(site, episode(site, 1), episode(site, 2))
    assert planner.plan(url).unknown_durations == 2
    assert site.times("/e2.mp3") == 0
    assert planner.failure(url, order=Order.NEWEST_FIRST).reason is Reason.RATE_LIMITED


def test_the_same_recording_in_two_sources_is_planned_once(
    site: Site, media: dict[str, bytes], planner: Planner
) -> None:
    direct = site.put("/e1.mp3", media["short.mp3"])
    found = planner.plan(
        feed(site, episode(site, 1, seconds=3)), direct.replace("http://", "HTTP://") + "#t=5"
    )
    assert titles(found) == ["Episode 1"]
    assert found.skip_counts == {SkipReason.DUPLICATE: 1}


def test_a_page_with_two_players_is_two_recordings(
    site: Site, media: dict[str, bytes], planner: Planner
) -> None:
    for name in ("film.mp4", "short.mp3"):
        site.put(f"/v/{name}", media[name])
    page = (
        '<html><head><title>Two</title></head><body><video src="/v/film.mp4"></video><audio '
        'src="/v/short.mp3"></audio></body></html>'
    )
    found = planner.plan(site.put("/page.html", page))
    assert {item.url for item in found.items} == {site.url("/v/film.mp4"), site.url("/v/short.mp3")}
    assert found.media_seconds == 9


def test_folders_and_files_are_planned_with_their_lengths(
    tmp_path: Path, media: dict[str, bytes], planner: Planner
) -> None:
    folder = tmp_path / "recordings"
    (folder / "2025").mkdir(parents=True)
    for name in ("film.mp4", "2025/short.mp3", "2025/long.mp4"):
        (folder / name).write_bytes(media[name.rpartition("/")[2]])
    planner.allow = {"folders": (str(folder),)}
    whole = planner.plan(folder.as_uri())
    assert [(item.title, item.duration_seconds) for item in whole.items] == [
        ("long", 20),
        ("film", 6),
        ("short", 3),
    ]
    part = planner.plan(PlannedSource(url=folder.as_uri(), glob="2025/*.mp3"), (folder / "gone.mp4").as_uri())
    assert {item.url for item in part.items} == {
        (folder / "2025/short.mp3").as_uri(),
        (folder / "gone.mp4").as_uri(),
    }
    assert len({item.id for item in part.items} & {item.id for item in whole.items}) == 1
    assert planner.failure((tmp_path / "elsewhere").as_uri()).reason is Reason.SOURCE_REFUSED
    assert planner.failure((folder / "2030").as_uri()).reason is Reason.NOT_FOUND


@pytest.mark.slow
def test_the_same_sources_give_the_same_plan_and_it_survives_the_log(
    site: Site, media: dict[str, bytes], planner: Planner
) -> None:
    urls = [site.put(f"/{name}", media[name]) for name in ("film.mp4", "clip.webm", "talk.mp3")]
    first = planner.plan(*urls)
    assert planner.plan(*urls).sha256 == first.sha256
    assert unframe(frames(first)) == first


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/a.mp4",
        "ytsearch:talk",
        "not an address",
        "http://[::1",
        "http://a.example:99999/a.mp3",
    ],
)
def test_a_plan_of_one_source_that_is_no_address_says_so(url: str, planner: Planner) -> None:
    assert planner.failure(url).reason is Reason.SOURCE_UNSUPPORTED


NO_ADDRESSES = [
    "magnet:?xt=urn:btih:1",
    "ftp://example.org/a.mp3",
    "mailto:ann@example.org",
    "file:///etc/passwd",
    "http://example.org:99999/a.mp3",
    "http://example.org:-1/a.mp3",
    "http://[::1",
    "http://[zz]/a.mp3",
    "http://a b.example/a.mp3",
    f"http://{'a' * 64}.example/a.mp3",
    "http:///a.mp3",
    "javascript:alert(1)",
    "/episode.mp3",
]


def entry(number: int, url: str, title: str = "") -> str:
    return (
        f"<item><title>{title or f'Episode {number}'}</title><guid>g{number}</guid><enclosure "
        f"url={quoteattr(url)}/></item>"
    )


@pytest.mark.parametrize("bad", NO_ADDRESSES)
def test_an_entry_that_is_no_address_is_left_out_and_counted_and_takes_no_other_with_it(
    bad: str, site: Site, planner: Planner
) -> None:
    good = [entry(number, site.url(f"/e{number}.mp3")) for number in (1, 3)]
    found = planner.plan(
        feed(site, good[0], entry(2, bad), good[1]), site.url("/other.mp3"), order=Order.SOURCE
    )
    assert [item.url for item in found.items] == [site.url(f"/{name}.mp3") for name in ("e1", "e3", "other")]
    assert found.skip_counts == {SkipReason.ADDRESS_INVALID: 1}
    assert found.skipped[0].title == "Episode 2"
    assert "is not an address" in found.skipped[0].detail


def test_a_source_that_is_no_address_is_left_out_beside_others(site: Site, planner: Planner) -> None:
    found = planner.plan(
        "http://[::1", site.url("/a.mp3"), "http://a.example:99999/b.mp3", order=Order.SOURCE
    )
    assert [item.url for item in found.items] == [site.url("/a.mp3")]
    assert found.skip_counts == {SkipReason.ADDRESS_INVALID: 2}


def test_a_title_is_one_legible_line_whatever_its_feed_says(site: Site, planner: Planner) -> None:
    title = "A\u202e b&#x9b;31m \n\t c\u2066 d"
    found = planner.plan(feed(site, entry(1, site.url("/e1.mp3"), title)), order=Order.SOURCE)
    assert [item.title for item in found.items] == ["A b31m c d"]


def test_a_page_whose_title_has_half_an_emoji_is_planned_with_the_others(
    site: Site, media: dict[str, bytes], planner: Planner
) -> None:
    site.put("/v/film.mp4", media["film.mp4"])
    head = "<title>Half &#xd83d; of &#0;it</title>"
    page = site.put(
        "/page.html", f'<html><head>{head}</head><body><video src="/v/film.mp4"></video></body></html>'
    )
    found = planner.plan(page, site.url("/other.mp3"), order=Order.SOURCE)
    assert unframe(frames(found)) == found
    assert found.items[0].title == "Half \ufffd of it (1)"
    assert len(found.items) == 2


def test_file_names_that_are_no_text_are_planned_with_legible_titles(
    tmp_path: Path, media: dict[str, bytes], planner: Planner
) -> None:
    folder = tmp_path / "recordings"
    folder.mkdir()
    (folder / os.fsdecode(b"half \xff and \x1b[31mred.mp4")).write_bytes(media["film.mp4"])
    (folder / "good.mp3").write_bytes(media["short.mp3"])
    planner.allow = {"folders": (str(folder),)}
    found = planner.plan(folder.as_uri(), order=Order.SOURCE)
    assert unframe(frames(found)) == found
    assert {item.title for item in found.items} == {"half \ufffd and [31mred", "good"}


def test_a_folder_is_planned_whole_and_what_is_no_media_is_counted(
    tmp_path: Path, media: dict[str, bytes], planner: Planner
) -> None:
    folder = tmp_path / "recordings"
    folder.mkdir()
    (folder / os.fsdecode(b"r\xe9union.mp4")).write_bytes(media["film.mp4"])
    for name in ("a.txt", "b.TXT", "slides.pdf", "README"):
        (folder / name).write_text("x")
    planner.allow = {"folders": (str(folder),)}
    found = planner.plan(folder.as_uri())
    assert [item.duration_seconds for item in found.items] == [6]
    assert found.skip_counts == {SkipReason.ENDING_UNKNOWN: 4}
    assert sorted(each.detail.partition(" in ")[0] for each in found.skipped) == [
        "1 .pdf",
        "1 without an ending",
        "2 .txt",
    ]


def test_what_cannot_be_read_in_a_folder_is_counted_and_named(
    tmp_path: Path, media: dict[str, bytes], planner: Planner
) -> None:
    folder = tmp_path / "recordings"
    folder.mkdir()
    (folder / "good.mp3").write_bytes(media["short.mp3"])
    (folder / "gone.mp3").symlink_to("not-mounted/gone.mp3")
    planner.allow = {"folders": (str(folder),)}
    found = planner.plan(folder.as_uri())
    assert [item.title for item in found.items] == ["good"]
    assert found.skip_counts == {SkipReason.UNREADABLE: 1}
    assert found.skipped[0].detail == f"{folder}/gone.mp3: No such file or directory"


def test_a_plan_shows_no_credentials_and_keeps_the_addresses_that_need_them(
    site: Site, planner: Planner
) -> None:
    open_one, signed = site.url("/e1.mp3"), site.url("/e2.mp3?episode=2&token=geheim")
    logged_in = site.url("/e3.mp3").replace("//", "//ann:geheim@")
    found = planner.plan(
        feed(site, entry(1, open_one), entry(2, signed)), logged_in, signed, order=Order.SOURCE
    )
    assert [item.url for item in found.items] == [
        open_one,
        site.url("/e2.mp3?episode=2"),
        site.url("/e3.mp3"),
    ]
    assert planner.kept == {found.items[1].id: signed, found.items[2].id: logged_in}
    assert "geheim" not in found.to_json()
    assert found.items[2].id == id_of_url(site.url("/e3.mp3"))
