"""Plans from real servers: what is found, and what is asked of whom."""

import pytest

from ingest_contract.failures import Reason
from ingest_contract.order import PlannedSource, SpeakerCount
from ingest_contract.plan_document import SkipReason, frames, unframe
from ingest_contract.selection import Order
from ingest_worker.planning import StoredRecording, channel_key
from ingest_worker.sources.addresses import id_of_url
from testkit.media.site import Site
from tests.worker.sources.planner import Planner, entry, episode, feed, titles


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


def test_nothing_of_a_forgotten_channel_is_looked_at_or_planned(
    site: Site, media: dict[str, bytes], planner: Planner
) -> None:
    site.put("/e1.mp3", media["short.mp3"])
    url = feed(site, episode(site, 1))
    (item,) = planner.plan(url).items
    before = site.times("/e1.mp3")
    planner.stored[channel_key(item.channel or "")] = StoredRecording(
        unchanged=True, outcome=Reason.FORGOTTEN
    )
    found = planner.plan(url)
    assert (found.items, found.skip_counts) == ((), {SkipReason.FORGOTTEN: 1})
    assert site.times("/e1.mp3") == before


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


@pytest.mark.slow
def test_the_same_sources_give_the_same_plan_and_it_survives_the_log(
    site: Site, media: dict[str, bytes], planner: Planner
) -> None:
    urls = [site.put(f"/{name}", media[name]) for name in ("film.mp4", "clip.webm", "talk.mp3")]
    first = planner.plan(*urls)
    assert planner.plan(*urls).sha256 == first.sha256
    assert unframe(frames(first)) == first


def test_a_title_is_one_legible_line_whatever_its_feed_says(site: Site, planner: Planner) -> None:
    title = "A\u202e b\u009b31m \n\t c\u2066 d"
    found = planner.plan(feed(site, entry(1, site.url("/e1.mp3"), title)), order=Order.SOURCE)
    assert [item.title for item in found.items] == ["A b›31m c d"], (
        "a C1 control is read as Windows' character, as browsers do"
    )


def test_a_plan_shows_no_credentials_and_keeps_the_addresses_that_need_them(
    site: Site, planner: Planner
) -> None:
    open_one, signed = site.url("/e1.mp3"), site.url("/e2.mp3?episode=2&token=geheim")
    logged_in = site.url("/e3.mp3").replace("//", "//ann:geheim@")
    found = planner.plan(feed(site, entry(1, open_one), entry(2, signed)), logged_in, order=Order.SOURCE)
    assert [item.url for item in found.items] == [
        open_one,
        site.url("/e2.mp3?episode=2"),
        site.url("/e3.mp3"),
    ]
    assert planner.kept == {found.items[1].id: signed, found.items[2].id: logged_in}
    assert "geheim" not in found.to_json()
    assert found.items[2].id == id_of_url(site.url("/e3.mp3"))
