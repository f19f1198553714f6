"""One recording, one name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from ingest_contract.base import ItemId
from ingest_worker.errors import StageError
from ingest_worker.sources.addresses import (
    as_sent,
    canonical_url,
    has_header,
    id_of_url,
    is_media_address,
    recording_id,
    shown,
)


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("HTTP://Example.ORG:80/a", "http://example.org/a"),
        ("https://example.org:443", "https://example.org/"),
        ("https://example.org:8443/a#t=10", "https://example.org:8443/a"),
        ("https://user:secret@example.org/a", "https://example.org/a"),
        ("https://example.org/%7euser/%e2%82%ac", "https://example.org/~user/%E2%82%AC"),
        ("https://example.org/a/../b/./c", "https://example.org/b/c"),
        ("https://example.org/../../b", "https://example.org/b"),
        ("https://example.org/caf\u00e9 1.mp4?b=2&a=1", "https://example.org/caf%C3%A9%201.mp4?b=2&a=1"),
        ("https://b\u00fccher.example/", "https://xn--bcher-kva.example/"),
        ("http://[2001:DB8::1]:80/a", "http://[2001:db8::1]/a"),
        ("https://example.org./a", "https://example.org/a"),
    ],
)
def test_every_spelling_of_an_address_has_one_form(url: str, canonical: str) -> None:
    assert canonical_url(url) == canonical
    assert canonical_url(canonical) == canonical
    assert id_of_url(url) == id_of_url(canonical)


def test_what_can_matter_keeps_addresses_apart() -> None:
    different = [
        "https://example.org/a",
        "http://example.org/a",
        "https://example.org/A",
        "https://example.org/a?x=1",
        "https://example.org/a/",
    ]
    assert len({id_of_url(url) for url in different}) == len(different)


@given(path=st.text(max_size=60))
def test_any_path_has_a_canonical_form_that_is_its_own(path: str) -> None:
    try:
        once = canonical_url("https://example.org/" + path)
    except StageError:
        return
    assert canonical_url(once) == once
    assert once.isascii()


@given(site=st.text(max_size=30), name=st.text(max_size=200))
def test_every_id_is_one_that_the_contract_takes(site: str, name: str) -> None:
    TypeAdapter(ItemId).validate_python(recording_id(site, name))


def test_ids_are_the_sites_own_where_there_is_room() -> None:
    assert recording_id("Youtube", "CNxH0rHS320") == "youtube:CNxH0rHS320"
    assert recording_id("Twitch:Vod", "v" * 300).startswith("twitchvod:")
    assert len(recording_id("x", "v" * 300)) < 30


@pytest.mark.parametrize("extractor", ["File", "URL", "voice"])
def test_no_site_names_a_recording_as_ours_are_named(extractor: str) -> None:
    assert recording_id(extractor, "content.0123456789abcdef").startswith("site")


def test_endings_tell_media_from_pages() -> None:
    assert is_media_address("https://example.org/a/talk.MP4?token=x.html")
    assert is_media_address("https://example.org/live.m3u8")
    assert not has_header("https://example.org/live.m3u8")
    assert not is_media_address("https://example.org/watch?v=a.mp4")
    assert not is_media_address("https://example.org/feed.xml")


@pytest.mark.parametrize(
    "url", [r"https://evil.org\@www.youtube.com/x", r"https://evil.org\x:y@www.youtube.com/x", "https://./x"]
)
def test_an_address_whose_host_is_not_the_same_for_everybody_is_refused(url: str) -> None:
    for read in (canonical_url, as_sent):
        with pytest.raises(StageError, match="is not an address"):
            read(url)


def test_messages_show_no_passwords_and_no_tokens() -> None:
    assert shown("https://user:secret@example.org/a?token=t#x") == "https://example.org/a"
