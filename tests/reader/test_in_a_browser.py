"""Every page in a real Chromium: light, dark and on a phone, by keyboard alone, without a word on its
console, and without a serious finding of an accessibility checker."""

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, expect

from testkit.browser import blocker
from tests.reader.conftest import EPISODE, MARKUP, TALK
from tests.reader.listening import listening
from tests.reader.looking import YOUTUBE, serious, watched

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.slow,
    pytest.mark.skipif(blocker() is not None, reason=blocker() or ""),
]

PAGES = {
    "search": "/", "found": "/?q=bees", "nothing": "/?q=bees&speaker=nobody",
    "recordings": "/recordings",
    "transcript": f"/recordings/{TALK}?at=2", "episode": f"/recordings/{quote(EPISODE, safe='')}",
    "left-out": "/recordings/url:gone", "speakers": "/speakers", "speaker": "/speakers/ann",
    "voices": "/voices",
    "batches": "/batches", "batch": "/batches/media%2Ftalks",
    "receipts": f"/receipts/{TALK}", "error": "/none",
}  # fmt: skip

LOOKS = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 900}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 820, "height": 1000}},
    "phone": {"color_scheme": "light", "viewport": {"width": 360, "height": 740}, "has_touch": True},
}

SHOTS = os.environ.get("INGEST_SCREENSHOTS")
"""A folder for pictures of every page, if somebody wants to look."""


@pytest.fixture
def address(corpus_database: str) -> Iterator[str]:
    with listening(corpus_database) as found:
        yield found


@pytest.mark.parametrize("look", LOOKS)
def test_every_page_is_quiet_accessible_and_as_wide_as_its_window(
    chromium: Browser, address: str, look: str
) -> None:
    context = chromium.new_context(bypass_csp=False, **LOOKS[look])  # type: ignore[arg-type] # written down as a dictionary
    page = context.new_page()
    told = watched(page)
    for name, path in PAGES.items():
        page.goto(address + path)
        if SHOTS:
            page.screenshot(path=Path(SHOTS) / f"{name}-{look}.png", full_page=True)
        assert serious(page) == [], name
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        expected = ["Failed to load resource: the server responded with a status of 404 (Not Found)"]
        assert told == (expected if name == "error" else []), name
        told.clear()
    context.close()


BROKEN_WORDS = """
() => {
  const broken = [];
  for (const cell of document.querySelectorAll("td[data-name]:not(:first-child), dd")) {
    const texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      for (const word of texts.currentNode.data.matchAll(/[\\w:.]+/g)) {
        const range = document.createRange();
        range.setStart(texts.currentNode, word.index);
        range.setEnd(texts.currentNode, word.index + word[0].length);
        if (range.getClientRects().length > 1) broken.push(word[0]);
      }
    }
  }
  return broken;
}
"""


@pytest.mark.parametrize("width", [360, 390, 820, 1440])
def test_what_stands_in_tables_is_not_broken_within_its_words(
    chromium: Browser, address: str, width: int
) -> None:
    page = chromium.new_page(viewport={"width": width, "height": 900})
    for name in ("recordings", "speakers", "speaker", "batches", "batch", "receipts"):
        page.goto(address + PAGES[name])
        assert page.evaluate(BROKEN_WORDS) == [], name
        assert page.evaluate("document.querySelector('main').scrollWidth <= innerWidth"), name
    assert (
        len(page.evaluate("[...new Set([...document.querySelectorAll('nav a')].map(a => a.offsetTop))]")) == 1
    )
    page.close()


BROKEN_OPTIONS = """
() => {
  const broken = [];
  let seen = 0;
  for (const code of document.querySelectorAll("code")) {
    const texts = document.createTreeWalker(code, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      for (const option of texts.currentNode.data.matchAll(/(?<!\\S)--?[a-z][a-z-]*/g)) {
        const range = document.createRange();
        range.setStart(texts.currentNode, option.index);
        range.setEnd(texts.currentNode, option.index + option[0].length);
        seen += 1;
        if (range.getClientRects().length > 1) broken.push(option[0]);
      }
    }
  }
  return [broken, seen];
}
"""


