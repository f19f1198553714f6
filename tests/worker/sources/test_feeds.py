"""Feeds of a real server: RSS and Atom, all of their pages, and pages that break."""

from xml.sax.saxutils import quoteattr

import pytest

from ingest_contract.failures import Reason
from ingest_contract.plan_document import SkipReason
from ingest_contract.selection import Order
from ingest_worker.sources import feed_pages
from ingest_worker.sources.addresses import id_of_url
from ingest_worker.sources.feeds import read_page
from testkit.media.site import Answer, Site
from tests.worker.sources.planner import Planner, titles

ATOM = 'xmlns="http://www.w3.org/2005/Atom"'


def item(site: Site, number: int, *, guid: str = "", address: str = "", extra: str = "") -> str:
    url = address or site.url(f"/e{number}.mp3")
    return (
        f"<item><title>Episode {number}</title><guid>{guid or f'guid-{number}'}</guid>"
        f"<pubDate>{number:02} Jan 1999 10:00:00 GMT</pubDate>"
        f"<enclosure url={quoteattr(url)} type='audio/mpeg'/>{extra}</item>"
    )


def page(site: Site, number: int, *items: str, following: str = "", rel: str = "prev-archive") -> str:
    link = f"<link {ATOM} rel='{rel}' href={quoteattr(following)}/>" if following else ""
    channel = f"<channel><title>A show</title>{link}{''.join(items)}</channel>"
    spaces = 'xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd" xmlns:media="http://search.yahoo.com/mrss/"'
    return site.put(f"/page-{number}", f"<?xml version='1.0'?><rss version='2.0' {spaces}>{channel}</rss>")


@pytest.mark.parametrize("rel", ["prev-archive", "next"])
def test_every_page_is_read_back_to_the_oldest_with_titles_dates_and_lengths(
    rel: str, site: Site, planner: Planner
) -> None:
    page(site, 3, item(site, 1, extra="<itunes:duration>1:02:03</itunes:duration>"))
    page(site, 2, item(site, 2), item(site, 3), following="/page-3", rel=rel)
    first = page(site, 1, item(site, 3), item(site, 4), following=site.url("/page-2"), rel=rel)
    found = planner.plan(first, order=Order.SOURCE)
    assert titles(found) == ["Episode 3", "Episode 4", "Episode 2", "Episode 1"]
    assert found.skip_counts == {}, "what a newer page has already is no duplicate"
    oldest = found.items[-1]
    assert (oldest.duration_seconds, oldest.published_at) == (3723, "1999-01-01T10:00:00Z")
    assert (oldest.id, oldest.channel) == (id_of_url(site.url("/e1.mp3")), "A show")


@pytest.mark.parametrize("what", ["status", "garbage", "cut", "address"])
def test_a_page_that_breaks_is_named_and_what_was_read_before_is_kept(
    what: str, site: Site, planner: Planner
) -> None:
    whole = page(site, 3, item(site, 1))
    body = site.answer("/page-3").body
    broken = {
        "status": Answer(b"no", 503),
        "garbage": Answer(b"<html>moved</html>"),
        "cut": Answer(body[: body.index(b"<guid>")]),
        "address": Answer(body),
    }
    site.answers["/page-3"] = broken[what]
    page(site, 2, item(site, 2), following="ftp://x/" if what == "address" else whole)
    found = planner.plan(page(site, 1, item(site, 3), following="/page-2"), order=Order.SOURCE)
    assert titles(found)[:2] == ["Episode 3", "Episode 2"]
    assert found.skip_counts[SkipReason.UNREADABLE] == 1
    told = next(each for each in found.skipped if each.reason is SkipReason.UNREADABLE)
    assert told.title == "page 3 of A show"
    assert told.detail.startswith("page 3 of A show: ")


def test_a_site_that_slows_us_down_on_a_later_page_fails_the_plan(site: Site, planner: Planner) -> None:
    site.put("/page-2", b"slow", status=429)
    error = planner.failure(page(site, 1, item(site, 1), following="/page-2"))
    assert error.reason is Reason.RATE_LIMITED


