"""Channels of thousands with tabs, as the real yt-dlp lists them: what one address means, what is asked for,
and what a plan that died need not ask for again."""

from collections.abc import Iterator

import pytest

from ingest_contract.plan_document import SkipReason
from ingest_contract.selection import Exclude, Include, Order
from testkit.site.entries import Channel, Entry, Tab, Trait, channel
from testkit.site.extractor import registered
from testkit.site.server import Site, serving
from testkit.site.visits import Kind
from tests.worker.sources.planner import Planner

TALKS = channel(200, seconds=(300, 10_800))


@pytest.fixture
def talks() -> Iterator[Site]:
    with registered(), serving(Site(TALKS)) as found:
        yield found


def ids(*entries: Entry) -> set[str]:
    return {f"tube:{entry.id}" for entry in entries}


def on_tab(found: Channel, tab: Tab) -> tuple[Entry, ...]:
    """Without what its own list shows to be of no use."""
    return tuple(
        entry for entry in found.tab(tab) if entry.trait not in (Trait.MEMBERS, Trait.LIVE, Trait.UPCOMING)
    )


def test_a_channels_own_address_is_all_of_its_uploads(talks: Site, planner: Planner) -> None:
    found = planner.plan(talks.url("@talks"), order=Order.SOURCE, include=(Include.LIVE,))
    every = [entry for tab in Tab for entry in on_tab(TALKS, tab)]
    assert [item.id for item in found.items] == [f"tube:{entry.id}" for entry in every]
    assert sum(found.skip_counts.values()) == len(TALKS.entries) - len(every)
    assert talks.visits.of(Kind.PAGE) == []


def test_finished_streams_of_a_channel_are_left_out_unless_asked_for(talks: Site, planner: Planner) -> None:
    found = planner.plan(talks.url("@talks"), order=Order.SOURCE)
    assert {item.id for item in found.items} == ids(*on_tab(TALKS, Tab.VIDEOS), *on_tab(TALKS, Tab.SHORTS))
    assert found.skip_counts[SkipReason.LIVE_OR_UPCOMING] == len(TALKS.tab(Tab.STREAMS)) - len(
        [entry for entry in TALKS.tab(Tab.STREAMS) if entry.trait is Trait.MEMBERS]
    )


@pytest.mark.parametrize("tab", Tab)
def test_a_tab_is_named_by_its_address(talks: Site, planner: Planner, tab: Tab) -> None:
    found = planner.plan(talks.url(f"@talks/{tab.value}"), order=Order.SOURCE, include=(Include.LIVE,))
    assert {item.id for item in found.items} == ids(*on_tab(TALKS, tab))


def test_shorts_of_a_channel_are_left_out_by_their_kind(talks: Site, planner: Planner) -> None:
    found = planner.plan(talks.url("@talks"), order=Order.SOURCE, exclude=(Exclude.SHORTS,))
    assert {item.id for item in found.items} == ids(*on_tab(TALKS, Tab.VIDEOS))
    assert found.skip_counts[SkipReason.KIND_UNWANTED] == len(on_tab(TALKS, Tab.SHORTS))


def test_languages_come_from_the_pages_of_those_that_are_left_by_then(talks: Site, planner: Planner) -> None:
    wanted = [entry for entry in on_tab(TALKS, Tab.VIDEOS) if entry.title.startswith("Talk")]
    found = planner.plan(
        talks.url("@talks/videos"), order=Order.SOURCE, titles=("talk *",), languages=("de",)
    )
    assert ids(*(entry for entry in wanted if entry.language == "de" and entry.fate is None)) <= {
        item.id for item in found.items
    }
    told = [entry for entry in wanted if entry.fate is None or entry.trait is Trait.CUT]
    others = [entry for entry in told if entry.language != "de"]
    assert found.skip_counts[SkipReason.LANGUAGE_UNWANTED] == len(others)
    # yt-dlp looks twice at what is shown in other countries only
    assert len({visit.path for visit in talks.visits.of(Kind.PAGE)}) == len(wanted)
