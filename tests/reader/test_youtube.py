"""A recording of YouTube's on its page, in a real Chromium, with a player that is played: it keeps to the
messages that YouTube's own exchanges with a page."""

import json
import re
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from ingest_reader.pages.reading import PART_PASSAGES
from ingest_worker.store.connect import connect
from testkit.browser import blocker
from tests.reader.conftest import EPISODE, TALK
from tests.reader.listening import listening
from tests.reader.looking import YOUTUBE, serious, watched
from tests.reader.played_youtube import address, page, parameters, player
from tests.worker.store.makers import a_recording, a_run, content, store

__all__ = ["address", "page"]  # fixtures

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.slow,
    pytest.mark.skipif(blocker() is not None, reason=blocker() or ""),
]


def test_a_click_on_a_word_plays_it_and_the_spoken_word_is_marked(page: Page, address: str) -> None:
    told = watched(page)
    page.goto(f"{address}/recordings/{TALK}")
    assert page.locator("iframe").count() == 0, "nothing is asked of YouTube before somebody plays it"
    assert told == []
    page.get_by_text("They do.").click()
    frame = player(page)
    assert parameters(frame).items() >= {"start": "4", "enablejsapi": "1", "origin": address}.items()
    assert urlsplit(frame.url).path == "/embed/abcdefghijk"
    expect(page.locator(".w.now")).to_have_text("They do.")
    page.get_by_text("Do they?").click()
    expect(page.locator(".w.now")).to_have_text("Do they?")
    frame.wait_for_function("commands.length === 2")
    asked = frame.evaluate("commands.map((each) => [each.func, each.args])")
    assert asked == [["seekTo", [2, True]], ["playVideo", []]]
    frame.evaluate("playing = false; time = 6.5; deliver()")
    expect(page.locator(".w.now")).to_have_text("Good.")
    expect(page.locator(".passage.here .words")).to_have_text("Good.")
    frame.evaluate("time = 0.5; deliver()")
    expect(page.locator(".w.now")).to_have_text("Bees dance.")
    assert [each for each in told if not each.startswith("https://www.youtube-nocookie.com/")] == []
    assert serious(page) == []


def test_between_two_messages_of_a_player_that_plays_the_words_go_on(page: Page, address: str) -> None:
    page.goto(f"{address}/recordings/{TALK}")
    page.get_by_role("button", name="Play here, from YouTube").click()
    frame = player(page)
    frame.evaluate("playing = true; time = 3.6; deliver()")
    expect(page.locator(".w.now")).to_have_text("Do they?")
    expect(page.locator(".w.now")).to_have_text("They do.")
    assert frame.evaluate("time") == 3.6, "the player has said nothing more"


def test_words_count_on_from_when_the_player_plays(page: Page, address: str) -> None:
    """A player that says only later where it is: nothing runs ahead of it."""
    page.goto(f"{address}/recordings/{TALK}")
    # the page's policy allows no function to wait for, so the page itself shows how often it has asked
    page.evaluate(
        "() => { window.clock = 0; window.asked = 0; performance.now = () => "
        "{ document.documentElement.dataset.asked = ++asked; return clock; }; }"
    )
    page.get_by_text("They do.").click()
    frame = player(page)
    expect(page.locator(".w.now")).to_have_text("They do.")
    page.evaluate("clock = 10_000")
    frame.evaluate("playing = true; say('infoDelivery', {playerState: 1, playbackRate: 2})")
    page.evaluate("window.asked = 0")
    expect(page.locator("html")).to_have_attribute("data-asked", re.compile(r"^([4-9]|\d\d+)$"))
    expect(page.locator(".w.now")).to_have_text("They do.")
    page.evaluate("clock = 11_000")
    expect(page.locator(".w.now")).to_have_text("Good.")


def test_a_word_that_is_clicked_before_the_player_is_ready_is_played_when_it_is(
    page: Page, address: str
) -> None:
    page.goto(f"{address}/recordings/{TALK}")
    page.get_by_role("button", name="Play here, from YouTube").click()
    page.wait_for_selector("#player iframe")
    page.get_by_text("Do they?").click()
    page.get_by_text("Good.").click()
    frame = player(page)
    frame.wait_for_function("commands.length === 2")
    assert frame.evaluate("commands[0].args") == [6, True]


def test_words_of_another_window_move_nothing(page: Page, address: str) -> None:
    page.goto(f"{address}/recordings/{TALK}")
    page.get_by_text("They do.").click()
    player(page)
    said = json.dumps({"event": "infoDelivery", "info": {"currentTime": 0, "playerState": 1}})
    page.evaluate(
        "(said) => new Promise((done) => { addEventListener('message', done); postMessage(said, '*'); })",
        said,
    )
    expect(page.locator(".w.now")).to_have_text("They do.")


def test_a_recording_that_may_not_be_embedded_says_so(page: Page, address: str) -> None:
    page.goto(f"{address}/recordings/{TALK}?at=2")
    page.get_by_role("button", name="Play here, from YouTube").click()
    player(page).evaluate("parent.postMessage(JSON.stringify({event: 'onError', info: 150}), host)")
    expect(page.get_by_role("alert")).to_contain_text("YouTube does not play this one on other pages.")
    link = page.get_by_role("alert").get_by_role("link", name="Open it at YouTube")
    expect(link).to_have_attribute("href", "https://www.youtube.com/watch?v=abcdefghijk&t=2")
    assert serious(page) == []


