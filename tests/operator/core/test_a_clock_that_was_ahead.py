"""A clock that was days ahead for a moment: what it left in a status holds nothing up for longer than the
longest wait there is, counted from when the clock is right again."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from ingest_contract.failures import Reason
from ingest_contract.order import Item
from ingest_contract.profile import IngestProfile, ObjectMeta
from ingest_contract.profile_status import RetentionStatus
from ingest_contract.sites import Pace, SiteProfile
from ingest_operator.core.breaker import LONGEST_WAIT_SECONDS
from ingest_operator.core.ledger import Ledger
from ingest_operator.core.nodes import AVOIDED_SECONDS, avoided
from ingest_operator.core.notifications import WAITS_SECONDS, is_due, next_attempt, with_attempts, with_begun
from ingest_operator.core.retention import EVERY_SECONDS, due_at
from ingest_operator.core.site_states import Sites, SiteState, Stopped
from ingest_operator.core.sites import CATCH_UP_SECONDS, Gate, within_reach
from ingest_operator.core.timestamps import to_rfc3339
from ingest_operator.local.sites import FileSites
from testkit.objects.builders import NOW, a_run, folded, over
from tests.operator.core.test_notifications import COMPLETE, TRACE, conditions

AHEAD = NOW + 3 * 86_400
ITEM = Item(index=0, id="youtube:a", url="https://www.youtube.com/watch?v=a")
PROFILE = IngestProfile(
    api_version="video-ingest.dev/v1alpha1", kind="IngestProfile", metadata=ObjectMeta(name="default")
)


def paced(**pace: int) -> tuple[SiteProfile, ...]:
    return (SiteProfile(name="youtube", pace=Pace.from_object(pace)),)


def left_by(entries: tuple[SiteProfile, ...]) -> Sites:
    """What one start leaves whose clock was ahead."""
    gate = Gate(Sites(entries), TRACE, AHEAD)
    assert gate.admit(ITEM, 1)
    return gate.sites


def decided(home: Path, entries: tuple[SiteProfile, ...], now: float) -> bool:
    """Whether a process that begins now starts a run, as every reconcile asks it."""
    store = FileSites(home, PROFILE, entries, lambda: now)

    async def ask() -> bool:
        async with store.exclusive() as known:
            gate = Gate(known, TRACE, now)
            started = gate.admit(ITEM, 2)
            if gate.sites != known:
                await store.write(gate.sites)
            return started

    return asyncio.run(ask())


def kept(home: Path, entries: tuple[SiteProfile, ...], sites: Sites) -> None:
    asyncio.run(FileSites(home, PROFILE, entries, lambda: AHEAD).write(sites))


@pytest.mark.parametrize(
    ("pace", "longest"),
    [
        ({"perHour": 1}, 3605),
        ({"perHour": 100}, 37),
        ({"minGapSeconds": 90}, 90),
        ({"minGapSeconds": 90, "jitterSeconds": 30}, 120),
        ({"perHour": 100, "minGapSeconds": 5, "jitterSeconds": 10}, 37),
    ],
)
def test_a_site_is_open_again_after_the_longest_wait_of_its_pace(
    pace: dict[str, int], longest: int, tmp_path: Path
) -> None:
    entries = paced(**pace)
    kept(tmp_path, entries, left_by(entries))
    assert not decided(tmp_path, entries, NOW)
    assert not decided(tmp_path, entries, NOW + 1)
    assert decided(tmp_path, entries, NOW + longest)


def test_a_site_that_refused_us_is_probed_after_the_longest_wait_of_a_breaker(tmp_path: Path) -> None:
    stopped = Stopped(Reason.RATE_LIMITED, AHEAD + 600, 3, "slow down")
    kept(tmp_path, (), Sites((), {"youtube": SiteState("direct", stopped=stopped)}))
    assert not decided(tmp_path, (), NOW)
    assert not decided(tmp_path, (), NOW + LONGEST_WAIT_SECONDS - 1)
    assert decided(tmp_path, (), NOW + LONGEST_WAIT_SECONDS)


@pytest.mark.parametrize("pace", [{"perHour": 1}, {"perHour": 7, "minGapSeconds": 60, "jitterSeconds": 3600}])
def test_what_a_right_clock_has_left_stays_as_it_is(pace: dict[str, int]) -> None:
    sites = left_by(paced(**pace))
    stopped = Stopped(Reason.BOT_CHECK, AHEAD + LONGEST_WAIT_SECONDS, 9, "robot?")
    both = sites.with_state(sites.met_named("vimeo.com"), SiteState("direct", stopped=stopped))
    assert within_reach(both, AHEAD) == both
    due = sites.states["youtube"].due
    for last, now in ((AHEAD, AHEAD + 7200), (0.0, due - CATCH_UP_SECONDS)):
        gate = Gate(Sites(sites.entries, {"youtube": SiteState("direct", last, due)}), TRACE, now)
        assert gate.admit(ITEM, 2), "as early as may be"
        assert within_reach(gate.sites, now) == gate.sites


def test_a_retry_and_a_probe_are_due_after_the_longest_wait_of_a_batch() -> None:
    end = AHEAD + 60
    ledger = folded(Ledger(), over(a_run(0), Reason.BOT_CHECK, at=end), now=end)
    assert ledger.breaker is not None
    assert ledger.open_items[0].not_before > AHEAD
    latest = NOW + LONGEST_WAIT_SECONDS
    for now in (NOW, NOW + 30, latest):  # the second reconcile does not begin the wait anew
        ledger = folded(ledger, now=now)
        assert ledger.breaker is not None
        assert (ledger.open_items[0].not_before, ledger.breaker.until) == (latest, latest)


def test_time_under_way_counts_again_as_soon_as_the_clock_is_right() -> None:
    end = AHEAD + 60
    ledger = folded(Ledger(), over(a_run(0), at=end), now=end)
    assert ledger.active_until == end
    ledger = folded(ledger, now=NOW + 100)
    assert ledger.active_until == NOW + 100
    before = ledger.active
    later = replace(a_run(1), started_at=NOW + 200)
    ledger = folded(ledger, over(later, at=NOW + 260), now=NOW + 260)
    assert ledger.active == pytest.approx(before + 60)


def test_time_under_way_stays_where_only_the_node_s_clock_is_seconds_ahead() -> None:
    ledger = folded(Ledger(), over(a_run(0), at=NOW + 5), now=NOW)
    assert folded(ledger, now=NOW + 1).active_until == NOW + 5


def test_waits_of_a_right_clock_are_left_alone() -> None:
    ledger = folded(Ledger(), over(a_run(0), Reason.BOT_CHECK, at=NOW), now=NOW)
    assert ledger.breaker is not None
    assert ledger.breaker.until == NOW + 60
    assert folded(ledger, now=NOW + 1) == ledger
    assert folded(ledger, now=NOW - 5) == ledger, "a clock that was put right by seconds"


def test_a_node_is_avoided_for_no_longer_than_it_would_be_from_now_on() -> None:
    end = AHEAD + 60
    runs = [over(a_run(index, node="bad"), Reason.GPU_BROKEN, at=end) for index in range(3)]
    ledger = folded(Ledger(), *runs, a_run(9, node="good"), now=end)
    assert avoided(ledger) == ("bad",)
    for now in (NOW, NOW + AVOIDED_SECONDS - 1):
        ledger = folded(ledger, a_run(9, node="good"), now=now)
        assert (avoided(ledger), ledger.nodes["bad"].until) == (("bad",), NOW + AVOIDED_SECONDS)
    assert avoided(folded(ledger, a_run(9, node="good"), now=NOW + AVOIDED_SECONDS)) == ()


def test_a_webhook_is_asked_again_at_once() -> None:
    (first,) = with_begun((), (), conditions((COMPLETE, "Succeeded")), TRACE, NOW)
    (failed,) = with_attempts([first], {first.id: "no route"}, AHEAD)
    assert is_due(failed, NOW)
    assert not is_due(failed, AHEAD)
    assert next_attempt([failed], AHEAD) == AHEAD + WAITS_SECONDS[0]
    assert not is_due(failed, AHEAD + WAITS_SECONDS[0] - WAITS_SECONDS[-1])


def test_a_run_of_retention_begins_at_once() -> None:
    status = RetentionStatus(run=1, started_at=to_rfc3339(AHEAD), next_at=to_rfc3339(AHEAD + EVERY_SECONDS))
    assert due_at(status, NOW) == NOW
    assert due_at(status, AHEAD) == AHEAD + EVERY_SECONDS
