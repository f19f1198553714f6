"""What a broken source or entry does to a plan, and to the others in it."""

from typing import Any

import pytest

from ingest_contract.failures import Reason
from ingest_contract.plan_document import SkipReason, frames, unframe
from ingest_contract.selection import Order
from testkit.media.site import Site
from tests.worker.sources.planner import Planner, entry, episode, feed

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
    "https:///a.mp3",
    "http:a.mp3",
    "javascript:alert(1)",
]


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
