"""Sites in a profile: what may be written, and which entry counts for an address."""

import pytest
from pydantic import ValidationError

from ingest_contract.profile import FetchProfile
from ingest_contract.sites import chosen, host_of, names_of, site_name

KNOWN = {"youtube", "media.example.org", "tube", "twitch", "*"}


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
        ("https://www.twitch.tv/videos/1", "twitchvod:1", (), "twitch", "twitch"),
        ("https://m.youtube.com/watch?v=x", "", (), "youtube", "youtube"),
        ("https://music.youtube.com:8443/watch?v=x", "youtube:x", (), "youtube", "youtube"),
        ("https://ann:pw@www.YOUTUBE.COM./@talks", "", (), "youtube", "youtube"),
        ("https://www.youtubekids.com/watch?v=x", "youtube:x", (), "youtube", "youtube"),
        ("https://youtube。com/@talks", "", (), "youtube", "youtube"),
        ("https://ＹＯＵＴＵＢＥ.com/@talks", "", (), "youtube", "youtube"),
    ],
)
def test_an_address_has_the_entry_of_its_site(
    url: str, recording: str, extractors: tuple[str, ...], entry: str, name: str
) -> None:
    names = names_of(url, recording, extractors)
    assert chosen(names, KNOWN) == entry
    assert site_name(names, url, entry) == name


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://youtube.evil/watch?v=x", "youtube.evil"),
        ("https://www.youtube.evil/watch?v=x", "youtube.evil"),
        ("https://talks.youtube/watch?v=x", "talks.youtube"),
        ("https://youtube/watch?v=x", "youtube"),
        ("https://youtube.com.evil.org/watch?v=x", "youtube.com.evil.org"),
        ("https://evilyoutube.com/watch?v=x", "evilyoutube.com"),
        ("https://www.youtube.com@evil.org/watch?v=x", "evil.org"),
        ("https://www.youtube.com:443@evil.org/watch?v=x", "evil.org"),
        ("https://evil.org/www.youtube.com/watch?v=x", "evil.org"),
        ("https://evil.org?www.youtube.com/watch?v=x", "evil.org"),
        ("https://youtubе.com/watch?v=x", "xn--youtub-8of.com"),
        ("https://xn--youtub-8of.com/watch?v=x", "xn--youtub-8of.com"),
        ("https://youtu.be.evil.org/x", "youtu.be.evil.org"),
        ("https://myoutu.be/x", "myoutu.be"),
    ],
)
def test_a_host_that_only_looks_like_a_site_is_a_stranger(url: str, host: str) -> None:
    for recording in ("", "url:1", "feed:1", "youtube:x"):
        names = names_of(url, recording)
        assert chosen(names, {"youtube", "youtube.com", "www.youtube.com", "*"}) == "*", recording
        assert chosen(names, {"youtube", "youtube.com", "www.youtube.com"}) is None, recording
        assert site_name(names, url, "*") == host, recording


@pytest.mark.parametrize(
    "url",
    [
        r"https://evil.org\@www.youtube.com/watch?v=x",
        r"https://evil.org\.youtube.com/watch?v=x",
        "https://evil.org%2f.youtube.com/watch?v=x",
        "https://evil.org;.youtube.com/watch?v=x",
        "https://evil..youtube.com/watch?v=x",
        "ftp://www.youtube.com/watch?v=x",
    ],
)
def test_what_libraries_read_in_different_ways_is_at_no_site(url: str) -> None:
    assert host_of(url) == ""
    for recording in ("", "url:1", "youtube:x"):
        assert chosen(names_of(url, recording), {"youtube", "youtube.com", "www.youtube.com"}) is None


def test_a_hosts_name_says_nothing_of_a_site_that_yt_dlp_did_not_find_there() -> None:
    known = {"vimeo", "co", "com"}
    assert chosen(names_of("https://vimeo.com/1", "vimeo:1"), known) == "vimeo"
    assert chosen(names_of("https://vimeo.com/1", extractors=("vimeo", "vimeoalbum")), known) == "vimeo"
    for url in ("https://vimeo.com/a.mp3", "https://vimeo.evil/a.mp3", "https://bbc.co.uk/a.mp3"):
        assert chosen(names_of(url, "url:1"), known) is None
        assert chosen(names_of(url), known) is None


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
