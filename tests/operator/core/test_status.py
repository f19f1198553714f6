"""What people read: counts that add up, progress, pace, percentiles, and rows that are the right ones."""

import random
import statistics
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest_contract.batch import SuspendMode
from ingest_contract.failures import FAILURES, Reason
from ingest_contract.intervals import decode
from ingest_contract.order import Item
from ingest_contract.progress import Progress
from ingest_contract.recording_status import RecordingState
from ingest_contract.stages import Stage
from ingest_contract.status import MAX_ROWS, RTF_BUCKETS, IngestBatchStatus
from ingest_operator.core.ledger import Ledger
from ingest_operator.core.outcome import Observation, Run
from ingest_operator.core.rows import RECENT_ROWS
from ingest_operator.core.status import percentile, render
from testkit.objects.builders import (
    NOW,
    a_planned_batch,
    a_receipt,
    a_run,
    an_item,
    ended_by,
    folded,
    over,
    planned,
)
from testkit.objects.statuses import under_way
from tests.support.ledgers import TOTAL, ledgers


def rendered(
    ledger: Ledger,
    count: int = TOTAL,
    *,
    given: Sequence[Item] | None = None,
    seen: tuple[Run, ...] = (),
    **spec: Any,
) -> IngestBatchStatus:
    batch = a_planned_batch(count, **spec)
    batch = batch if given is None else replace(batch, planned=planned(given))
    return render(batch, Observation(seen), ledger, None, NOW)


def succeeded(index: int, *, rtf: float, media: float = 600.0) -> Any:
    return over(
        a_run(index),
        ended=ended_by(None, receipt=a_receipt(seconds=media * rtf, media=media)),
        at=NOW + media * rtf,
    )


@given(ledgers())
def test_the_counts_add_up_and_every_item_is_in_exactly_one_place(ledger: Ledger) -> None:
    status = rendered(ledger)
    counts = status.counts
    places = [
        decode(text)
        for text in (
            status.final_recordings.succeeded,
            status.final_recordings.skipped,
            status.final_recordings.failed,
        )
    ]
    live = under_way(status)
    final = counts.succeeded + counts.skipped + counts.failed
    unfinished = counts.fetching + counts.fetched + counts.running + counts.waiting
    assert counts.pending + unfinished + final == counts.total == TOTAL
    assert [len(place) for place in places] == [counts.succeeded, counts.skipped, counts.failed]
    assert sum(map(len, places)) + len(live) == len(frozenset().union(live, *places))
    assert len(live) == unfinished


def test_an_unplanned_batch_has_no_progress_and_a_planned_one_without_items_has_all_of_it() -> None:
    assert (rendered(Ledger(), 0).progress_percent, rendered(Ledger(), 0).eta_seconds) == (100, None)
    assert rendered(Ledger(), 5).progress_percent == 0


def test_progress_is_measured_in_media_and_counts_what_runs() -> None:
    recordings = (an_item(0, 3000), an_item(1, 500), an_item(2, 500))
    ledger = folded(Ledger(), over(a_run(1)), a_run(0))
    live = a_run(0, progress=Progress(stage=Stage.TRANSCRIBE, percent=50, seconds=9.0))
    assert rendered(ledger, given=recordings).progress_percent == 12
    assert rendered(ledger, given=recordings, seen=(live,)).progress_percent == 50


def test_a_recording_of_unknown_length_weighs_as_much_as_the_others_do_on_average() -> None:
    recordings = (an_item(0, 100), an_item(1, 300), an_item(2, None))
    assert rendered(folded(Ledger(), over(a_run(2))), given=recordings).progress_percent == 33


@given(st.lists(st.none() | st.integers(0, 40_000), min_size=1, max_size=60))
@example([None, None, None, None, None, 1, 1, 9198])
def test_a_batch_that_is_done_stands_at_a_hundred_percent_whatever_its_lengths(
    lengths: list[int | None],
) -> None:
    recordings = tuple(an_item(index, seconds) for index, seconds in enumerate(lengths))
    ledger = folded(Ledger(), *(over(a_run(index)) for index in range(len(lengths))))
    status = rendered(ledger, given=recordings)
    assert (status.progress_percent, status.eta_seconds, status.state) == (100, None, "Complete")


def test_the_eta_is_what_is_left_at_the_pace_so_far_shared_by_those_who_work() -> None:
    ledger = folded(Ledger(), succeeded(0, rtf=0.1))
    assert rendered(ledger, 11).eta_seconds == 600
    assert rendered(ledger, 11, parallelism=5).eta_seconds == 120
    assert rendered(ledger, 2, parallelism=5).eta_seconds == 60
    assert rendered(Ledger(), 11).eta_seconds is None


def test_throughput_counts_the_hours_in_which_something_ran() -> None:
    ledger = folded(Ledger(), succeeded(0, rtf=0.1), succeeded(1, rtf=0.1))
    assert rendered(ledger).audio_hours_per_hour == "20"
    assert rendered(Ledger()).audio_hours_per_hour is None


