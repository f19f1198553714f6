"""Channels of thousands with tabs, as the real yt-dlp lists them: what one address means, what is asked for,
and what a plan that died need not ask for again."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest_contract.failures import Reason
from ingest_contract.plan_document import PlanDocument, SkipReason
from ingest_contract.secret_addresses import secret_address
from ingest_contract.selection import Exclude, Include, Order
from ingest_worker.details import Detail, Fact
from ingest_worker.errors import StageError
from ingest_worker.sources.apart import make_plan_apart
from testkit.site.entries import Channel, Entry, Tab, Trait, channel
from testkit.site.extractor import VARIABLE, folder, registered
from testkit.site.rules import Limit
from testkit.site.server import Site, serving
from testkit.site.visits import Kind
from tests.worker.sources.planner import MemoryInProcess, Planner

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


SOME = channel(30, name="some", seed=1)
NO_SHORTS = Channel("calm", tuple(each for each in SOME.entries if each.tab is not Tab.SHORTS))
SAYS = "This channel does not have a shorts tab"


@pytest.fixture
def calm() -> Iterator[Site]:
    with registered(), serving(Site(TALKS, NO_SHORTS)) as found:
        yield found


@pytest.mark.parametrize("kind", ["sources", "manifest", "secret"])
def test_a_tab_that_a_channel_does_not_have_is_named_and_costs_no_other(
    kind: str, calm: Site, planner: Planner, tmp_path: Path
) -> None:
    asked = [calm.url(path) for path in ("@calm/videos", "@calm/shorts", "@talks/shorts")]
    if kind != "sources":
        path = tmp_path / ("urls.txt" if kind == "secret" else "urls.jsonl")
        lines = asked if kind == "secret" else [json.dumps({"url": each}) for each in asked]
        path.write_text("\n".join(lines), encoding="utf-8")
        planner.allow["folders"] = (str(tmp_path),)
        asked = [secret_address(str(path)) if kind == "secret" else path.as_uri()]
    found = planner.plan(*asked, order=Order.SOURCE)
    wanted = ids(*on_tab(NO_SHORTS, Tab.VIDEOS), *on_tab(TALKS, Tab.SHORTS))
    assert {item.id for item in found.items} == wanted
    assert found.skip_counts[SkipReason.UNREADABLE] == 1
    (told,) = (each for each in found.skipped if each.reason is SkipReason.UNREADABLE)
    assert (SAYS.replace("shorts", "***") if kind == "secret" else SAYS) in told.detail
    assert ("line 2 of " if kind == "secret" else "@calm/shorts") in told.title


@pytest.mark.parametrize("channels", [["calm"], ["calm", "quiet"]])
def test_a_plan_of_nothing_but_tabs_that_are_not_there_fails_by_name(
    channels: list[str], planner: Planner
) -> None:
    quiet = Channel("quiet", NO_SHORTS.entries)
    with registered(), serving(Site(NO_SHORTS, quiet)) as site:
        error = planner.failure(*(site.url(f"@{name}/shorts") for name in channels))
        assert (error.reason, error.retry_after_seconds) == (Reason.NOT_FOUND, None)
        assert str(error) == f"{site.url('@calm/shorts')}: {SAYS}"


def test_a_channel_that_is_gone_fails_the_plan_as_any_list_does(calm: Site, planner: Planner) -> None:
    error = planner.failure(calm.url("@calm/videos"), calm.url("@gone/shorts"))
    assert error.reason is Reason.NOT_FOUND
    assert "@gone/shorts: " in str(error)


def test_a_list_whose_pages_repeat_without_end_is_left_when_nothing_new_comes(
    talks: Site, planner: Planner
) -> None:
    talks.rules.turns_pages, talks.rules.page_entries = False, 50
    found = planner.plan(talks.url("@talks/videos"), order=Order.SOURCE)
    shown = TALKS.tab(Tab.VIDEOS)[:50]
    assert {item.id for item in found.items} == ids(*(set(shown) & set(on_tab(TALKS, Tab.VIDEOS))))
    assert len(talks.visits.of(Kind.LIST)) == 22, "a thousand entries again, and one"


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


def pages(site: Site) -> list[str]:
    return [visit.path for visit in site.visits.of(Kind.PAGE, refused=False)]


def test_a_plan_that_a_site_stops_goes_on_behind_the_pages_that_it_has_opened(
    talks: Site, planner: Planner
) -> None:
    talks.rules.guests = Limit(12)
    stopped = planner.failure(talks.url("@talks/shorts"), order=Order.NEWEST_FIRST)
    assert stopped.reason is Reason.BOT_CHECK
    opened = pages(talks)
    assert len(planner.memory.details) == len(set(opened)) > 8
    talks.rules.guests = None
    found = planner.plan(talks.url("@talks/shorts"), order=Order.NEWEST_FIRST)
    every = pages(talks)
    assert {path for path in opened if every.count(path) > opened.count(path)} == set()
    planner.memory = MemoryInProcess()
    assert planner.plan(talks.url("@talks/shorts"), order=Order.NEWEST_FIRST) == found


def test_another_plan_opens_no_page_again(talks: Site, planner: Planner) -> None:
    first = planner.plan(talks.url("@talks/shorts"), min_duration_seconds=1000)
    opened = len(pages(talks))
    assert opened > 0
    assert planner.plan(talks.url("@talks/shorts"), min_duration_seconds=1000) == first
    assert len(pages(talks)) == opened


def test_a_page_that_was_asked_for_something_else_is_opened_again(talks: Site, planner: Planner) -> None:
    one = next(entry for entry in TALKS.tab(Tab.SHORTS) if entry.trait is Trait.PLAIN)
    planner.memory.details[f"tube:{one.id}"] = Detail(asked=(Fact.LENGTH,), duration_seconds=5000)
    planner.plan(talks.url("@talks/shorts"), published_after="2020-01-01", order=Order.SOURCE)
    assert f"/tube/shorts/{one.id}" in pages(talks)
    assert planner.memory.details[f"tube:{one.id}"].published_at is not None


def test_what_a_page_refuses_is_known_for_the_batch_alone(planner: Planner) -> None:
    some = channel(20, shares={Trait.PRIVATE: 0.2, Trait.REMOVED: 0.1})
    with registered(), serving(Site(some)) as site:
        planner.plan(site.url("@talks/videos"), order=Order.NEWEST_FIRST)
    videos = {f"tube:{entry.id}": entry for entry in some.tab(Tab.VIDEOS)}
    found = planner.memory.details
    assert {name: found[name].outcome for name in found} == {name: videos[name].fate for name in videos}
    assert {name for name in found if not found[name].lasts} == {name for name in videos if videos[name].fate}
    assert any(entry.fate for entry in videos.values())


def test_the_length_of_a_short_is_not_worth_a_page_where_it_decides_the_order_alone(
    talks: Site, planner: Planner
) -> None:
    found = planner.plan(talks.url("@talks/shorts"))
    assert pages(talks) == []
    assert found.unknown_durations == len(found.items) > 0
    mixed = planner.plan(talks.url("@talks"))
    shorts = {f"tube:{entry.id}" for entry in TALKS.tab(Tab.SHORTS)}
    assert {item.id for item in mixed.items[-len(found.items) :]} <= shorts


def test_a_process_that_is_stopped_has_handed_over_what_it_learned(
    talks: Site, planner: Planner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(folder(tmp_path / "plugins")))
    order = planner.order(talks.url("@talks/streams"), order=Order.NEWEST_FIRST, include=(Include.LIVE,))

    def made() -> PlanDocument:
        return make_plan_apart(order, planner.store, planner.kept.update, lambda: None, planner.memory)

    talks.rules.guests = Limit(5)
    with pytest.raises(StageError) as stopped:
        made()
    assert stopped.value.reason is Reason.BOT_CHECK
    assert len(planner.memory.details) in (3, 4)  # one may be shown elsewhere only, and is looked at twice
    opened = pages(talks)
    talks.rules.guests = None
    assert len(made().items) > 5
    assert not set(opened) & set(pages(talks)[len(opened) :])
