"""Fetching ahead: what is fetched when, how far ahead, and what a site that refuses us holds up."""

from dataclasses import replace
from typing import Any

import pytest

from ingest_contract.failures import Reason
from ingest_contract.fetch_ahead import FetchAhead, FetchMode
from ingest_contract.profile import FetchProfile
from ingest_operator.core.actions import Start
from ingest_operator.core.batch import Batch
from ingest_operator.core.decide import plan
from ingest_operator.core.ledger import Ledger
from ingest_operator.core.outcome import Run
from ingest_operator.core.phases import Ahead, Phase, ahead_of, estimated_mib
from testkit.objects.builders import NOW, a_planned_batch, a_run, an_item, ended_by, folded, over, planned
from testkit.objects.builders import rendered as status_of
from tests.support.simulation import fetched

LATER = NOW + 3600


def a_batch(count: int = 20, *, recordings: int = 4, mib: int = 10_000, **spec: Any) -> Batch:
    return replace(a_planned_batch(count, **spec), ahead=Ahead(recordings, mib))


def a_fetch(index: int, number: int = 1, **fields: Any) -> Run:
    return a_run(index, number, phase=Phase.FETCH, **fields)


def whole(run: Run) -> Run:
    """The fetch, done."""
    return over(run, ended=ended_by(None, receipt=fetched()))


def wanted(batch: Batch, ledger: Ledger, now: float = LATER) -> list[tuple[str, int]]:
    actions = plan(batch, ledger, ledger.running, now)
    return [(action.phase.value, action.index) for action in actions if isinstance(action, Start)]


def test_recordings_are_fetched_in_the_order_of_the_plan_and_no_further_ahead_than_wanted() -> None:
    assert wanted(a_batch(recordings=3), Ledger()) == [("Fetch", 0), ("Fetch", 1), ("Fetch", 2)]


def test_what_is_fetched_is_ingested_and_its_place_is_fetched_for_another() -> None:
    ledger = folded(Ledger(), whole(a_fetch(0)), a_fetch(1), a_fetch(2))
    assert wanted(a_batch(recordings=3, parallelism=1), ledger) == [("Ingest", 0), ("Fetch", 3)]


def test_an_ingest_run_begins_with_the_cache_and_continues_the_count_of_runs() -> None:
    ledger = folded(Ledger(), whole(a_fetch(0, 2, charged_attempts=1, disruptions=1, rung=2)))
    (start, *_) = plan(a_batch(), ledger, (), LATER)
    assert start == Start(0, 3, charged_attempts=1, rung=0, disruptions=1, phase=Phase.INGEST, cached=True)


def test_parallelism_counts_what_ingests_and_nothing_else() -> None:
    fetching = [a_fetch(index) for index in range(2, 5)]
    ledger = folded(Ledger(), whole(a_fetch(0)), whole(a_fetch(1)), *fetching)
    assert wanted(a_batch(parallelism=1, recordings=5), ledger) == [("Ingest", 0), ("Fetch", 5)]
    ingesting = folded(ledger, a_run(0, 2))
    assert ("Ingest", 1) not in wanted(a_batch(parallelism=1, recordings=5), ingesting)


def test_the_cache_takes_no_more_than_it_has_room_for_and_one_recording_always() -> None:
    ten_minutes = estimated_mib(an_item(0, 600))
    assert wanted(a_batch(mib=2 * ten_minutes), Ledger()) == [("Fetch", 0), ("Fetch", 1)]
    assert wanted(a_batch(mib=1), Ledger()) == [("Fetch", 0)]
    ingesting = folded(folded(Ledger(), whole(a_fetch(0))), a_run(0, 2))
    assert wanted(a_batch(mib=1, parallelism=1), ingesting) == [], "it lies there until it is ingested"


def test_a_recording_of_unknown_length_counts_as_an_hour_until_it_is_fetched() -> None:
    batch = replace(a_batch(mib=250), planned=planned([an_item(index, None) for index in range(5)]))
    assert wanted(batch, Ledger()) == [("Fetch", 0), ("Fetch", 1)]
    known = folded(Ledger(), whole(a_fetch(0)), whole(a_fetch(1)))
    assert status_of(batch, known).fetch is not None
    assert wanted(replace(batch, spec=a_planned_batch(1, parallelism=1).spec), known) == [
        ("Ingest", 0),
        ("Fetch", 2),
        ("Fetch", 3),
    ]


