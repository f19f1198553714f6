"""Which site an address is at, asked of yt-dlp itself: whoever only looks like a site gets nothing of it."""

import socket
from typing import Any

import pytest

from ingest_contract.profile import FetchProfile
from ingest_worker.errors import StageError
from ingest_worker.sources import options
from ingest_worker.sources.budget import for_a_listing
from ingest_worker.sources.guard import is_public
from ingest_worker.sources.sites import Site, Sites
from ingest_worker.sources.ytdlp import SiteSession

ENTRIES = {name: Site() for name in ("youtube", "vimeo", "twitch", "*")}


@pytest.fixture(scope="module")
def sessions() -> tuple[SiteSession, list[tuple[str, str | None]]]:
    """One session, and the sites that it met, with the entry that was used."""
    met: list[tuple[str, str | None]] = []
    sites = Sites(ENTRIES, lambda name, entry: met.append((name, entry)))
    return SiteSession(is_public, options.for_listing(1), lambda: for_a_listing(FetchProfile()), sites), met


@pytest.mark.parametrize(
    ("url", "site", "entry"),
    [
        ("https://www.youtube.com/watch?v=CNxH0rHS320", "youtube", "youtube"),
        ("https://WWW.YOUTUBE.COM./watch?v=CNxH0rHS320", "youtube", "youtube"),
        ("https://m.youtube.com/@talks", "youtube", "youtube"),
        ("https://music.youtube.com/watch?v=CNxH0rHS320", "youtube", "youtube"),
        ("https://youtu.be/CNxH0rHS320", "youtube", "youtube"),
        ("https://www.youtube-nocookie.com/embed/CNxH0rHS320", "youtube", "youtube"),
        ("https://www.youtubekids.com/watch?v=CNxH0rHS320", "youtube", "youtube"),
        ("https://youtube.googleapis.com/v/CNxH0rHS320", "youtube", "youtube"),
        ("https://ann:pw@www.youtube.com:8443/watch?v=CNxH0rHS320", "youtube", "youtube"),
        ("https://vimeo.com/1084537", "vimeo", "vimeo"),
        ("https://www.twitch.tv/videos/6528877", "twitch", "twitch"),
        ("https://youtube.evil/watch?v=CNxH0rHS320", "youtube.evil", "*"),
        ("https://www.youtube.evil/@talks", "youtube.evil", "*"),
        ("https://youtube.com.evil.org/watch?v=CNxH0rHS320", "youtube.com.evil.org", "*"),
        ("https://evilyoutube.com/watch?v=CNxH0rHS320", "evilyoutube.com", "*"),
        ("https://www.youtube.com@evil.org/watch?v=CNxH0rHS320", "evil.org", "*"),
        ("https://evil.org?.youtube.com/@talks", "evil.org", "*"),
        ("https://evil.org#.youtube.com/@talks", "evil.org", "*"),
        ("https://xn--youtub-8of.com/watch?v=CNxH0rHS320", "xn--youtub-8of.com", "*"),
        ("https://vimeo.evil/1084537", "vimeo.evil", "*"),
        ("https://twitch.evil/videos/6528877", "twitch.evil", "*"),
    ],
)
def test_an_entry_counts_where_yt_dlp_or_the_host_says_so_and_nowhere_else(
    url: str,
    site: str,
    entry: str,
    sessions: tuple[SiteSession, list[tuple[str, str | None]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def nowhere(*_: Any, **__: Any) -> None:
        raise OSError("no name has an address here")

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    session, met = sessions
    with pytest.raises(StageError, match="has no address"):
        session.extract(url)
    assert met[-1] == (site, entry)
