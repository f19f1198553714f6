"""Pages as they are served: everything from outside is text, and everything works without scripts."""

import re
from html.parser import HTMLParser
from urllib.parse import quote

import numpy as np
import pytest
from markupsafe import escape
from psycopg.types.json import Jsonb
from starlette.testclient import TestClient

from ingest_contract.failures import FAILURES, Reason
from ingest_reader.pages.player import player_of
from ingest_reader.pages.rendering import coded, length, stretch, web
from ingest_worker.store.connect import connect
from tests.reader.conftest import EPISODE, MARKUP, TALK, served
from tests.worker.store.makers import content, named, store, unit, unknown

PAGES = (
    "/", "/?q=bees", f"/?q=bees&recording={quote(EPISODE)}", "/recordings", f"/recordings/{TALK}",
    f"/recordings/{quote(EPISODE, safe='')}", "/recordings/url:gone", "/speakers", "/speakers/ann",
    "/speakers/unknown%20%231", "/voices", "/batches", "/batches/media%2Ftalks",
    f"/batches/{quote('media/<b>talks</b>', safe='')}", f"/receipts/{quote(EPISODE, safe='')}",
    "/receipts/url:gone", "/none", f"/?q={quote(MARKUP[:-6])}&speaker={quote(MARKUP[:-6])}",
)  # fmt: skip


