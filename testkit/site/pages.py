"""What a site answers: pages of a channel's list, a recording's page, refusals: dictionaries that
`extractor` reads, with the reasons in the words of YouTube, to which yt-dlp adds its own."""

from typing import Any, Final

from testkit.site.accounts import Account
from testkit.site.entries import Channel, Entry, Tab, Trait
from testkit.site.rules import Refusal, Rules

Page = dict[str, Any]

GEO_COUNTRIES: Final = ("DE", "PT")
"""Where `Trait.GEO` is shown."""

_REFUSED: Final[dict[Refusal, Page]] = {
    Refusal.BOT_CHECK: {"reason": "Sign in to confirm you’re not a bot"},
    Refusal.CAPTCHA: {"reason": "Video unavailable", "captcha": True},
    Refusal.TRY_LATER: {"reason": "This content isn't available, try again later."},
}

_REASONS: Final = {
    Trait.PRIVATE: "Private video. Sign in if you've been granted access to this video",
    Trait.MEMBERS: "Join this channel to get access to members-only content like this video, and other "
    "exclusive perks.",
    Trait.MEMBERS_UNSAID: "This video is available to this channel's members on level: Friends (or any "
    "higher level). Join this channel to get access to members-only content and other exclusive perks.",
    Trait.AGE: "Sign in to confirm your age. This video may be inappropriate for some users.",
    Trait.REMOVED: "Video unavailable. This video has been removed by the uploader",
    Trait.UPCOMING: "This live event will begin in 3 hours.",
    Trait.GEO: "The uploader has not made this video available in your country",
}

_LISTED: Final[dict[Trait, Page]] = {
    Trait.MEMBERS: {"availability": "subscriber_only"},
    Trait.LIVE: {"live_status": "is_live"},
    Trait.UPCOMING: {"live_status": "is_upcoming"},
}


def refusal_page(refusal: Refusal) -> Page:
    """For somebody who is refused whatever they ask for."""
    return {"status": "LOGIN_REQUIRED", **_REFUSED[refusal]}


def list_page(site: str, channel: Channel, tab: Tab | None, page: int, rules: Rules) -> Page:
    """One page of a tab; of a channel itself, and in place of a tab that it does not have, the names of its
    tabs."""
    entries = channel.tab(tab) if tab else ()
    if not entries:
        return {"title": channel.name, "tabs": [each.value for each in Tab if channel.tab(each)]}
    start = page * rules.page_entries if rules.turns_pages else 0
    shown = entries[start : start + rules.page_entries]
    more = page + 1 if start + len(shown) < len(entries) or not rules.turns_pages else None
    return {"title": channel.name, "entries": [_listed(site, entry) for entry in shown], "next": more}


def _listed(site: str, entry: Entry) -> Page:
    """A recording as a list shows it: no date, no language, and not always a length."""
    folder = "shorts" if entry.tab is Tab.SHORTS else "watch"
    live = "was_live" if entry.tab is Tab.STREAMS else None
    return {
        "id": entry.id,
        "path": f"/{site}/{folder}/{entry.id}",
        "title": entry.title,
        "duration": entry.seconds if entry.shown_length else None,
        "live_status": live,
        **_LISTED.get(entry.trait, {}),
    }


def recording_page(site: str, channel: Channel, entry: Entry, account: Account | None, country: str) -> Page:
    """A recording's page, for somebody: what it is, and its media's path if they may have it; `key` is for
    the server to add."""
    about = {
        "id": entry.id,
        "title": entry.title,
        "duration": entry.seconds,
        "timestamp": entry.published,
        "language": entry.language,
        "channel": channel.name,
        "live_status": _live_status(entry),
    }
    reason = None if _may_have(entry, account, country) else _REASONS.get(entry.trait)
    if reason is not None:
        countries = list(GEO_COUNTRIES) if entry.trait is Trait.GEO else []
        return {"status": "UNPLAYABLE", "reason": reason, "countries": countries, **about}
    if entry.trait is Trait.DRM:
        return {"status": "OK", "drm": True, **about}
    path = f"/{site}/captions/{entry.id}"
    captions = {tag: f"{path}.{tag}.vtt" for tag in entry.captions}
    automatic = {tag: f"{path}.{tag}.automatic.vtt" for tag in entry.automatic}
    media = f"/{site}/media/{entry.id}.m4a"
    return {"status": "OK", "media": media, "captions": captions, "automatic": automatic, **about}


def _live_status(entry: Entry) -> str:
    finished = "was_live" if entry.tab is Tab.STREAMS else "not_live"
    return str(_LISTED.get(entry.trait, {}).get("live_status", finished))


def _may_have(entry: Entry, account: Account | None, country: str) -> bool:
    match entry.trait:
        case Trait.MEMBERS | Trait.MEMBERS_UNSAID:
            return account is not None and account.member
        case Trait.AGE:
            return account is not None and account.adult
        case Trait.GEO:
            return country in GEO_COUNTRIES
        case Trait.PRIVATE | Trait.REMOVED | Trait.UPCOMING:
            return False
        case _:
            return True


def captions(entry: Entry, _name: str = "") -> bytes:
    """WebVTT: one cue a second."""
    cues = (
        f"00:00:{second:02}.000 --> 00:00:{second + 1:02}.000\n{entry.title}, second {second}\n"
        for second in range(min(entry.seconds, 60))
    )
    return ("WEBVTT\n\n" + "\n".join(cues)).encode()
