"""A player that is played: it keeps to the messages that YouTube's own exchanges with a page."""

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Frame, Page

from tests.reader.listening import listening
from tests.reader.looking import YOUTUBE

PLAYER = """<!doctype html><html lang="en"><title>Player</title><body>played<script>
"use strict";
const address = new URL(location.href);
const host = address.searchParams.get("origin");
const commands = [], shown = document.documentElement.dataset;
let greeted = false, greetings = 0, time = Number(address.searchParams.get("start") ?? 0), playing = false;
const say = (event, info) => {
  parent.postMessage(JSON.stringify({event, info, id: 1, channel: "widget"}), host);
};
const deliver = () => say("infoDelivery", {currentTime: time, playerState: playing ? 1 : 2, playbackRate: 1});
// Deaf until it is ready, as a player that still loads: the page has to greet it again.
let ready = false;
addEventListener("message", (event) => {
  const said = JSON.parse(event.data);
  if (said.event === "listening") shown.greetings = ++greetings;
  if (!ready || event.origin !== host || said.channel !== "widget") return;
  if (said.event === "listening" && !greeted) {
    greeted = true;
    say("initialDelivery", {currentTime: time});
    say("onReady");
  }
  if (said.event !== "command" || !greeted) return;
  commands.push(said);
  if (said.func === "seekTo") { time = said.args[0]; shown.seek = time; deliver(); }
  if (said.func === "playVideo") { playing = true; say("infoDelivery", {playerState: 1}); }
});
</script>"""
"""What a page meets of YouTube's player: https://developers.google.com/youtube/iframe_api_reference, and the
messages by which that script speaks with the frame. `ready = true` lets it answer."""


@pytest.fixture
def address(corpus_database: str) -> Iterator[str]:
    with listening(corpus_database) as found:
        yield found


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    opened = chromium.new_page()
    opened.route(YOUTUBE, lambda route: route.fulfill(body=PLAYER, content_type="text/html"))
    yield opened
    opened.close()


def frame_of(page: Page) -> Frame:
    """The frame of the player, which is deaf so far."""
    found = page.wait_for_selector("#player iframe")
    assert found is not None
    frame = found.content_frame()
    assert frame is not None
    frame.wait_for_url(YOUTUBE)
    return frame


def player(page: Page) -> Frame:
    """The frame of the player, which has been greeted and has answered."""
    frame = frame_of(page)
    frame.evaluate("ready = true")
    frame.wait_for_function("greeted")
    return frame


def parameters(frame: Frame) -> dict[str, str]:
    return {name: each[0] for name, each in parse_qs(urlsplit(frame.url).query).items()}