def test_the_share_of_computing_is_of_all_the_time_for_which_devices_were_held() -> None:
    def share(*runs: Run) -> int | None:
        return rendered(folded(Ledger(), *runs)).computing_percent

    def done(held: float, computing: float) -> Run:
        receipt = a_receipt(computing_seconds=computing)
        return over(a_run(0, held_seconds=held), ended=ended_by(None, receipt=receipt))

    assert share() is None
    assert share(done(100.0, 31.9)) == 31
    assert share(done(100.0, 31.9), over(a_run(1, held_seconds=100.0), Reason.KILLED)) == 15
    assert share(done(1.0, 1.4)) == 100  # nodes tell whole seconds


def test_there_are_no_percentiles_before_there_is_an_rtf() -> None:
    assert rendered(Ledger()).rtf is None


@pytest.mark.parametrize("share", [0.5, 0.95])
@pytest.mark.parametrize("seed", range(5))
def test_a_percentile_from_the_histogram_lies_in_the_bucket_of_the_exact_one(share: float, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 -- figures for a test, not a secret
    rtfs = sorted(chance.lognormvariate(-2.5, 0.8) for _ in range(400))
    ledger = Ledger()
    for index, rtf in enumerate(rtfs):
        ledger = folded(ledger, succeeded(index, rtf=rtf))
    exact = statistics.quantiles(rtfs, n=100, method="inclusive")[round(share * 100) - 1]
    above = next(bound for bound in RTF_BUCKETS if exact <= bound)
    below = max((bound for bound in RTF_BUCKETS if bound < exact), default=0.0)
    assert below * 0.9 <= percentile(ledger.histogram, share) <= above * 1.1


def test_an_rtf_on_a_bound_lies_in_the_bucket_that_ends_there_and_beyond_the_last_the_last_is_reported() -> (
    None
):
    assert percentile(folded(Ledger(), succeeded(0, rtf=0.5)).histogram, 1.0) == 0.5
    assert percentile(folded(Ledger(), succeeded(0, rtf=30.0)).histogram, 0.5) == RTF_BUCKETS[-1]


def test_running_and_waiting_rows_come_first_then_failed_ones_then_the_most_recent() -> None:
    ended = [
        over(a_run(0), at=NOW + 1),
        over(a_run(1), Reason.NOT_FOUND, at=NOW + 2),
        over(a_run(2), Reason.PRIVATE, at=NOW + 3),
    ]
    ledger = folded(
        Ledger(),
        *ended,
        over(a_run(3), Reason.DRM_PROTECTED, at=NOW + 4),
        over(a_run(4), Reason.TRUNCATED),
        a_run(5),
    )
    assert [row.index for row in rendered(ledger).recordings] == [5, 4, 3, 1, 2, 0]


def test_every_recording_of_a_batch_that_fits_has_its_row() -> None:
    ledger = folded(Ledger(), *(over(a_run(index)) for index in range(MAX_ROWS)))
    assert len(rendered(ledger).recordings) == MAX_ROWS


def test_of_a_larger_one_those_that_failed_are_shown_and_the_latest_that_ended_well() -> None:
    ledger = folded(Ledger(), *(over(a_run(index), Reason.NOT_FOUND) for index in range(30)))
    for index in range(30, 190):
        ledger = folded(ledger, over(a_run(index)))
    rows = rendered(ledger).recordings
    assert [row.state for row in rows].count(RecordingState.FAILED) == 30
    assert [row.index for row in rows[30:]] == list(range(189, 189 - RECENT_ROWS, -1))


def test_at_most_a_hundred_rows_are_shown_however_many_failed() -> None:
    ledger = folded(Ledger(), *(over(a_run(index), Reason.NOT_FOUND) for index in range(190)))
    assert len(rendered(ledger).recordings) == MAX_ROWS


def test_a_row_shows_what_its_run_is_doing() -> None:
    live = a_run(
        0, 2, charged_attempts=1, rung=1, progress=Progress(stage=Stage.DIARIZE, percent=40, seconds=9.0)
    )
    row = rendered(folded(Ledger(), live), seen=(live,)).recordings[0]
    assert (row.state, row.run, row.charged_attempts, row.rung, row.stage, row.percent) == (
        "Running",
        2,
        1,
        1,
        Stage.DIARIZE,
        40,
    )


def test_reasons_are_counted_the_most_frequent_first_and_each_says_what_to_do() -> None:
    ledger = folded(
        Ledger(),
        over(a_run(0), Reason.NOT_FOUND),
        over(a_run(1), Reason.TOO_LONG),
        over(a_run(2), Reason.TOO_LONG),
    )
    assert [(entry.reason, entry.count) for entry in rendered(ledger).failures] == [
        ("TooLong", 2),
        ("NotFound", 1),
    ]
    assert rendered(ledger).failures[0].sentence == FAILURES[Reason.TOO_LONG].sentence


def test_a_suspended_batch_says_so_and_killed_runs_wait() -> None:
    ledger = folded(Ledger(), over(a_run(0), Reason.INTERRUPTED))
    status = rendered(ledger, suspend=True, suspend_mode=SuspendMode.KILL)
    assert (status.state, status.counts.waiting) == ("Suspended", 1)