def test_a_recording_that_nobody_may_have_ends_before_it_asks_for_a_gpu() -> None:
    ledger = folded(Ledger(), over(a_fetch(0), Reason.PRIVATE), over(a_fetch(1), Reason.DRM_PROTECTED))
    assert (ledger.skipped, ledger.failed) == ({0}, {1})


def test_a_failed_ingest_run_is_repeated_from_the_cache() -> None:
    ledger = folded(folded(Ledger(), whole(a_fetch(0))), over(a_run(0, 2), Reason.GPU_BROKEN))
    (start, *_) = plan(a_batch(), ledger, (), LATER)
    assert start == Start(0, 3, charged_attempts=1, rung=0, disruptions=0, cached=True)


def test_a_run_that_finds_nothing_in_the_cache_is_forgiven_and_the_recording_fetched_again() -> None:
    ledger = folded(folded(Ledger(), whole(a_fetch(0))), over(a_run(0, 2), Reason.NOT_IN_CACHE))
    (start, *_) = plan(a_batch(), ledger, (), LATER)
    assert start == Start(0, 3, charged_attempts=0, rung=0, disruptions=1, phase=Phase.FETCH)


def test_budgets_are_shared_by_both_phases() -> None:
    ledger = folded(Ledger(), over(a_fetch(0), Reason.DOWNLOAD_FAILED))
    ledger = folded(ledger, whole(a_fetch(0, 2, charged_attempts=1)))
    ledger = folded(ledger, over(a_run(0, 3, charged_attempts=1), Reason.GPU_BROKEN), now=LATER)
    ledger = folded(ledger, over(a_run(0, 4, charged_attempts=2), Reason.GPU_BROKEN), now=LATER)
    assert (ledger.failed, ledger.failures) == ({0}, {Reason.GPU_BROKEN: {0}})


def test_a_site_that_refuses_us_stops_fetching_and_nothing_else() -> None:
    ledger = folded(Ledger(), whole(a_fetch(0)), whole(a_fetch(1)), over(a_fetch(2), Reason.BOT_CHECK))
    assert wanted(a_batch(), ledger, NOW + 61) == [("Ingest", 0)]
    assert ledger.fetch_breaker is not None
    probe = wanted(a_batch(), ledger, ledger.fetch_breaker.until)
    assert probe == [("Ingest", 0), ("Fetch", 2)]


def test_a_store_that_is_away_stops_ingesting_and_fetching_goes_on_as_far_as_it_may() -> None:
    away = over(a_run(0, 2), Reason.DATABASE_UNAVAILABLE)
    ledger = folded(folded(Ledger(), whole(a_fetch(0))), whole(a_fetch(1)), away)
    assert wanted(a_batch(recordings=4), ledger, NOW + 61) == [("Fetch", 2), ("Fetch", 3)]


@pytest.mark.parametrize("probe", [Phase.FETCH, Phase.INGEST])
def test_only_a_run_of_its_own_phase_probes_for_a_breaker(probe: Phase) -> None:
    ledger = folded(Ledger(), over(a_fetch(2), Reason.BOT_CHECK))
    assert ledger.fetch_breaker is not None
    due = ledger.fetch_breaker.until
    later = folded(ledger, over(a_run(7, phase=probe, started_at=due), ended=ended_by(None)), now=due + 60)
    assert (later.fetch_breaker is None) == (probe is Phase.FETCH)


def test_successful_fetches_do_not_hide_that_every_ingest_run_fails() -> None:
    ledger = Ledger()
    for index in range(8):
        ledger = folded(ledger, whole(a_fetch(index)))
        ledger = folded(ledger, over(a_run(index, 2), Reason.DIARIZATION_FAILED))
    assert ledger.breaker is not None


