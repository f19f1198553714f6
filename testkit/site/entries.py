"""The recordings of a channel, made from a seed: what each is, and what a guest of the site gets of it."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ingest_contract.failures import Reason


class Tab(StrEnum):
    """The tabs of a channel, by the names that they have in addresses."""

    VIDEOS = "videos"
    SHORTS = "shorts"
    STREAMS = "streams"


class Trait(StrEnum):
    """What is special about a recording."""

    PLAIN = "plain"
    PRIVATE = "private"
    MEMBERS = "members only"
    """The list says so; an account that is a member gets it."""
    MEMBERS_UNSAID = "members only, and the list does not say so"
    AGE = "age-gated"
    """An account of an adult gets it."""
    GEO = "geo-blocked"
    """Shown in the countries of `server.GEO_COUNTRIES` only."""
    REMOVED = "removed"
    DRM = "drm"
    LIVE = "live"
    UPCOMING = "upcoming"
    CUT = "403 in mid-file"
    """The first address of its media answers 403 in the middle; a fresh extraction gives one that works."""
    SLOW = "throttled"
    """Its media come at `Rules.slow_bytes_per_second`."""


FATE: Final[Mapping[Trait, Reason | None]] = {
    Trait.PLAIN: None,
    Trait.PRIVATE: Reason.PRIVATE,
    Trait.MEMBERS: Reason.MEMBERS_ONLY,
    Trait.MEMBERS_UNSAID: Reason.MEMBERS_ONLY,
    Trait.AGE: Reason.AGE_GATED,
    Trait.GEO: Reason.GEO_BLOCKED,
    Trait.REMOVED: Reason.REMOVED,
    Trait.DRM: Reason.DRM_PROTECTED,
    Trait.LIVE: Reason.LIVE_OR_UPCOMING,
    Trait.UPCOMING: Reason.LIVE_OR_UPCOMING,
    Trait.CUT: Reason.DOWNLOAD_FAILED,
    Trait.SLOW: None,
}
"""How a guest's first run of a recording ends; None where it is fetched."""

SHARES: Final[Mapping[Trait, float]] = {
    Trait.PRIVATE: 0.01,
    Trait.MEMBERS: 0.01,
    Trait.MEMBERS_UNSAID: 0.01,
    Trait.AGE: 0.01,
    Trait.GEO: 0.01,
    Trait.REMOVED: 0.01,
    Trait.DRM: 0.005,
    Trait.LIVE: 0.001,
    Trait.UPCOMING: 0.004,
    Trait.CUT: 0.01,
    Trait.SLOW: 0.005,
}
"""Shares of a channel's recordings; the others are plain."""

_TABS: Final = {Tab.VIDEOS: 0.8, Tab.SHORTS: 0.12, Tab.STREAMS: 0.08}
_LANGUAGES: Final = {"en": 0.8, "de": 0.15, "pt": 0.05}
_KINDS: Final = ("Talk", "Interview", "Workshop", "Panel")
_SUBJECTS: Final = ("indexes", "gardens", "compilers", "rivers", "schedulers", "voices", "maps", "bread")
_NEWEST: Final = 1_790_000_000
"""2026-09-21, in seconds."""
_DAY_SECONDS: Final = 86_400


@dataclass(frozen=True, slots=True)
class Entry:
    """One recording."""

    id: str
    tab: Tab
    title: str
    seconds: int
    published: int
    """In seconds; lists do not show it."""
    language: str
    """Lists do not show it."""
    trait: Trait
    shown_length: bool
    """Whether lists show its length."""
    captions: tuple[str, ...] = ()
    """Languages of its captions."""
    automatic: tuple[str, ...] = ()
    """Tags of captions that the site's speech recognition wrote, and of their translations."""

    @property
    def fate(self) -> Reason | None:
        """How a guest's first run of it ends; None where it is fetched."""
        return FATE[self.trait]


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel and its recordings, newest first."""

    name: str
    entries: tuple[Entry, ...]

    def of(self, *traits: Trait) -> tuple[Entry, ...]:
        """Those with one of the traits."""
        return tuple(entry for entry in self.entries if entry.trait in traits)

    def tab(self, tab: Tab) -> tuple[Entry, ...]:
        """Those of a tab."""
        return tuple(entry for entry in self.entries if entry.tab is tab)


def channel(
    count: int,
    *,
    name: str = "talks",
    seed: int = 0,
    seconds: tuple[int, int] = (3, 8),
    shares: Mapping[Trait, float] = SHARES,
) -> Channel:
    """A channel of `count` recordings, the same for the same arguments.

    Args:
        count: How many.
        name: Its name in addresses, after `@`.
        seed: Of the random choices.
        seconds: The shortest and the longest. Media are as long as they are announced up to
            `media.LONGEST_SECONDS`; a site of longer ones is for plans.
        shares: Shares of the recordings with a trait; at least one of each trait is there once `count`
            allows it.
    """
    chance = random.Random(seed)  # noqa: S311 -- nothing is to be kept secret
    traits = _traits(count, shares)
    chance.shuffle(traits)
    return Channel(name, tuple(_entry(chance, place, trait, seconds) for place, trait in enumerate(traits)))


def _traits(count: int, shares: Mapping[Trait, float]) -> list[Trait]:
    found = [trait for trait, share in shares.items() for _ in range(max(1, round(share * count)))]
    return [*found, *[Trait.PLAIN] * (count - len(found))][:count]


def _entry(chance: random.Random, place: int, trait: Trait, seconds: tuple[int, int]) -> Entry:
    name = "".join(chance.choices("ABCDEFGHJKMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789-_", k=11))
    tab = chance.choices([*_TABS], [*_TABS.values()])[0]
    tab = Tab.STREAMS if trait in (Trait.LIVE, Trait.UPCOMING) else tab
    language = chance.choices([*_LANGUAGES], [*_LANGUAGES.values()])[0]
    return Entry(
        id=name,
        tab=tab,
        title=f"{chance.choice(_KINDS)} {place}: {chance.choice(_SUBJECTS)}",
        seconds=chance.randint(*seconds),
        published=_NEWEST - place * _DAY_SECONDS // 2,
        language=language,
        trait=trait,
        shown_length=tab is Tab.VIDEOS and chance.random() < 0.98,
        captions=(language,) if chance.random() < 0.5 else (),
    )