def numbered(site: Site, count: int, rel: str, *every: str) -> str:
    """A feed of so many pages with the same entries."""
    links = [f"/page-{number + 1}" for number in range(1, count)] + [""]
    for number, following in enumerate(links, start=1):
        page(site, number, *every, following=following, rel=rel)
    return site.url("/page-1")


def test_a_server_that_does_not_turn_pages_is_asked_for_three_more(site: Site, planner: Planner) -> None:
    first = numbered(site, 40, "next", item(site, 1), item(site, 2))
    found = planner.plan(first, order=Order.SOURCE)
    assert (titles(found), found.skip_counts) == (["Episode 1", "Episode 2"], {})
    assert [path for path, _ in site.asked] == ["/page-1", "/page-2", "/page-3", "/page-4"]


def test_pages_without_anything_new_end_no_feed_as_long_as_newer_ones_follow(
    site: Site, planner: Planner
) -> None:
    first = numbered(site, 9, "next", item(site, 1))
    page(site, 4, item(site, 2), following="/page-5", rel="next")
    page(site, 7, item(site, 1), item(site, 3), following="/page-8", rel="next")
    found = planner.plan(first, order=Order.SOURCE)
    assert titles(found) == ["Episode 1", "Episode 2", "Episode 3"]


def test_archives_without_anything_new_are_read_back_to_the_oldest(site: Site, planner: Planner) -> None:
    first = numbered(site, 12, "prev-archive", item(site, 1))
    page(site, 12, item(site, 2))
    assert titles(planner.plan(first, order=Order.SOURCE)) == ["Episode 1", "Episode 2"]


@pytest.mark.parametrize(
    ("limit", "most", "told"),
    [
        ("MOST_PAGES", 3, "page 4 of A show: a feed is read up to page 3"),
        ("MOST_ENTRIES", 3, "page 4 of A show: a feed is read up to 3 entries"),
    ],
)
def test_what_is_behind_a_limit_is_named_and_what_is_before_it_is_kept(
    limit: str, most: int, told: str, site: Site, planner: Planner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_pages, limit, most)
    for number in range(1, 6):
        page(site, number, item(site, number), following=f"/page-{number + 1}")
    found = planner.plan(site.url("/page-1"), order=Order.SOURCE)
    assert titles(found) == ["Episode 1", "Episode 2", "Episode 3"]
    assert found.skip_counts == {SkipReason.UNREADABLE: 1}
    assert found.skipped[0].detail == told


def test_pages_that_lead_in_a_circle_are_read_once(site: Site, planner: Planner) -> None:
    page(site, 2, item(site, 1), following="/page-1")
    found = planner.plan(page(site, 1, item(site, 2), following="/page-2"), order=Order.SOURCE)
    assert titles(found) == ["Episode 2", "Episode 1"]
    assert site.times("/page-1") == 1


def test_an_atom_feed_with_enclosures_is_read(site: Site, planner: Planner) -> None:
    entry = (
        "<entry><title>Talk</title><id>urn:1</id><published>2001-02-03T04:05:06+01:00</published>"
        f"<link rel='alternate' href='{site.url('/talk.html')}'/>"
        f"<link rel='enclosure' type='image/png' href='{site.url('/cover.png')}'/>"
        f"<link rel='enclosure' type='audio/mpeg' href='{site.url('/talk.mp3')}'/></entry>"
    )
    found = planner.plan(
        site.put("/atom", f"<feed {ATOM}><title>Talks</title>{entry}</feed>"), order=Order.SOURCE
    )
    (talk,) = found.items
    assert (talk.url, talk.published_at) == (site.url("/talk.mp3"), "2001-02-03T03:05:06Z")


def test_an_episode_with_a_signed_address_is_known_again_when_the_signature_is_another(
    site: Site, planner: Planner
) -> None:
    ids = []
    for signature in ("one", "two"):
        address = site.url(f"/e1.mp3?X-Amz-Signature={signature}")
        first = page(site, 1, item(site, 1, address=address))
        ids.append(planner.plan(first, order=Order.SOURCE).items[0].id)
    assert ids[0] == ids[1]
    assert ids[0].startswith("feed:")


