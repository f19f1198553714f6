"""What comes from outside is text: legible on one line, and without what lets somebody in."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_contract.foreign import LINE_CHARACTERS
from ingest_contract.order import Item
from ingest_contract.plan_document import Skipped, SkipReason
from ingest_contract.receipt import Receipt, decode, encode
from ingest_contract.text import composed, escaped, legible, said, spellings, without_credentials

ANY_TEXT = st.text(st.characters(), max_size=300)
"""With surrogates and controls."""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text", "plain text"),
        ("  two \t\n lines\r\n\u2028 ", "two lines"),
        ("a\x00b", "ab"),
        ("\x1b[31mred\x1b[0m", "[31mred[0m"),
        ("\x9b31mred\x85next", "31mred next"),
        ("photo \u202egnp.exe\u2066!\u2069\u200f", "photo gnp.exe!"),
        ("\ufefftitle", "title"),
        ("half \ud83d of it", "half \ufffd of it"),
        ("whole \ud83d\ude00", "whole \U0001f600"),
        (
            "\u0646\u0627\u0645\u0647\u200c\u0647\u0627 \U0001f468\u200d\U0001f469",
            "\u0646\u0627\u0645\u0647\u200c\u0647\u0627 \U0001f468\u200d\U0001f469",
        ),
        ("\x00\x1b", ""),
    ],
)
def test_a_text_is_one_legible_line(text: str, shown: str) -> None:
    assert legible(text) == shown


@given(ANY_TEXT)
def test_whatever_it_was_it_is_text_that_every_store_and_terminal_takes(text: str) -> None:
    once = legible(text)
    assert legible(once) == once
    assert not {unicodedata.category(each) for each in once} & {"Cc", "Cs", "Zl", "Zp"}
    assert not {unicodedata.bidirectional(each) for each in once} & {
        "LRE",
        "RLE",
        "LRO",
        "RLO",
        "PDF",
        "LRI",
        "RLI",
        "FSI",
        "PDI",
    }
    once.encode()


@given(ANY_TEXT)
def test_no_title_costs_a_recording_its_place_in_a_plan(text: str) -> None:
    item = Item(index=0, id="url:1", url="https://media.example.org/a.mp3", title=text, channel=text)
    assert Item.model_validate_json(item.to_json()) == item
    assert len(item.title) <= LINE_CHARACTERS
    left = Skipped(reason=SkipReason.ADDRESS_INVALID, id=text, title=text, detail=text)
    assert Skipped.model_validate_json(left.to_json()) == left


@given(ANY_TEXT)
def test_a_workers_last_words_are_legible(text: str) -> None:
    receipt = Receipt(result="Failed", message=text, seconds=1.0)
    assert receipt.message == said(text)[:1024]
    assert decode(encode(receipt)).message == receipt.message[: len(decode(encode(receipt)).message)]


@given(ANY_TEXT)
def test_json_for_a_terminal_says_the_same(text: str) -> None:
    shown = escaped(json.dumps({"title": text}, ensure_ascii=False, indent=2))
    assert json.loads(shown) == {"title": text}
    assert not {unicodedata.category(each) for each in shown.replace("\n", "")} & {"Cc", "Cs"}


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://media.example.org/a.mp3?episode=7#t=10", "https://media.example.org/a.mp3?episode=7#t=10"),
        ("https://ann:secret@media.example.org:8443/a.mp3", "https://media.example.org:8443/a.mp3"),
        ("https://token@media.example.org/a.mp3", "https://media.example.org/a.mp3"),
        ("HTTP://ann:p%40ss@h/a", "HTTP://h/a"),
        ("//ann:secret@h/a", "//h/a"),
        ("https://h/a?token=x", "https://h/a"),
        ("https://h/a?b=1&access_token=x&c=2", "https://h/a?b=1&c=2"),
        ("https://h/a?API-Key=x&b=1", "https://h/a?b=1"),
        ("https://h/a?%74oken=x&b=1", "https://h/a?b=1"),
        (
            "https://h/a?X-Amz-Date=1&X-Amz-Credential=x&X-Amz-Signature=x&X-Amz-Security-Token=x",
            "https://h/a?X-Amz-Date=1",
        ),
        ("https://h/a?sv=2024&sig=x", "https://h/a?sv=2024"),
        ("https://h/a?Expires=1;Signature=x;Key-Pair-Id=x", "https://h/a?Expires=1"),
        ("https://h/a#access_token=x", "https://h/a"),
        ("http://[::1?token=x", "http://[::1"),
        ("file:///recordings/token=x.wav", "file:///recordings/token=x.wav"),
        ("/recordings/a.wav", "/recordings/a.wav"),
        ("magnet:?xt=urn:btih:1", "magnet:?xt=urn:btih:1"),
    ],
)
def test_an_address_is_shown_without_what_lets_somebody_in(address: str, shown: str) -> None:
    assert without_credentials(address) == shown
    assert without_credentials(shown) == shown


def test_a_message_shows_no_credentials_wherever_its_addresses_stand() -> None:
    text = (
        "Unable to download (https://ann:secret@h/a?b=1&token=secret): "
        "see 'postgresql://me:secret@db/x', xhttps://u:secret@h"
    )
    assert said(text) == "Unable to download (https://h/a?b=1 see 'postgresql://db/x', xhttps://h"


@pytest.mark.parametrize("text", ["Ren\u00e9", "Rene\u0301", "\u1100\u1161", "\uac00"])
def test_spellings_of_a_text_are_compared_as_one(text: str) -> None:
    assert len({composed(each) for each in spellings(text)}) == 1
    assert spellings(text)[0] == text
    assert len(spellings(text)) == 2


def test_a_text_of_one_spelling_stays_one() -> None:
    assert spellings("\ufb01n 1\u2075") == ["\ufb01n 1\u2075"], "look-alikes are other texts"