class Elements(HTMLParser):
    """The elements of a page, with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.mark.postgres
@pytest.mark.parametrize("path", PAGES)
def test_markup_in_any_field_is_text_and_nothing_is_inline(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == (404 if path == "/none" else 200), answer.text[-2000:]
    assert answer.headers["content-type"].startswith("text/html")
    elements = Elements(answer.text).found
    scripts = [attributes for tag, attributes in elements if tag == "script"]
    assert all(attributes.get("src") == "/static/player.js" for attributes in scripts)
    assert len([tag for tag, _ in elements if tag == "title"]) == 1 + len(
        re.findall("<svg class=.plot", answer.text)
    )
    for tag, attributes in elements:
        assert tag not in {"b", "style", "object", "base"}
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        for name in ("href", "src", "action"):
            assert re.match(r"/|https?://|#", attributes.get(name) or "/"), attributes
    assert "49" not in re.findall(r"\{\{.*?\}\}", answer.text)
    assert "\u202e" not in answer.text
    assert "geheim" not in answer.text


@pytest.mark.postgres
@pytest.mark.parametrize("path", [path for path in PAGES if path != "/none"])
def test_a_page_says_which_parameter_it_has_not_and_is_shown(client: TestClient, path: str) -> None:
    """A misspelt filter would widen the answer without a word; what a mail program adds is no mistake."""
    plain, odd = client.get(path), client.get(f"{path}{'&' if '?' in path else '?'}speker=ann")
    assert "This page has no parameter" not in plain.text
    assert odd.status_code == 200
    assert "This page has no parameter <code>speker</code>" in odd.text
    said = re.sub(r'<p class="note" role="note">This page has no parameter.*?</p>\n', "", odd.text)
    assert said == plain.text, "and nothing else changes"


@pytest.mark.postgres
def test_what_is_said_of_odd_parameters_is_short_and_text(client: TestClient) -> None:
    names = ["<b>x</b>", "y" * 500, "", "\u202ez", "w"]
    told = client.get("/", params=dict.fromkeys(names, "1")).text
    note = re.search(r"This page has no parameters.*?</p>", told)
    assert note is not None
    assert "<code>&lt;b&gt;x&lt;/b&gt;</code>" in note[0]
    assert "<code>without a name</code> and 2 more, which the address names" in note[0]
    assert "There are q, speaker, since, until, recording, channel, batch, language." in note[0]
    assert len(note[0]) < 500
    assert "It has none." in client.get("/speakers/ann?q=1").text


@pytest.mark.postgres
def test_a_transcript_shows_words_speakers_doubts_and_overlaps(client: TestClient) -> None:
    answer = client.get(f"/recordings/{TALK}")
    assert '<span class="w d" data-t="0.00">Bees dance.</span>' in answer.text
    assert '<span class="w o" data-t="2.00">Do they?</span>' in answer.text
    assert answer.text.count('class="who">ann</span>') == 2, "by name wherever the speaker changes"
    assert 'href="https://www.youtube.com/watch?v=abcdefghijk&amp;t=2"' in answer.text
    assert "frame-src https://www.youtube-nocookie.com" in answer.headers["content-security-policy"]
    frames = [attributes for tag, attributes in Elements(answer.text).found if tag == "iframe"]
    assert [each.get("src") for each in frames] == [None], "nothing is asked of YouTube before somebody plays"


@pytest.mark.postgres
def test_captions_are_marked_as_captions(client: TestClient, corpus_database: str) -> None:

    assert "captions of the source" not in client.get(f"/recordings/{TALK}").text
    with connect(corpus_database, application="tests") as owner:
        owner.execute("update ingest.run set transcript_source = 'AutomaticCaptions'")
        told, found = client.get(f"/recordings/{TALK}").text, client.get("/?q=bees").text
        owner.execute("update ingest.run set transcript_source = 'Speech'")
    assert "These words are automatic captions of the source" in told
    assert 'class="w d" data-t' not in told, "what nobody heard, nobody doubts"
    assert "automatic captions of the source" in found


@pytest.mark.postgres
def test_a_recording_in_another_language_than_ordered_says_so_and_its_batch_counts_it(
    client: TestClient, corpus_database: str
) -> None:
    pages = (f"/recordings/{TALK}", "/batches/media%2Ftalks")
    before = [client.get(page).text for page in pages]
    doubt = "update ingest.run set figures = figures || %s where recording = %s"
    with connect(corpus_database, application="tests") as owner:
        owner.execute(doubt, [Jsonb({"quality": {"sounds_like": "de"}}), TALK])
        told, counted = (client.get(page).text for page in pages)
        owner.execute("update ingest.run set figures = figures - 'quality' where recording = %s", [TALK])
    assert not any("another language" in text for text in before)
    assert "This recording sounds like another language (de)" in told
    assert "<dt>In another language than ordered</dt><dd>1: " in counted


@pytest.mark.postgres
def test_a_question_that_cannot_be_answered_is_refused_beside_it(client: TestClient) -> None:
    assert "has no word to search for" in client.get("/?q=?!").text
    assert "Until is before From." in client.get("/?q=bees&since=2025-02-01&until=2025-01-01").text
    assert "write it as 2025-01-31" in client.get("/?q=bees&since=soon").text


@pytest.mark.postgres
def test_the_form_narrows_by_channel_batch_and_language_and_shows_what_it_was_given(
    client: TestClient,
) -> None:
    everywhere = {"q": "bees plain"}
    assert len(hits(client, everywhere)) > 1
    batch = {"batch": "media/talks"}
    assert set(hits(client, everywhere | batch)) == {f"/recordings/{TALK.replace(':', '%3A')}"}
    assert set(hits(client, everywhere | {"channel": MARKUP[:-6]})) <= {
        f"/recordings/{quote(EPISODE, safe='')}"
    }
    assert hits(client, everywhere | {"language": "de"}) == []
    shown = client.get("/", params=everywhere | batch | {"language": "en"}).text
    assert "<details open>" in shown
    assert 'name="batch" value="media/talks"' in shown
    assert 'name="language" value="en"' in shown


def hits(client: TestClient, asked: dict[str, str]) -> list[str]:
    """The recordings of the passages that a search page shows."""
    found = re.findall(r'class="said"[^>]*><a href="([^"?]+)', client.get("/", params=asked).text)
    return [str(each) for each in found]


@pytest.mark.postgres
def test_voices_come_with_the_command_that_names_them(client: TestClient) -> None:
    assert "ingestctl voices name '#1' 'NAME'" in client.get("/voices").text


@pytest.mark.postgres
def test_a_voice_without_a_name_says_whom_it_is_most_like_and_whether_that_is_enough(
    client: TestClient,
) -> None:
    told = re.sub(r"<[^>]+>", "", client.get("/voices").text)
    assert "Most like ann: 0.00 of 1, where 0.40 is asked for to give a name. That is not enough" in told


@pytest.mark.postgres
def test_a_voice_as_like_as_a_run_asks_for_is_probably_the_same_person(database: str) -> None:
    both = np.stack([unit(0.6, 0.8, dimension=4), unit(1, 0, dimension=4)])
    with connect(database, application="tests") as owner:
        store(owner, content("a", "b", identities=(named(0, "ann"), unknown(1)), voices=both))
    with served(database) as client:
        told = re.sub(r"<[^>]+>", "", client.get("/voices").text)
    assert "Most like ann: 0.60 of 1, where 0.40 is asked for to give a name. That is enough" in told


@pytest.mark.postgres
def test_a_voice_that_was_too_short_to_compare_says_that_nobody_is_compared(database: str) -> None:
    nobody = np.full(4, np.nan, np.float32)
    with connect(database, application="tests") as owner:
        both = np.stack([unit(1, 0, dimension=4), nobody])
        store(owner, content("a", "b", identities=(named(0, "ann"), unknown(1)), voices=both))
    with served(database) as client:
        assert "There is no named voice that it can be compared with." in client.get("/voices").text


@pytest.mark.postgres
def test_a_batch_says_what_it_left_out_and_the_next_step_of_each_reason(client: TestClient) -> None:
    for path in ("/batches/media%2Ftalks", "/batches"):
        told = client.get(path).text
        assert '<td data-name="Reason">NotFound</td>' in told, path
        before, code, _ = FAILURES[Reason.NOT_FOUND].next_step.split("`")
        assert f'<td data-name="Next step">{escape(before)}<code>{escape(code)}</code>' in told, path
        assert "batch is not known" not in told, path
    other = client.get(f"/batches/{quote('media/<b>talks</b>', safe='')}").text
    assert "NotFound" not in other
    assert '<p class="muted">Nothing.</p>' in other


@pytest.mark.postgres
def test_a_batch_of_which_nothing_was_ingested_has_a_page_too(database: str) -> None:
    with connect(database, application="tests") as owner:
        owner.execute(
            "insert into ingest.recording (id, url, title) "
            "values ('a:1', 'file:///a', ''), ('a:2', 'file:///b', '')"
        )
        owner.execute(
            "insert into ingest.outcome (recording, reason, message, pipeline_hash, batch) values "
            "('a:1', 'NoSpeech', '', 'h', 'media/silent'), ('a:2', 'OfAnotherVersion', '', 'h', null)"
        )
    with served(database) as client:
        silent, all_of_them = client.get("/batches/media%2Fsilent"), client.get("/batches")
    assert silent.status_code == 200
    assert '<td data-name="Reason">NoSpeech</td>' in silent.text
    assert "OfAnotherVersion" not in silent.text
    assert "No run of it came into the store." in silent.text
    assert "Of 1 of them the batch is not known" in all_of_them.text
    assert "Of 1 recording in this store that was left out it is not known by which batch" in silent.text
    assert "This version does not know this reason" in all_of_them.text


@pytest.mark.postgres
def test_a_batch_is_plotted(client: TestClient) -> None:
    told = client.get("/batches/media%2Ftalks").text
    assert told.count('<path class="dot"') == 2
    assert "transcribe" in told
    assert "4 of 4" in told


@pytest.mark.parametrize(
    ("url", "kind", "policy"),
    [
        (
            "https://www.youtube.com/watch?v=abcdefghijk&t=3",
            "youtube",
            "frame-src https://www.youtube-nocookie.com",
        ),
        ("https://youtu.be/abcdefghijk", "youtube", "frame-src https://www.youtube-nocookie.com"),
        ("https://m.youtube.com/shorts/abcdefghijk", "youtube", "frame-src https://www.youtube-nocookie.com"),
        ("https://Media.Example:8443/a/b.MP3?x=1", "audio", "media-src https://media.example:8443"),
        ("http://media.example/b.webm", "video", "media-src http://media.example"),
        ("https://[::1]/b.wav", "audio", "media-src https://[::1]"),
    ],
)
def test_what_a_browser_plays_has_a_player_and_its_policy(url: str, kind: str, policy: str) -> None:
    player = player_of(web(url))
    assert player is not None
    assert (player.kind, player.policy) == (kind, policy)


@pytest.mark.parametrize(
    "url",
    ["file:///srv/a.mp3", "javascript:alert(1)//a.mp3", "https://vimeo.com/1",
     "https://youtube.com.evil.example/watch?v=abcdefghijk",
     "https://www.youtube.com/watch?v=<script>",
     "https://evil.example;script-src */a.mp3", "https://a b/c.mp3",
     "https://x:99999999/a.mp3", "", "https://", "https://a,b/c.mp3"],
)  # fmt: skip
def test_what_a_browser_does_not_play_has_none(url: str) -> None:
    assert player_of(web(url)) is None


@pytest.mark.postgres
def test_a_page_is_opened_at_one_moment(client: TestClient) -> None:
    answer = client.get(f"/recordings/{TALK}?at=2&t=4")
    assert answer.status_code == 422
    assert "a second moment, besides <code>at</code>: give one of the two" in answer.text


@pytest.mark.postgres
def test_the_words_of_a_question_are_marked_where_they_are_said(client: TestClient) -> None:
    shown = client.get("/?q=bees").text
    assert "<mark>Bees</mark> dance." in shown
    assert '<p class="said" lang="en" dir="auto">' in shown, "read aloud in its language, in its direction"
    assert [stretch(text) for text in ("a\u202eb ", " \n", " c", "")] == ["ab ", " ", " c", ""]


def test_code_in_a_sentence_is_set_as_code_and_markup_in_it_stays_text() -> None:
    assert coded("run `a <b>` now") == "run <code>a &lt;b&gt;</code> now"
    assert coded("<b>`") == "&lt;b&gt;`"
    assert coded("`run --no-youtube-x a-b`") == (
        '<code>run <span class="option">--no-youtube-x</span> a-b</code>'
    )


def test_lengths_are_as_people_say_them() -> None:
    assert [length(seconds) for seconds in (None, 0.4, 59.4, 60, 3_599, 11_220)] == [
        "", "0 s", "59 s", "1 min", "1 h 00 min", "3 h 07 min",
    ]  # fmt: skip