@pytest.mark.parametrize("link", ["?t=4", "?t=0m4s", "?at=4.5", "#t=4", "#t=0:04", "?at=0#t=4s"])
def test_a_deep_link_opens_at_its_moment(page: Page, address: str, link: str) -> None:
    page.goto(f"{address}/recordings/{TALK}{link}")
    expect(page.locator(".w.now")).to_have_text("They do.")
    expect(page.locator(".passage[aria-current=true] .words")).to_have_text("They do.")
    expect(page.locator(".passage.here")).to_be_in_viewport()
    page.get_by_role("button", name="Play here, from YouTube").click()
    assert parameters(player(page))["start"] == "4"


def test_a_moment_that_is_no_time_is_refused_with_how_to_write_it(page: Page, address: str) -> None:
    answer = page.goto(f"{address}/recordings/{TALK}?t=soon")
    assert answer is not None
    assert answer.status == 422
    expect(page.get_by_role("main")).to_contain_text("write it as 90, 1h2m3s or 1:02:03")


def test_a_new_hash_moves_a_page_that_is_open(page: Page, address: str) -> None:
    page.goto(f"{address}/recordings/{TALK}")
    page.get_by_text("Good.").click()
    frame = player(page)
    page.evaluate("location.hash = 't=2'")
    expect(page.locator(".w.now")).to_have_text("Do they?")
    frame.wait_for_function("commands.some((each) => each.func === 'seekTo' && each.args[0] === 2)")


def test_a_hash_into_another_part_opens_that_part(page: Page, database: str) -> None:
    with connect(database, application="tests") as owner:
        long = content(*(f"word {number}." for number in range(PART_PASSAGES + 5)))
        store(owner, long, a_recording(TALK, url="https://youtu.be/abcdefghijk"), a_run())
    with listening(database) as address:
        page.goto(f"{address}/recordings/{TALK}#t={2 * PART_PASSAGES + 2}")
        page.wait_for_url(f"**?at={2 * PART_PASSAGES + 2}")
        expect(page.locator(".passage.here")).to_contain_text(f"word {PART_PASSAGES + 1}.")
        page.evaluate("location.hash = 't=2'")
        page.wait_for_url("**?at=2")
        expect(page.locator(".passage.here")).to_contain_text("word 1.")
        page.locator(".pager a").first.press("ArrowRight")  # no passage is under it: nothing moves
        expect(page.locator(".w.now")).to_have_text("word 1.")
        expect(page.locator("#load")).to_be_visible()


def test_a_media_file_keeps_the_browsers_own_player_and_its_page_allows_no_frame(
    page: Page, address: str
) -> None:
    answer = page.goto(f"{address}/recordings/{quote(EPISODE, safe='')}#t=2")
    assert answer is not None
    assert "frame-src" not in answer.headers["content-security-policy"]
    assert "media-src https://media.example;" in answer.headers["content-security-policy"] + ";"
    expect(page.locator(".w.now")).to_have_text("plain")
    assert page.locator("#player audio").count() == 1


def test_a_media_file_that_a_link_opens_at_a_moment_plays_at_the_first_press(
    page: Page, address: str
) -> None:
    page.route("https://media.example/**", lambda _: None)  # which is slow to answer
    page.goto(f"{address}/recordings/{quote(EPISODE, safe='')}#t=2")
    page.get_by_role("heading", level=1).click()  # browsers play nothing aloud before somebody did something
    paused = page.evaluate(
        "() => new Promise((done) => { const audio = document.querySelector('audio');"
        "audio.addEventListener('play', () => done(audio.paused)); audio.play().catch(() => {}); })"
    )
    assert paused is False


def test_without_scripts_a_click_loads_the_embed_at_its_moment_and_times_are_links(
    chromium: Browser, address: str
) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.route(YOUTUBE, lambda route: route.fulfill(body="played", content_type="text/html"))
    page.goto(f"{address}/recordings/{TALK}?t=4")
    expect(page.get_by_role("link", name="Play from 0:00:02")).to_have_attribute(
        "href", "https://www.youtube.com/watch?v=abcdefghijk&t=2"
    )
    expect(page.get_by_role("link", name="Open it at YouTube")).to_have_attribute(
        "href", "https://www.youtube.com/watch?v=abcdefghijk&t=4"
    )
    expect(page.get_by_role("link", name="Go to 0:00:04")).to_have_attribute("href", "#p2")
    expect(page.locator(".passage[aria-current=true] .words")).to_have_text("They do.")
    expect(page.locator("#load")).to_be_hidden()
    assert [each for each in asked if "youtube-nocookie" in each] == []
    page.frame_locator("#player iframe").get_by_role("link", name="Play here, from YouTube").click()
    expect(page.frame_locator("#player iframe").locator("body")).to_have_text("played")
    (embed,) = [each for each in asked if "youtube-nocookie" in each]
    assert re.fullmatch(r"https://www\.youtube-nocookie\.com/embed/abcdefghijk\?.*&start=4&autoplay=1", embed)
    page.goto(f"{address}/?q=bees")
    expect(page.get_by_text("Bees dance.")).to_be_visible()
    context.close()


def test_an_operator_may_have_no_frame_of_youtubes_and_times_link_to_it(
    page: Page, corpus_database: str
) -> None:
    told = watched(page)
    with listening(corpus_database, youtube=False) as address:
        answer = page.goto(f"{address}/recordings/{TALK}?t=4")
        assert answer is not None
        assert "youtube" not in answer.headers["content-security-policy"]
        expect(page.locator(".w.now")).to_have_text("They do.")
        assert page.locator("#player, iframe").count() == 0
        expect(page.get_by_role("link", name="Play from 0:00:02")).to_have_attribute(
            "href", "https://www.youtube.com/watch?v=abcdefghijk&t=2"
        )
    assert told == []
