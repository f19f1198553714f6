"""YouTube's player where nobody answers: the page says so and waits, in a real Chromium."""

import re

import pytest
from playwright.sync_api import Page, expect

from testkit.browser import blocker
from tests.reader.conftest import TALK
from tests.reader.looking import YOUTUBE, serious

# What waits in a page waits by its clock, which stands still here: `expect` asks from outside.
from tests.reader.played_youtube import PLAYER, address, frame_of, page, parameters

__all__ = ["address", "page"]  # fixtures

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.slow,
    pytest.mark.skipif(blocker() is not None, reason=blocker() or ""),
]


def test_a_player_that_never_answers_is_greeted_no_more_until_somebody_asks_for_it(
    page: Page, address: str
) -> None:
    page.clock.install()
    page.goto(f"{address}/recordings/{TALK}?at=2")
    page.get_by_role("button", name="Play here, from YouTube").click()
    deaf = frame_of(page)
    expect(deaf.locator("html")).to_have_attribute("data-greetings", re.compile(r"\d+"))
    told = page.get_by_role("alert")
    page.clock.run_for(11_000)
    expect(told).to_contain_text("YouTube's player does not answer")
    link = told.get_by_role("link", name="Open it at YouTube")
    expect(link).to_have_attribute("href", "https://www.youtube.com/watch?v=abcdefghijk&t=2")
    assert serious(page) == []
    page.clock.run_for(120_000)
    expect(deaf.locator("html")).to_have_attribute("data-greetings", "40")
    told.get_by_role("button", name="Try again").click()
    expect(told).to_have_count(0)
    frame = frame_of(page)
    frame.evaluate("ready = true")
    page.clock.run_for(1_000)
    assert parameters(frame)["start"] == "2"
    page.clock.run_for(120_000)
    expect(told).to_have_count(0)
    page.get_by_text("Good.").click()
    expect(frame.locator("html")).to_have_attribute("data-seek", "6")


@pytest.mark.parametrize("way", ["refused", "dropped"])
def test_a_page_says_that_its_frame_is_blocked_and_a_click_on_a_word_loads_it_again(
    page: Page, address: str, way: str
) -> None:
    page.unroute(YOUTUBE)
    if way == "refused":
        page.route(YOUTUBE, lambda route: route.abort("blockedbyclient"))
    else:  # nobody ever answers: the frame does not even load
        page.route(YOUTUBE, lambda _: None)
    page.clock.install()
    page.goto(f"{address}/recordings/{TALK}")
    page.get_by_role("button", name="Play here, from YouTube").click()
    page.wait_for_selector("#player iframe")
    told = page.get_by_role("alert")
    page.clock.run_for(11_000)
    expect(told).to_contain_text("YouTube's player does not answer")
    page.unroute(YOUTUBE)
    page.route(YOUTUBE, lambda route: route.fulfill(body=PLAYER, content_type="text/html"))
    page.get_by_text("They do.").click()
    expect(told).to_have_count(0)
    frame = frame_of(page)
    assert parameters(frame)["start"] == "4"


def test_a_player_that_answers_late_takes_the_word_back(page: Page, address: str) -> None:
    page.clock.install()
    page.goto(f"{address}/recordings/{TALK}")
    page.get_by_role("button", name="Play here, from YouTube").click()
    frame = frame_of(page)
    expect(frame.locator("html")).to_have_attribute("data-greetings", re.compile(r"\d+"))
    page.clock.run_for(11_000)
    expect(page.get_by_role("alert")).to_contain_text("YouTube's player does not answer")
    frame.evaluate("say('onReady')")
    expect(page.get_by_role("alert")).to_have_count(0)
