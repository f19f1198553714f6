"""Plans and the sites that they ask: a refusal stops the site for everybody, and a plan waits and probes like
a fetch."""

from typing import Any

import pytest

from ingest_contract.failures import Reason
from ingest_contract.order import Item, PlannedSource
from ingest_contract.profile_status import IngestProfileStatus
from ingest_contract.receipt import Receipt
from ingest_contract.sites import SecretKey, SiteProfile, SiteReport
from ingest_operator.core.outcome import Ended, Run
from ingest_operator.core.plan_sites import after_plans, held_by, may_plan, probe_of, sites_of
from ingest_operator.core.site_states import Sites, rendered, restored
from ingest_operator.core.sites import Gate, without_lost_probes

NOW = 1_764_000_000.0
ONE, OTHER = "1" * 32, "2" * 32
ENTRIES = (SiteProfile(name="youtube", cookies=SecretKey(secret_name="login", key="cookies.txt")),)
TUBE = PlannedSource(url="https://www.youtube.com/@talks")
SHOW = PlannedSource(url="https://media.example.org/feed.xml")
FILES = PlannedSource(url="file:///sources/talks")
VIDEO = Item(index=0, id="youtube:a", url="https://www.youtube.com/watch?v=a")
FRESH = Sites(ENTRIES)


def plan(
    number: int = 1,
    reason: Reason | None = Reason.BOT_CHECK,
    site: str | None = "youtube",
    at: float = NOW,
    **more: Any,
) -> Run:
    """The first plan's run that ended so; `reason` None is a success."""
    receipt = Receipt(
        result="Failed" if reason else "Succeeded",
        reason=reason,
        seconds=1.0,
        site=SiteReport(name=site, secrets=more.get("secrets")) if site else None,
        retry_after_seconds=more.get("wait"),
    )
    ended = Ended(0 if reason is None else 1, receipt.to_json())
    return Run(0, number, 0, 0, 0, started_at=at - 5, ended_at=at, ended=ended)


def live(number: int) -> Run:
    return Run(0, number, 0, 0, 0, started_at=NOW)


def asks(
    sites: Sites, *sources: PlannedSource, run: int = 2, at: float = NOW, trace: str = ONE
) -> tuple[Sites, list[str]]:
    """What is stored then, and the sites that keep the run from starting."""
    reserved, held = may_plan(sites, sites_of(sites, sources), probe_of(trace, 0, run), at)
    return reserved, list(held)


def kept(sites: Sites) -> Sites:
    """As a restarted operator reads it."""
    return restored(ENTRIES, IngestProfileStatus(sites=rendered(sites, NOW)))


def test_a_site_whose_name_only_a_worker_knows_is_waited_for_by_whom_it_has_refused() -> None:
    """An address of a network that delivers for many sites says nothing of which one it is."""
    away = PlannedSource(url="https://cdn.example.net/show/17")
    refused = plan(site="tube", wait=600)
    stopped = kept(after_plans(FRESH, ONE, [refused], NOW))
    for trace in (ONE, OTHER):
        asked = sites_of(stopped, [away], [plan(2, Reason.DOWNLOAD_FAILED, "reel"), live(3), refused])
        _, held = may_plan(stopped, asked, probe_of(trace, 0, 4), NOW + 599)
        assert list(held) == ["tube"]
        probing, held = may_plan(stopped, asked, probe_of(trace, 0, 4), NOW + 600)
        assert held == {}
        assert probing.states["tube"].stopped is not None
        assert probing.states["tube"].stopped.probe == probe_of(trace, 0, 4)
    assert sites_of(stopped, [away, TUBE], [plan()]) == sites_of(stopped, [away, TUBE])


@pytest.mark.parametrize("reason", [Reason.BOT_CHECK, Reason.RATE_LIMITED, Reason.PROXY_FAILED])
def test_a_refused_plan_stops_its_site_for_every_batch_and_no_other_site(reason: Reason) -> None:
    stopped = after_plans(FRESH, ONE, [plan(reason=reason)], NOW)
    gate = Gate(kept(stopped), OTHER, NOW)
    assert not gate.admit(VIDEO, 1)
    assert gate.stopped["youtube"].reason is reason
    assert asks(stopped, TUBE, trace=OTHER)[1] == asks(stopped, TUBE)[1] == ["youtube"]
    assert asks(stopped, SHOW, FILES) == (stopped, [])


def test_the_same_end_seen_again_and_by_a_restarted_operator_says_nothing_new() -> None:
    once = after_plans(FRESH, ONE, [plan(wait=300)], NOW)
    for later in (0, 1, 30, 59, 61, 3000):
        assert after_plans(once, ONE, [plan(wait=300)], NOW + later) == once
    assert after_plans(kept(once), ONE, [plan(wait=300)], NOW + 5) == kept(once)
    assert once.states["youtube"].stopped is not None
    assert once.states["youtube"].stopped.until == NOW + 300


