"""Sites in a profile: what may be written, and which entry counts for an address."""

import pytest
from pydantic import ValidationError

from ingest_contract.profile import FetchProfile
from ingest_contract.sites import chosen, names_of, site_name

KNOWN = {"youtube", "media.example.org", "tube", "*"}


@pytest.mark.parametrize(
    ("url", "recording", "extractors", "entry", "name"),
    [
        ("https://www.youtube.com/@talks", "", (), "youtube", "youtube"),
        ("https://youtu.be/x", "", (), "youtube", "youtube"),
        ("https://www.youtube-nocookie.com/embed/x", "", (), "youtube", "youtube"),
        ("https://youtube.example.net/x", "", (), "*", "youtube.example.net"),
        ("https://MEDIA.example.org./a.mp3", "url:1", (), "media.example.org", "media.example.org"),
        ("https://a.media.example.org/a.mp3", "url:1", (), "media.example.org", "media.example.org"),
        ("https://example.org/a.mp3", "url:1", (), "*", "example.org"),
        ("https://www.example.org/a.mp3", "url:1", (), "*", "example.org"),
        ("http://127.0.0.1:8080/watch/1", "tube:1", (), "tube", "tube"),
        ("http://127.0.0.1:8080/@talks", "", ("tube",), "tube", "tube"),
        ("http://[::1]:8080/a.mp3", "url:1", (), "*", "::1"),
    ],
)
def test_an_address_has_the_entry_of_its_site(
    url: str, recording: str, extractors: tuple[str, ...], entry: str, name: str
) -> None:
    names = names_of(url, recording, extractors)
    assert chosen(names, KNOWN) == entry
    assert site_name(names, url, entry) == name


def test_a_site_without_an_entry_has_none_but_a_name() -> None:
    names = names_of("https://www.youtube.com/watch?v=x", "youtube:x")
    assert chosen(names, {"vimeo"}) is None
    assert site_name(names, "https://www.youtube.com/watch?v=x", None) == "youtube"


@pytest.mark.parametrize(
    ("sites", "word"),
    [
        ([{"name": "a"}, {"name": "a"}], "two entries are called a"),
        ([{"name": "a", "pace": {"jitterSeconds": 3}}], "perHour or minGapSeconds"),
        ([{"name": "A b"}], "pattern"),
        ([{"name": "*.example.org"}], "pattern"),
        ([{"name": "a", "cookies": {"secretName": "s", "key": ".."}}], "pattern"),
        ([{"name": "a", "cookies": {"secretName": "s", "key": "a/b"}}], "pattern"),
        ([{"name": "a", "poTokenProvider": {"url": "http://ann:x@pot"}}], "pattern"),
        ([{"name": "a", "proxy": "http://proxy:3128"}], "should be an object"),
    ],
)
def test_what_cannot_be_meant_is_refused(sites: list[object], word: str) -> None:
    with pytest.raises(ValidationError, match=word):
        FetchProfile.from_object({"sites": sites})