def test_episodes_that_share_an_id_of_their_feed_are_each_planned(site: Site, planner: Planner) -> None:
    shared = [item(site, number, guid="same") for number in (1, 2, 3)]
    assert len(planner.plan(page(site, 1, *shared), order=Order.SOURCE).items) == 3


def entry_with(attached: str, link: str = "/talk") -> str:
    page_of_it = f"<link>{link}</link>" if link else ""
    return f"<item><title>A talk</title><guid isPermaLink='false'>t</guid>{attached}{page_of_it}</item>"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("/1.mp3", "http://feeds.example/1.mp3"),
        ("media/2.mp3", "http://feeds.example/shows/media/2.mp3"),
        ("//cdn.example/3.mp3", "http://cdn.example/3.mp3"),
        ("https://cdn.example/4.mp3", "https://cdn.example/4.mp3"),
    ],
)
@pytest.mark.parametrize("as_link", [False, True])
def test_relative_addresses_of_a_feed_are_relative_to_the_feed(
    written: str, meant: str, *, as_link: bool, site: Site
) -> None:
    entry = entry_with("" if as_link else f"<enclosure url='{written}' type='audio/mpeg'/>", written)
    page(site, 1, entry)
    (found,) = read_page(site.answer("/page-1").body, "http://feeds.example/shows/a.xml?page=2").entries
    assert (found["url"], found["guid"]) == (meant, "t"), "what it is known by stays the same"


def test_a_relative_enclosure_is_planned(site: Site, planner: Planner) -> None:
    found = planner.plan(page(site, 1, item(site, 1, address="/e1.mp3")), order=Order.SOURCE)
    assert [each.url for each in found.items] == [site.url("/e1.mp3")]
    assert found.skip_counts == {}


def test_an_id_that_is_no_address_becomes_none(site: Site) -> None:
    page(site, 1, "<item><title>Without a page</title><guid>talk-17</guid></item>")
    (found,) = read_page(site.answer("/page-1").body, "http://feeds.example/shows").entries
    assert found["url"] == "talk-17"


@pytest.mark.parametrize(
    "attached",
    [
        "<media:content url='/cover.png' medium='image'/>",
        "<media:content url='/cover' medium='image'/>",
        "<enclosure url='/cover' type='image/jpeg'/>",
        "<enclosure url='/slides' type='Application/PDF'/>",
        "<enclosure url='/words' type='text/plain'/>",
        "<media:content url='/slides' medium='document'/>",
        "<enclosure url='/cover.JPG?size=9'/>",
        "<enclosure url='/slides.pdf' type='application/octet-stream'/>",
    ],
)
def test_an_image_or_a_text_is_no_recording_and_the_page_of_its_entry_is_planned(
    attached: str, site: Site
) -> None:
    for link, meant in (("/talk", "http://feeds.example/talk"), ("", None)):
        page(site, 1, entry_with(attached, link))
        found = read_page(site.answer("/page-1").body, "http://feeds.example/").entries
        assert [each["url"] for each in found] == ([meant] if meant else [])


@pytest.mark.parametrize(
    "attached",
    [
        "<media:content url='/cover.png' medium='image'/><media:content url='/hear' medium='audio'/>",
        "<enclosure url='/cover.png'/><media:content url='/hear' medium='video'/>",
        "<enclosure url='/cover.png' type='image/png'/><enclosure url='/hear' type='application/x-any'/>",
        "<enclosure url='/any' type='application/x-any'/><enclosure url='/hear' type='Audio/MPEG'/>",
        "<enclosure url='/hear' type='text/html'/>",
    ],
)
def test_what_can_be_heard_is_planned_before_what_may_be_and_before_the_page(
    attached: str, site: Site
) -> None:
    page(site, 1, entry_with(attached))
    (found,) = read_page(site.answer("/page-1").body, "http://feeds.example/").entries
    assert found["url"] == "http://feeds.example/hear"
