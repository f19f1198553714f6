"""Sites that several batches share: their pace, and their one breaker with one probe."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_contract.failures import Reason
from ingest_contract.order import Item
from ingest_contract.profile_status import IngestProfileStatus, SiteProbe
from ingest_contract.receipt import Receipt, StageFigures
from ingest_contract.sites import Pace, SecretKey, SiteProfile, SiteReport
from ingest_contract.stages import Stage
from ingest_operator.core.outcome import Ended, Run
from ingest_operator.core.site_states import Sites, rendered, restored
from ingest_operator.core.sites import Gate, after_ends, without_lost_probes

NOW = 1_764_000_000.0
ONE, OTHER = "1" * 32, "2" * 32
ENTRIES = tuple(
    SiteProfile.from_object(each)
    for each in (
        {"name": "youtube", "cookies": {"secretName": "login", "key": "cookies.txt"}},
        {"name": "*", "pace": {"perHour": 3600}},
    )
)


def tube(index: int) -> Item:
    return Item(index=index, id=f"youtube:{index}", url=f"https://www.youtube.com/watch?v={index}")


def other(index: int) -> Item:
    return Item(index=index, id="url:1", url=f"https://media.example.org/{index}.mp3")


ITEMS = tuple(tube(index) for index in range(100))


def ended(index: int, reason: Reason | None = Reason.BOT_CHECK, number: int = 1, **more: Any) -> Run:
    """A run that met the site. `more`: `secrets`, `stage`, `resumed`, `wait`."""
    receipt = Receipt(
        result="Failed" if reason else "Succeeded",
        reason=reason,
        stage=more.get("stage", Stage.FETCH) if reason else None,
        seconds=1.0,
        stages={Stage.FETCH: StageFigures(seconds=1.0, resumed=more.get("resumed", False))},
        site=SiteReport(name="youtube", secrets=more.get("secrets")),
        retry_after_seconds=more.get("wait"),
    )
    return over(index, number, Ended(0 if reason is None else 1, receipt.to_json()))


def over(index: int, number: int, how: Ended) -> Run:
    return Run(index, number, 0, 0, 0, started_at=NOW, ended_at=NOW, ended=how)


def learned_by(sites: Sites, *runs: Run, at: float = NOW, trace: str = ONE) -> Sites:
    return after_ends(sites, trace, runs, ITEMS, at)


def admitted(
    sites: Sites, items: Sequence[Item], at: float, trace: str = ONE, run: int = 2
) -> tuple[list[int], Sites]:
    gate = Gate(sites, trace, at)
    return [item.index for item in items if gate.admit(item, run)], gate.sites


def stopped_until(sites: Sites) -> float | None:
    held = sites.states["youtube"].stopped if "youtube" in sites.states else None
    return None if held is None else held.until


def through_the_status(sites: Sites, at: float) -> Sites:
    status = IngestProfileStatus(sites=rendered(sites, at))
    return restored(sites.entries, IngestProfileStatus.model_validate_json(status.to_json()))


@pytest.mark.parametrize("reason", [Reason.BOT_CHECK, Reason.RATE_LIMITED, Reason.PROXY_FAILED])
def test_a_site_that_stops_us_stops_every_batch_there_and_nobody_elsewhere(reason: Reason) -> None:
    sites = through_the_status(learned_by(Sites(ENTRIES), ended(0, reason)), NOW)
    assert stopped_until(sites) == NOW + 60
    mixed = [tube(1), other(2), tube(3)]
    assert admitted(sites, mixed, NOW + 59)[0] == [2]
    assert admitted(sites, mixed, NOW + 59, OTHER)[0] == [2]


def test_one_run_of_one_batch_probes_also_after_a_restart() -> None:
    sites = learned_by(Sites(ENTRIES), ended(0))
    first, sites = admitted(sites, ITEMS[1:9], NOW + 60)
    assert first == [1]
    sites = through_the_status(sites, NOW + 60)
    assert admitted(sites, ITEMS, NOW + 5000, OTHER)[0] == []
    assert admitted(sites, ITEMS[1:9], NOW + 61)[0] == [1], "the reservation is its own: a start is repeated"


def test_a_probe_that_is_given_something_closes_the_breaker() -> None:
    _, sites = admitted(learned_by(Sites(ENTRIES), ended(0)), [tube(1)], NOW + 60)
    assert stopped_until(learned_by(sites, ended(1, None, number=2), at=NOW + 90)) is None
    assert stopped_until(learned_by(sites, ended(1, Reason.PRIVATE, number=2), at=NOW + 90)) is None
    late = ended(1, Reason.GPU_OUT_OF_MEMORY, number=2, stage=Stage.TRANSCRIBE)
    assert stopped_until(learned_by(sites, late, at=NOW + 90)) is None


@pytest.mark.parametrize(
    "run",
    [
        over(1, 2, Ended(None, None, Reason.EVICTED)),
        over(1, 2, Ended(None, None, Reason.NODE_LOST)),
        ended(1, None, 2, resumed=True),
    ],
)
def test_a_probe_that_never_asked_the_site_proves_nothing_and_the_next_one_goes(run: Run) -> None:
    _, sites = admitted(learned_by(Sites(ENTRIES), ended(0)), [tube(1)], NOW + 60)
    sites = learned_by(sites, run, at=NOW + 90)
    assert stopped_until(sites) == NOW + 60
    assert admitted(sites, [tube(5), tube(6)], NOW + 91, OTHER)[0] == [5]


def test_the_end_of_another_run_neither_closes_nor_doubles() -> None:
    _, sites = admitted(learned_by(Sites(ENTRIES), ended(0)), [tube(1)], NOW + 60)
    assert learned_by(sites, ended(7, None), at=NOW + 70) == sites
    again = learned_by(sites, ended(8), at=NOW + 70)
    held = again.states["youtube"].stopped
    assert held is not None
    assert (held.opened, held.probe) == (1, SiteProbe(batch=ONE, index=1, run=2))


def test_each_failed_probe_doubles_the_wait_up_to_an_hour_and_a_second_report_does_not() -> None:
    sites, at, waits = learned_by(Sites(ENTRIES), ended(0)), NOW + 60, []
    for number in range(2, 10):
        _, sites = admitted(sites, [tube(1)], at, run=number)
        sites = learned_by(sites, ended(1, number=number), at=at)
        sites = learned_by(sites, ended(1, number=number), at=at)
        until = stopped_until(sites)
        assert until is not None
        waits.append(until - at)
        at = until
    assert waits == [120, 240, 480, 960, 1920, 3600, 3600, 3600]


def test_a_site_that_names_a_wait_gets_it() -> None:
    assert stopped_until(learned_by(Sites(ENTRIES), ended(0, wait=900))) == NOW + 900


def test_other_secrets_start_the_wait_over() -> None:
    sites = learned_by(Sites(ENTRIES), ended(0, secrets="aaaaaaaa"))
    for number in (2, 3):
        until = stopped_until(sites) or 0.0
        _, sites = admitted(sites, [tube(1)], until, run=number)
        sites = learned_by(sites, ended(1, number=number, secrets="aaaaaaaa"), at=until)
    at = NOW + 1000
    renewed = learned_by(sites, ended(9, Reason.PRIVATE, secrets="bbbbbbbb"), at=at)
    assert stopped_until(renewed) == min(at, stopped_until(sites) or at), "a probe goes at once"
    refused = learned_by(sites, ended(9, secrets="bbbbbbbb"), at=at)
    assert stopped_until(refused) == at + 60
    entries = (SiteProfile(name="youtube", cookies=SecretKey(secret_name="new", key="cookies.txt")),)
    assert admitted(Sites(entries, sites.states), [tube(3)], NOW + 1)[0] == [3], "somebody else for the site"


def test_a_probe_that_nobody_will_hear_of_is_given_up() -> None:
    _, sites = admitted(learned_by(Sites(ENTRIES), ended(0)), [tube(1)], NOW + 60)
    live = Run(1, 2, 0, 0, 0, NOW)
    assert without_lost_probes(sites, ONE, [live], None) == sites
    assert without_lost_probes(sites, OTHER, [], {ONE, OTHER}) == sites
    assert without_lost_probes(sites, OTHER, [], None) == sites
    for lost in (without_lost_probes(sites, ONE, [], None), without_lost_probes(sites, OTHER, [], {OTHER})):
        assert admitted(lost, [tube(4)], NOW + 61, OTHER)[0] == [4]


def test_files_and_sites_without_a_pace_are_asked_as_often_as_there_is_room() -> None:
    files = [Item(index=n, id="file:1", url=f"file:///{n}.wav") for n in range(9)]
    assert admitted(learned_by(Sites(ENTRIES), ended(0)), files, NOW)[0] == list(range(9))
    assert admitted(Sites(ENTRIES), ITEMS, NOW)[0] == list(range(100))
    assert rendered(admitted(Sites(ENTRIES), ITEMS, NOW)[1], NOW) == ()


@given(
    pace=st.builds(
        Pace,
        per_hour=st.none() | st.integers(1, 4000),
        min_gap_seconds=st.integers(0, 60),
        jitter_seconds=st.integers(0, 60),
    ),
    asks=st.lists(st.tuples(st.floats(0, 400), st.integers(1, 40), st.booleans()), min_size=1, max_size=80),
)
def test_no_hour_has_more_starts_than_the_pace_and_no_two_are_too_close(
    pace: Pace, asks: list[tuple[float, int, bool]]
) -> None:
    sites, at, starts = Sites((SiteProfile(name="youtube", pace=pace),)), NOW, list[float]()
    for number, (later, count, restarted) in enumerate(asks):
        at = round(at + later, 3)
        some, sites = admitted(sites, [tube(each) for each in range(count)], at, (ONE, OTHER)[number % 2])
        starts += [at] * len(some)
        sites = through_the_status(sites, at) if restarted else sites
    if pace.per_hour is not None:
        assert all(sum(first <= each < first + 3600 for each in starts) <= pace.per_hour for first in starts)
    gaps = [after - before for before, after in pairwise(starts)]
    assert all(gap >= (pace.min_gap_seconds or 0) - 1e-3 for gap in gaps)
    assert starts


def test_a_paced_site_loses_little_to_reconciles_that_come_late() -> None:
    """At 250 an hour, with reconciles a second late, an hour has at least 95 % of its starts."""
    sites, at, starts = Sites((SiteProfile(name="youtube", pace=Pace(per_hour=250)),)), NOW, 0
    while at < NOW + 3600:
        some, sites = admitted(sites, ITEMS, at)
        starts += len(some)
        gate = Gate(sites, ONE, at)
        gate.admit(tube(99), 1)
        at = max(gate.waits["youtube"], at) + 1.3
    assert 238 <= starts <= 250


def test_who_is_refused_because_of_another_would_be_refused_alone_and_the_probe_is_not() -> None:
    stopped = learned_by(Sites(ENTRIES), ended(0))
    _, probing = admitted(stopped, ITEMS[7:8], NOW + 60, run=1)
    gate = Gate(probing, ONE, NOW + 61)
    assert not gate.admit(ITEMS[0], 1)
    assert [item.index for item in ITEMS if not gate.is_shut(item)] == [7]
    assert not gate.is_shut(other(1))
    assert gate.admit(ITEMS[7], 1)
    paced = Gate(Sites((SiteProfile(name="youtube", pace=Pace(min_gap_seconds=10)),)), ONE, NOW)
    assert not paced.is_shut(ITEMS[0])
    assert [item.index for item in ITEMS if paced.admit(item, 1)] == [0]
    assert all(map(paced.is_shut, ITEMS))


@pytest.mark.parametrize(
    ("host", "names"),
    [("a" * 300, ()), (".".join(["a" * 60] * 5), (".".join(["a" * 60] * 5)[:253],))],
    ids=["a label too long", "labels too many"],
)
def test_an_address_whose_host_cannot_be_keeps_no_status_from_being_written(
    host: str, names: tuple[str, ...]
) -> None:
    strange = Item(index=0, id="url:1", url=f"https://{host}.example.org/1.mp3")
    gate = Gate(Sites(ENTRIES), ONE, NOW)
    assert gate.admit(strange, 1)
    assert gate.admit(other(1), 1)
    rows = rendered(gate.sites, NOW)
    assert [row.name for row in rows] == [*names, "media.example.org"]
    assert restored(ENTRIES, IngestProfileStatus(sites=rows)) == gate.sites
