"""How a recording can be played on its page, and what the page's policy must allow for it. Pure."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, urlsplit

YOUTUBE_ORIGIN: Final = "https://www.youtube-nocookie.com"

_YOUTUBE_ID: Final = re.compile(r"[A-Za-z0-9_-]{11}")
_HOST: Final = re.compile(r"[a-z0-9.-]+|\[[0-9a-f:.]+\]")
_SOUND: Final = frozenset({".aac", ".flac", ".m4a", ".mp3", ".oga", ".ogg", ".opus", ".wav"})
_MOVING_PICTURES: Final = frozenset({".m4v", ".mp4", ".mov", ".ogv", ".webm"})
"""What browsers play (https://developer.mozilla.org/docs/Web/Media/Guides/Formats/Containers)."""


@dataclass(frozen=True, slots=True)
class Player:
    """A player for one recording."""

    kind: str
    """`youtube`, `audio` or `video`."""
    source: str
    """The embedded page (parameters: https://developers.google.com/youtube/player_parameters), or the media's
    own address."""
    policy: str
    """What Content-Security-Policy must allow besides."""


def player_of(url: str | None, *, youtube: bool = True) -> Player | None:
    """The player for a recording's public address (`rendering.web`); None if no browser plays it here, or if
    it is YouTube's and the operator of this reader wants none of that on its pages (`youtube`)."""
    if url is None:
        return None
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    if found := _youtube_id(host, parts.path, parts.query):
        source = f"{YOUTUBE_ORIGIN}/embed/{found}?rel=0&playsinline=1"
        return Player("youtube", source, f"frame-src {YOUTUBE_ORIGIN}") if youtube else None
    ending = "." + parts.path.rpartition(".")[2].lower()
    kind = "audio" if ending in _SOUND else "video" if ending in _MOVING_PICTURES else None
    if kind is None or (origin := _origin(url)) is None:
        return None
    return Player(kind, url, f"media-src {origin}")


def _youtube_id(host: str, path: str, query: str) -> str | None:
    if host == "youtu.be":
        found = path.strip("/")
    elif host in {"youtube.com", "www.youtube.com", "m.youtube.com", "music.youtube.com"}:
        kind, _, rest = path.strip("/").partition("/")
        found = rest if kind in {"embed", "live", "shorts"} else parse_qs(query).get("v", [""])[0]
    else:
        return None
    return found if _YOUTUBE_ID.fullmatch(found) else None


def _origin(url: str) -> str | None:
    """`scheme://host[:port]`, of nothing but characters that cannot end a directive."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        return None
    host = (parts.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    if not _HOST.fullmatch(host):
        return None
    return f"{parts.scheme}://{host}" + (f":{port}" if port else "")