@pytest.mark.parametrize(("reason", "stays"), [(Reason.GPU_BROKEN, True), (Reason.PREEMPTED, False)])
def test_a_fetch_on_a_node_says_nothing_about_its_gpu(
    reason: Reason,
    stays: bool,  # noqa: FBT001 -- a parameter of the table
) -> None:
    ledger = folded(Ledger(), whole(a_fetch(0)))
    ledger = folded(ledger, over(a_run(0, 2, node="gpu-7"), reason))
    assert "gpu-7" in ledger.nodes
    later = folded(ledger, whole(a_fetch(1, node="gpu-7")))
    assert ("gpu-7" in later.nodes) == stays


def test_the_status_tells_what_is_fetched_being_fetched_and_in_the_cache() -> None:
    ledger = folded(Ledger(), whole(a_fetch(0)), whole(a_fetch(1)), whole(a_fetch(2)), a_fetch(3))
    ledger = folded(ledger, a_run(0, 2), a_fetch(3))
    status = status_of(a_batch(), ledger)
    assert (status.counts.fetching, status.counts.fetched, status.counts.running) == (1, 2, 1)
    assert status.fetch is not None
    (group,) = status.fetch.fetched
    assert (group.indexes, group.mib, status.fetch.cached_mib) == ("1-2", (10, 10), 30)


def test_a_batch_whose_profile_stops_fetching_ahead_ingests_from_the_sources() -> None:
    ledger = folded(Ledger(), whole(a_fetch(0)))
    (start, *_) = plan(a_planned_batch(20), ledger, (), LATER)
    assert start == Start(0, 2, charged_attempts=0, rung=0, disruptions=0)


@pytest.mark.parametrize(
    ("mode", "has_cache", "ahead"),
    [
        (FetchMode.AUTO, True, Ahead(5, 2048)),
        (FetchMode.AHEAD, True, Ahead(5, 2048)),
        (FetchMode.AUTO, False, None),
        (FetchMode.INLINE, True, None),
    ],
)
def test_a_batch_fetches_ahead_where_there_is_a_cache_unless_its_profile_says_otherwise(
    mode: FetchMode,
    has_cache: bool,  # noqa: FBT001 -- a parameter of the table
    ahead: Ahead | None,
) -> None:
    fetch = FetchProfile(mode=mode, ahead=FetchAhead(recordings=5, gib=2))
    assert ahead_of(fetch, 1, has_cache=has_cache) == ahead


@pytest.mark.parametrize(("slots", "recordings"), [(1, 8), (8, 24), (500, 500)])
def test_a_batch_fetches_further_ahead_the_more_slots_wait_for_it(slots: int, recordings: int) -> None:
    assert ahead_of(FetchProfile(), slots, has_cache=True) == Ahead(recordings, 50 * 1024)


def test_of_the_last_recordings_the_longest_is_fetched_and_ingested_first() -> None:
    lengths = [600, 60, 3600, 300, 900, 1200]
    items = [an_item(index, seconds) for index, seconds in enumerate(lengths)]
    batch = replace(a_batch(parallelism=2), planned=planned(items))
    assert wanted(batch, Ledger()) == [("Fetch", 2), ("Fetch", 5), ("Fetch", 4), ("Fetch", 0)]
    ledger = folded(Ledger(), *(whole(a_fetch(index)) for index in range(6)))
    assert wanted(batch, ledger) == [("Ingest", 2), ("Ingest", 5)]


def test_before_the_last_recordings_the_order_is_that_of_the_plan() -> None:
    items = [an_item(index, 60 * index) for index in range(7)]
    batch = replace(a_batch(parallelism=2), planned=planned(items))
    assert wanted(batch, Ledger()) == [("Fetch", 0), ("Fetch", 1), ("Fetch", 2), ("Fetch", 3)]


def test_the_last_recordings_begin_with_the_longest_where_one_run_does_both() -> None:
    items = [an_item(index, 60 * index) for index in range(4)]
    batch = replace(a_planned_batch(1, parallelism=2), planned=planned(items))
    assert wanted(batch, Ledger()) == [("Ingest", 3), ("Ingest", 2)]
