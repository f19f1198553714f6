"""Feeds that are gzip files, which no header says: read like any other, and never without bound."""

import gzip
import tracemalloc

import pytest

from ingest_contract.failures import Reason
from ingest_contract.selection import Order
from ingest_worker.errors import StageError
from ingest_worker.sources.gzipped import MOST_BYTES, beginning, plain
from testkit.media.site import Answer, Site
from tests.worker.sources.planner import Planner, titles

TOO_LONG = f"more than {MOST_BYTES >> 20} MiB in it"
FEED = (
    b"<rss version='2.0' xmlns:media='http://search.yahoo.com/mrss/'><channel><title>A show</title>"
    b"<item><title>One</title><media:content url='/cover.jpg' duration='9'/>"
    b"<media:content url='/e1.mp3' type='audio/mpeg' duration='3723'/></item></channel></rss>"
)


@pytest.mark.parametrize("members", [1, 2], ids=["one member", "two members"])
def test_a_feed_that_is_a_gzip_file_is_read_with_the_lengths_of_its_media(
    members: int, site: Site, planner: Planner
) -> None:
    cut = len(FEED) // members
    body = b"".join(gzip.compress(FEED[start : start + cut + 1]) for start in range(0, len(FEED), cut + 1))
    site.answers["/feed.xml.gz"] = Answer(body, headers={"Content-Type": "application/gzip"})
    found = planner.plan(site.url("/feed.xml.gz"), order=Order.SOURCE)
    assert titles(found) == ["One"]
    assert [item.duration_seconds for item in found.items] == [3723]


def test_a_bomb_is_refused_before_it_is_whole() -> None:
    bomb = gzip.compress(bytes(6 * MOST_BYTES), compresslevel=1)
    tracemalloc.start()
    try:
        with pytest.raises(StageError, match=TOO_LONG) as caught:
            plain(bomb)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert caught.value.reason is Reason.SOURCE_TOO_LARGE
    assert most < 3 * MOST_BYTES, "what is read, and the space in which it grows"
    assert beginning(bomb, 4096) == bytes(4096)


def test_a_page_as_long_as_may_be_is_read_with_what_stands_behind_it_left_out() -> None:
    assert plain(gzip.compress(bytes(MOST_BYTES), compresslevel=1) + b"\0\0") == bytes(MOST_BYTES)


def test_hundreds_of_thousands_of_empty_members_are_one_empty_page() -> None:
    assert plain(gzip.compress(b"") * 200_000 + gzip.compress(FEED)) == FEED


def test_many_members_count_together() -> None:
    with pytest.raises(StageError, match=TOO_LONG):
        plain(gzip.compress(bytes(MOST_BYTES // 2 + 1)) * 2)


@pytest.mark.parametrize("damaged", [gzip.compress(FEED)[:-12], b"\x1f\x8b" + bytes(40)])
def test_a_damaged_file_is_reported_as_one(damaged: bytes) -> None:
    with pytest.raises(StageError, match="gzip file") as caught:
        plain(damaged)
    assert caught.value.reason is Reason.SOURCE_UNSUPPORTED


def test_what_is_no_gzip_file_stays_as_it_is() -> None:
    assert (plain(FEED), beginning(FEED, 10)) == (FEED, FEED)