def test_an_end_that_is_old_news_opens_no_breaker_that_somebody_has_closed() -> None:
    assert after_plans(FRESH, ONE, [plan()], NOW + 60) == FRESH
    assert after_plans(FRESH, ONE, [plan(), live(2)], NOW + 1) == FRESH
    assert after_plans(FRESH, ONE, [plan()], NOW + 59) != FRESH


def test_after_the_wait_one_plan_probes_and_its_success_opens_the_site_to_all() -> None:
    stopped = after_plans(FRESH, ONE, [plan()], NOW)
    assert asks(stopped, TUBE, at=NOW + 59)[1] == ["youtube"]
    probing, held = asks(stopped, TUBE, SHOW, at=NOW + 60)
    assert held == []
    assert asks(kept(probing), TUBE, at=NOW + 61) == (probing, [])  # a reconcile that is repeated
    assert asks(probing, TUBE, at=NOW + 600, trace=OTHER)[1] == ["youtube"]
    assert not Gate(probing, OTHER, NOW + 600).admit(VIDEO, 1)
    assert after_plans(probing, ONE, [plan(), live(2)], NOW + 61) == probing
    done = after_plans(probing, ONE, [plan(), plan(2, None, at=NOW + 70)], NOW + 70)
    assert done.states["youtube"].stopped is None
    assert Gate(done, OTHER, NOW + 70).admit(VIDEO, 1)


def test_a_probe_that_is_refused_doubles_the_wait_once() -> None:
    probing, _ = asks(after_plans(FRESH, ONE, [plan()], NOW), TUBE, at=NOW + 60)
    runs = [plan(), plan(2, at=NOW + 70)]
    again = after_plans(probing, ONE, runs, NOW + 70)
    assert again == after_plans(again, ONE, runs, NOW + 75)
    stopped = again.states["youtube"].stopped
    assert stopped is not None
    assert (stopped.opened, stopped.until, stopped.probe) == (2, NOW + 70 + 120, None)


def test_a_plan_whose_other_site_refuses_it_tells_nothing_of_the_site_that_it_probed() -> None:
    probing, _ = asks(after_plans(FRESH, ONE, [plan()], NOW), TUBE, SHOW, at=NOW + 60)
    runs = [plan(), plan(2, site="media.example.org", at=NOW + 70)]
    found = after_plans(probing, ONE, runs, NOW + 70)
    tube, show = (found.states[name].stopped for name in ("youtube", "media.example.org"))
    assert tube is not None
    assert show is not None
    assert (tube.probe, tube.opened) == (None, 1)
    assert asks(found, TUBE, run=3, at=NOW + 71, trace=OTHER)[1] == []
    assert asks(found, SHOW, run=3, at=NOW + 71)[1] == ["media.example.org"]


@pytest.mark.parametrize("runs", [[], [plan()]])
def test_a_probe_that_nobody_will_ever_hear_of_is_given_to_another(runs: list[Run]) -> None:
    probing, _ = asks(after_plans(FRESH, ONE, [plan()], NOW), TUBE, at=NOW + 60)
    assert after_plans(probing, ONE, runs, NOW + 90).states["youtube"].stopped != (
        probing.states["youtube"].stopped
    )
    freed = after_plans(probing, ONE, runs, NOW + 90)
    assert asks(freed, TUBE, run=3, at=NOW + 90, trace=OTHER)[1] == []


def test_only_plans_tell_of_a_plan_that_probes_unless_its_batch_is_gone() -> None:
    probing, _ = asks(after_plans(FRESH, ONE, [plan()], NOW), TUBE, at=NOW + 60)
    assert without_lost_probes(probing, ONE, (), {ONE, OTHER}) == probing
    assert without_lost_probes(probing, OTHER, (), {ONE, OTHER}) == probing
    assert without_lost_probes(probing, OTHER, (), {OTHER}) != probing


def test_a_plan_that_was_taken_away_or_failed_for_its_input_says_so_of_the_probe() -> None:
    probing, _ = asks(after_plans(FRESH, ONE, [plan()], NOW), TUBE, at=NOW + 60)
    gone = after_plans(probing, ONE, [plan(), plan(2, Reason.NOT_FOUND, at=NOW + 70)], NOW + 70)
    assert gone.states["youtube"].stopped is None  # it answered
    for reason in (Reason.EVICTED, Reason.DATABASE_UNAVAILABLE):
        taken = after_plans(probing, ONE, [plan(), plan(2, reason, site=None, at=NOW + 70)], NOW + 70)
        stopped = taken.states["youtube"].stopped
        assert stopped is not None
        assert stopped.probe is None


def test_what_a_plan_waits_for_is_shown_holds_no_recording_and_names_its_moment() -> None:
    stopped = after_plans(FRESH, ONE, [plan()], NOW)
    _, held = may_plan(stopped, sites_of(stopped, [TUBE]), probe_of(ONE, 0, 2), NOW + 1)
    waits = held_by(held, NOW + 1)
    assert waits.due == NOW + 60
    assert waits.blocker.reason == "BotCheck"
    assert waits.blocker.until <= NOW + 1
    assert "youtube: " in waits.blocker.message
    assert "then planning probes" in waits.blocker.message
