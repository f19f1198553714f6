"""JSON Feed: what is attached is taken, with its length and date, from every page."""

import json
from typing import Any

import pytest

from ingest_contract.failures import Reason
from ingest_contract.selection import Order
from ingest_worker.errors import StageError
from ingest_worker.sources.feeds import is_feed, read_page
from testkit.media.site import Site
from tests.worker.sources.planner import Planner, titles

VERSION = "https://jsonfeed.org/version/1.1"


def feed(*items: object, **more: Any) -> str:
    return json.dumps({"version": VERSION, "title": "A show", "items": items} | more)


def item(number: int, *attachments: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": f"e{number}",
        "title": f"Episode {number}",
        "url": f"/notes/{number}.html",
        "date_published": "2025-01-31T10:00:00+01:00",
        "attachments": [
            {"url": f"/cover{number}.jpg", "mime_type": "image/jpeg"},
            {"url": f"/e{number}.mp3", "mime_type": "audio/mpeg", "duration_in_seconds": 3723},
            *attachments,
        ],
    }


def test_every_page_is_read_with_titles_dates_and_lengths(site: Site, planner: Planner) -> None:
    site.put("/older.json", feed(item(1)))
    first = site.put("/feed.json", feed(item(2), next_url="/older.json"))
    found = planner.plan(first, order=Order.SOURCE)
    assert titles(found) == ["Episode 2", "Episode 1"]
    newest = found.items[0]
    assert (newest.url, newest.channel) == (site.url("/e2.mp3"), "A show")
    assert (newest.duration_seconds, newest.published_at) == (3723, "2025-01-31T09:00:00Z")


def test_what_is_no_item_no_date_and_no_length_disturbs_nothing_else() -> None:
    odd = item(1) | {"date_published": "soon"}
    odd["attachments"][1]["duration_in_seconds"] = "long"
    page = read_page(feed("x", None, odd, {"id": "2"}).encode(), "http://feeds.example/")
    assert [(each["url"], each["duration"], each["timestamp"]) for each in page.entries] == [
        ("http://feeds.example/e1.mp3", None, None)
    ]


@pytest.mark.parametrize(
    ("date", "timestamp"),
    [
        ("2025-01-31T10:00:00+01:00", 1738314000),
        ("0001-01-01T00:00:00Z", None),
        ("0001-01-01T00:00:00+01:00", None),
        ("9999-12-31T23:59:59-01:00", None),
        ("2025-01-31T10:00:00", None),
    ],
    ids=["a date", "the zero of a program", "before every calendar", "behind every calendar", "no zone"],
)
def test_a_date_that_no_sound_has_is_none(date: str, timestamp: int | None) -> None:
    page = read_page(feed(item(1) | {"date_published": date}).encode(), "http://feeds.example/")
    assert [each["timestamp"] for each in page.entries] == [timestamp]


def test_a_length_that_no_float_holds_takes_no_other_item_with_it(site: Site, planner: Planner) -> None:
    odd = item(1)
    odd["attachments"][1]["duration_in_seconds"] = 10**400
    found = planner.plan(site.put("/feed.json", feed(odd, item(2))), order=Order.SOURCE)
    assert [(each.title, each.duration_seconds) for each in found.items] == [
        ("Episode 1", None),
        ("Episode 2", 3723),
    ]


def test_an_id_that_two_items_have_is_nobodys() -> None:
    page = read_page(feed(item(1), item(2) | {"id": "e1"}, item(3)).encode(), "http://feeds.example/")
    assert [each["guid"] for each in page.entries] == ["", "", "e3"]


@pytest.mark.parametrize("head", ["\ufeff" + feed(), feed().replace("/", "\\/"), f"\n {feed()}"])
def test_its_beginning_shows_what_it_is(head: str) -> None:
    assert is_feed(head.encode())
    assert read_page(head.encode(), "http://feeds.example/").title == "A show"


@pytest.mark.parametrize("text", ['{"version": "1.1"}', "[]", "<html>jsonfeed.org/version/1</html>"])
def test_other_json_is_no_feed(text: str) -> None:
    assert not is_feed(text.encode())


def test_one_that_is_cut_off_is_reported_as_no_json() -> None:
    with pytest.raises(StageError, match="the JSON Feed is no JSON") as caught:
        read_page(feed(item(1)).encode()[:-9], "http://feeds.example/")
    assert caught.value.reason is Reason.SOURCE_UNSUPPORTED
