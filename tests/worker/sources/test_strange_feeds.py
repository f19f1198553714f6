"""Feeds as the world writes them: dates that are none, titles in HTML, prologues, encodings."""

import pytest

from ingest_contract.selection import Order
from ingest_worker.sources.feeds import is_feed, read_page
from testkit.media.site import Site
from tests.worker.sources.planner import Planner, titles

SPACES = (
    'xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd" xmlns:dc="http://purl.org/dc/elements/1.1/"'
)
DECLARED = '<?xml version="1.0" encoding="{}"?>'
AT = "http://feeds.example/"


def rss(*items: str, title: str = "A show") -> str:
    return f"<rss version='2.0' {SPACES}><channel><title>{title}</title>{''.join(items)}</channel></rss>"


def item(inner: str = "", name: str = "1.mp3") -> str:
    return f"<item>{inner}<enclosure url='{name}' type='audio/mpeg'/></item>"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Fri, 01 Jan 99 10:00:00 GMT", 915_184_800),
        ("01 Jan 05 10:00 EST", 1_104_591_600),
        ("2025-01-31", 1_738_281_600),
        ("Fri, 01 Jan 2999 10:00:00 GMT", 32_472_180_000),
        ("0000-00-00", None),
        ("0000-00-00 00:00:00", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59-12:00", None),
        ("1738317600", None),
        ("Mon, 32 Jan 2025 10:00:00 GMT", None),
        ("soon", None),
    ],
)
def test_a_date_that_is_none_is_unknown_and_costs_no_entry(written: str, meant: int | None) -> None:
    items = item(f"<pubDate>{written}</pubDate>"), item("<pubDate>2025-01-31</pubDate>", "2.mp3")
    first, second = read_page(rss(*items).encode(), AT).entries
    assert (first["timestamp"], second["timestamp"]) == (meant, 1_738_281_600)


def test_the_date_of_the_dublin_core_is_that_of_publication_and_an_update_of_atom_is_none() -> None:
    (one,) = read_page(rss(item("<dc:date>2025-01-31T00:00:00Z</dc:date>")).encode(), AT).entries
    atom = (
        '<feed xmlns="http://www.w3.org/2005/Atom"><entry><updated>2025-01-31T00:00:00Z</updated>'
        '<link rel="enclosure" href="1.mp3"/></entry></feed>'
    )
    (other,) = read_page(atom.encode(), AT).entries
    assert (one["timestamp"], other["timestamp"]) == (1_738_281_600, None)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Tom &amp; Jerry", "Tom & Jerry"),
        ("Tom &amp;amp; Jerry", "Tom & Jerry"),
        ("<![CDATA[Tom &amp; <b>Jerry</b> caf&eacute;]]>", "Tom & Jerry caf\u00e9"),
        ("5 &lt; 6 &amp; 7 &gt; 3", "5 < 6 & 7 > 3"),
        ("<![CDATA[List<String> in Java]]>", "List<String> in Java"),
        ("", ""),
    ],
)
def test_a_title_in_html_is_planned_as_it_is_read(
    written: str, meant: str, site: Site, planner: Planner
) -> None:
    entry = item(f"<title>{written}</title>", site.url("/1.mp3"))
    (found,) = planner.plan(site.put("/f", rss(entry, title=written)), order=Order.SOURCE).items
    assert (found.title, found.channel or "") == (meant, meant)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8", "iso-8859-1"])
@pytest.mark.parametrize("before", ["", f"<!-- {'licence ' * 200} -->", "<!-- no <html> -->"])
def test_a_feed_is_known_behind_a_comment_and_in_any_encoding_and_read_with_all_of_its_pages(
    before: str, encoding: str, site: Site, planner: Planner
) -> None:
    following = '<link xmlns="http://www.w3.org/2005/Atom" rel="next" href="/2"/>'
    title = "<title>R\u00e9union</title>"
    for number, more in ((1, following), (2, "")):
        feed = rss(more, item(title, site.url(f"/{number}.mp3")))
        site.put(f"/{number}", (DECLARED.format(encoding) + before + feed).encode(encoding))
    found = planner.plan(site.url("/1"), order=Order.SOURCE)
    assert titles(found) == ["R\u00e9union", "R\u00e9union"]


@pytest.mark.parametrize("head", ["<!-- <rss > --><html>", "<!doctype html><body><rss >", "<!-- <rss >", ""])
def test_what_only_speaks_of_a_feed_is_none(head: str) -> None:
    assert not is_feed(head.encode())
