"""Feeds that are gzip files, which no header says: read like any other, and never without bound."""

import gzip

import pytest

from ingest_contract.failures import Reason
from ingest_contract.selection import Order
from ingest_worker.errors import StageError
from ingest_worker.sources.gzipped import MOST_BYTES, beginning, plain
from testkit.media.site import Answer, Site
from tests.worker.sources.planner import Planner, titles

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
    bomb = gzip.compress(bytes(MOST_BYTES + 1))
    assert len(bomb) < 100_000
    with pytest.raises(StageError, match="more than 64 MiB in it") as caught:
        plain(bomb)
    assert caught.value.reason is Reason.SOURCE_TOO_LARGE
    assert beginning(bomb, 4096) == bytes(4096)


def test_many_members_count_together() -> None:
    with pytest.raises(StageError, match="more than 64 MiB in it"):
        plain(gzip.compress(bytes(MOST_BYTES // 2 + 1)) * 2)


@pytest.mark.parametrize("damaged", [gzip.compress(FEED)[:-12], b"\x1f\x8b" + bytes(40)])
def test_a_damaged_file_is_reported_as_one(damaged: bytes) -> None:
    with pytest.raises(StageError, match="gzip file") as caught:
        plain(damaged)
    assert caught.value.reason is Reason.SOURCE_UNSUPPORTED


def test_what_is_no_gzip_file_stays_as_it_is() -> None:
    assert (plain(FEED), beginning(FEED, 10)) == (FEED, FEED)