def test_no_command_is_broken_within_the_name_of_an_option(chromium: Browser, address: str) -> None:
    page = chromium.new_page()
    for name, options in (("voices", 4), ("batch", 1)):
        page.goto(address + PAGES[name])
        for width in range(320, 480, 8):
            page.set_viewport_size({"width": width, "height": 900})
            broken, seen = page.evaluate(BROKEN_OPTIONS)
            assert (width, broken) == (width, [])
            assert seen >= options, name
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (name, width)
    page.close()


DARKNESS = """
(selector) => [...document.querySelectorAll(selector)].map((each) => {
  const parts = getComputedStyle(each).color.match(/\\d+/g).slice(0, 3);
  return parts.reduce((sum, part) => sum + Number(part), 0);
})
"""


def test_on_paper_all_is_dark_on_light_whatever_the_system_prefers(chromium: Browser, address: str) -> None:
    page = chromium.new_page(color_scheme="dark")
    page.goto(address + PAGES["transcript"])
    assert min(page.evaluate(DARKNESS, ".words, .who")) > 384, "light on a dark screen"
    page.emulate_media(media="print", color_scheme="dark")
    assert max(page.evaluate(DARKNESS, ".words, .who, h1, .time")) < 384
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)"
    page.close()


def test_everything_is_reached_by_the_keyboard_alone(chromium: Browser, address: str) -> None:
    page = chromium.new_page()
    page.goto(address)
    expect(page.get_by_role("searchbox", name="Question or words")).to_be_focused()
    page.keyboard.type("bees")
    page.keyboard.press("Enter")
    page.wait_for_url("**/?q=bees*")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    hit = page.get_by_role("link", name="Bees dance.")
    for _ in range(40):
        if hit.evaluate("each => each === document.activeElement"):
            break
        page.keyboard.press("Tab")
    expect(hit).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url("**/recordings/**")
    page.route(YOUTUBE, lambda route: route.fulfill(body="", content_type="text/html"))
    time = page.get_by_role("link", name="Play from 0:00:02")
    time.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".w.now")).to_have_text("Do they?")
    time.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".w.now")).to_have_text("They do.")
    page.close()


def test_a_hostile_title_is_shown_as_it_is_written(chromium: Browser, address: str) -> None:
    page = chromium.new_page()
    told = watched(page)
    page.goto(f"{address}/recordings/{quote(EPISODE, safe='')}")
    expect(page.get_by_role("heading", level=1)).to_have_text(MARKUP.replace("\u202e", ""))
    assert page.locator("audio").get_attribute("src") == "https://media.example/e.mp3"
    assert told == []
    page.close()


def test_below_a_prefix_a_person_gets_from_the_form_to_the_spoken_word(
    chromium: Browser, corpus_database: str
) -> None:
    page = chromium.new_page()
    told = watched(page)
    page.route(YOUTUBE, lambda route: route.fulfill(body="", content_type="text/html"))
    with listening(corpus_database, prefix="/corpus") as found:
        page.goto(f"{found}/corpus")
        page.get_by_role("searchbox", name="Question or words").fill("bees")
        page.keyboard.press("Enter")
        page.get_by_role("link", name="Bees dance.").click()
        page.wait_for_url(f"{found}/corpus/recordings/**")
        page.get_by_text("They do.").click()
        expect(page.locator(".w.now")).to_have_text("They do.")
        with page.expect_download() as started:
            page.get_by_text("Downloads, marks, keys").click()
            page.get_by_role("link", name="VTT").click()
        assert started.value.url.startswith(f"{found}/corpus/api/v1/downloads/vtt/")
        page.close()
    assert [each for each in told if not each.startswith(YOUTUBE.strip("*"))] == []
