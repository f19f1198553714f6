"""Links to a moment in a recording, and times as people write them. Pure;
called by `search` and by the exports."""

from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

NOBODY: Final = "unknown"
"""The speaker of words that are in no turn."""

_YOUTUBE: Final = ("youtube.com", "youtu.be")


def link_at(url: str, seconds: float) -> str:
    """The address of a moment: `t=SECONDS` in YouTube's query, a media fragment elsewhere (W3C Media
    Fragments URI 1.0, 4.2.1)."""
    at = int(seconds)
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
    except ValueError:  # an address that an older version has stored
        return url
    if any(host == site or host.endswith(f".{site}") for site in _YOUTUBE):
        query = [
            (name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name != "t"
        ]
        return urlunsplit(parts._replace(query=urlencode([*query, ("t", at)]), fragment=""))
    return urlunsplit(parts._replace(fragment=f"t={at}"))


def clock(seconds: float) -> str:
    """`h:mm:ss`, rounded down to the second so that a link never begins after its words."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


def stamp(milliseconds: int, mark: str) -> str:
    """`hh:mm:ss<mark>mmm`: `.` in VTT, `,` in SRT."""
    seconds, rest = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{mark}{rest:03}"
