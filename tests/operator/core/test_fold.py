"""What a run's end does to its item, verdict by verdict. The cases come from the failure table: a new row is
tested by being there."""

import pytest

from ingest_contract.failures import CHARGED, FAILURES, RETRIED_ONCE, Reason, Verdict
from ingest_operator.core.breaker import LONGEST_WAIT_SECONDS
from ingest_operator.core.fold import MAX_RUNS
from ingest_operator.core.ledger import Ledger
from ingest_operator.core.memory_ladder import LAST_RUNG
from ingest_operator.core.outcome import Ended
from ingest_operator.core.retries import (
    DISRUPTION_WAIT_SECONDS,
    MAX_DISRUPTED_SECONDS,
    MAX_DISRUPTIONS,
    RETRY_LATER_SECONDS,
    WAITING_MESSAGE_CHARACTERS,
)
from testkit.objects.builders import NOW, a_failure, a_receipt, a_run, ended_by, folded, over

END = NOW + 60


def reasons(*verdicts: Verdict) -> list[Reason]:
    return [reason for reason, row in FAILURES.items() if row.verdict in verdicts]


def test_every_verdict_is_covered_here() -> None:
    here = {
        *CHARGED,
        Verdict.SKIP,
        Verdict.RETRY_SMALLER,
        Verdict.RETRY_LATER,
        Verdict.STOP_BATCH,
        Verdict.FORGIVE,
    }
    assert here == set(Verdict) == {row.verdict for row in FAILURES.values()}


def test_a_live_run_is_remembered_with_all_that_its_next_run_needs() -> None:
    item = folded(Ledger(), a_run(7, 3, charged_attempts=2, rung=1, disruptions=4)).open_items[7]
    assert (item.number, item.charged_attempts, item.rung, item.disruptions) == (3, 2, 1, 4)
    assert (item.running, item.not_before) == (True, NOW)


def test_a_success_is_final_and_its_figures_are_in_the_sums() -> None:
    ledger = folded(
        Ledger(), over(a_run(3), ended=ended_by(None, receipt=a_receipt(seconds=60, media=600, segments=12)))
    )
    assert ledger.succeeded == {3}
    assert not ledger.open_items
    totals = ledger.totals
    assert (totals.media_seconds, totals.processing_seconds, totals.segments, totals.vectors) == (
        600,
        60,
        12,
        12,
    )
    assert sum(ledger.histogram) == 1
    assert ledger.rows[0].rtf == "0.1"


def test_a_success_whose_figures_nobody_knows_still_counts_as_one() -> None:
    receipt = a_receipt(media=0.0, seconds=1.0, coverage=None)
    ledger = folded(Ledger(), over(a_run(3), ended=ended_by(None, receipt=receipt)))
    assert ledger.succeeded == {3}
    assert sum(ledger.histogram) == 0


@pytest.mark.parametrize("reason", reasons(Verdict.SKIP), ids=str)
def test_what_there_is_nothing_to_ingest_of_is_skipped_and_is_no_failure(reason: Reason) -> None:
    ledger = folded(Ledger(), over(a_run(3), reason))
    assert (sorted(ledger.skipped), sorted(ledger.failed), dict(ledger.skips)) == ([3], [], {reason: 1})


@pytest.mark.parametrize("reason", reasons(Verdict.GIVE_UP), ids=str)
def test_what_cannot_be_helped_fails_at_once(reason: Reason) -> None:
    ledger = folded(Ledger(), over(a_run(3), reason), retry={"max_attempts": 20})
    assert (sorted(ledger.failed), dict(ledger.failures), dict(ledger.runs)) == ([3], {reason: {3}}, {3: 1})
    assert ledger.rows[0].charged_attempts == 1


@pytest.mark.parametrize("reason", reasons(Verdict.RETRY, Verdict.RETRY_ELSEWHERE), ids=str)
def test_a_charged_failure_waits_twice_as_long_each_time_and_then_fails(reason: Reason) -> None:
    charged_attempts = 2 if reason in RETRIED_ONCE else 4
    ledger = Ledger()
    for attempt in range(1, charged_attempts):
        ledger = folded(
            ledger,
            over(a_run(3, attempt, charged_attempts=attempt - 1), reason),
            retry={"max_attempts": 4, "backoff_seconds": 30},
        )
        item = ledger.open_items[3]
        assert (item.charged_attempts, item.not_before - END) == (attempt, 30 * 2 ** (attempt - 1))
        assert (item.running, item.reason) == (False, reason)
    ledger = folded(
        ledger,
        over(a_run(3, charged_attempts, charged_attempts=charged_attempts - 1), reason),
        retry={"max_attempts": 4},
    )
    assert ledger.failed == {3}
    assert ledger.rows[0].charged_attempts == charged_attempts


@pytest.mark.parametrize("reason", sorted(RETRIED_ONCE), ids=str)
def test_a_batch_that_allows_one_attempt_gives_one_even_to_what_is_retried_once(reason: Reason) -> None:
    assert folded(Ledger(), over(a_run(3), reason), retry={"max_attempts": 1}).failed == {3}


def test_no_backoff_is_longer_than_an_hour() -> None:
    late = over(a_run(3, 12, charged_attempts=11), Reason.DOWNLOAD_FAILED)
    assert (
        folded(Ledger(), late, retry={"max_attempts": 20, "backoff_seconds": 3600}).open_items[3].not_before
        == END + LONGEST_WAIT_SECONDS
    )


@pytest.mark.parametrize("reason", reasons(Verdict.RETRY_SMALLER), ids=str)
def test_what_did_not_fit_climbs_the_ladder_uncharged_until_its_end(reason: Reason) -> None:
    ledger = Ledger()
    for rung in range(LAST_RUNG):
        ledger = folded(ledger, over(a_run(3, rung + 1, rung=rung), reason), retry={"max_attempts": 1})
        assert (
            ledger.open_items[3].rung,
            ledger.open_items[3].charged_attempts,
            ledger.open_items[3].not_before,
        ) == (
            rung + 1,
            0,
            END,
        )
    ledger = folded(ledger, over(a_run(3, LAST_RUNG + 1, rung=LAST_RUNG), reason))
    assert ledger.failed == {3}
    assert ledger.rows[0].charged_attempts == 0


def test_the_batch_starts_where_a_success_has_shown_that_recordings_fit() -> None:
    ledger = folded(Ledger(), over(a_run(3, 3, rung=2)), over(a_run(4)))
    assert ledger.learned_rung == 2


@pytest.mark.parametrize("reason", reasons(Verdict.RETRY_LATER, Verdict.STOP_BATCH), ids=str)
def test_what_waits_for_the_world_is_tried_again_uncharged(reason: Reason) -> None:
    item = folded(Ledger(), over(a_run(3, charged_attempts=0), reason), retry={"max_attempts": 1}).open_items[
        3
    ]
    assert (item.charged_attempts, item.not_before) == (0, END + RETRY_LATER_SECONDS)


@pytest.mark.parametrize(("told", "wait"), [(5, 5), (900, 900), (999_999, LONGEST_WAIT_SECONDS)])
def test_a_source_that_says_when_to_come_back_is_listened_to(told: int, wait: float) -> None:
    ended = ended_by(Reason.CLAIMED_ELSEWHERE, receipt=a_failure(Reason.CLAIMED_ELSEWHERE, retry_after=told))
    assert folded(Ledger(), over(a_run(3), ended=ended)).open_items[3].not_before == END + wait


@pytest.mark.parametrize("reason", reasons(Verdict.FORGIVE), ids=str)
def test_an_interruption_is_forgiven_at_once_and_then_after_waits_that_double(reason: Reason) -> None:
    waits = []
    for before in range(5):
        forgiven = folded(
            Ledger(),
            over(a_run(3, 9, charged_attempts=1, disruptions=before), reason),
            retry={"max_attempts": 2},
        ).open_items[3]
        assert (forgiven.charged_attempts, forgiven.disruptions) == (1, before + 1)
        waits.append(forgiven.not_before - END)
    assert waits == [
        0,
        DISRUPTION_WAIT_SECONDS,
        2 * DISRUPTION_WAIT_SECONDS,
        4 * DISRUPTION_WAIT_SECONDS,
        8 * DISRUPTION_WAIT_SECONDS,
    ]


def test_a_recording_interrupted_again_and_again_is_given_up_after_a_day_of_waits_and_not_sooner() -> None:
    waited = 0.0
    for before in range(MAX_DISRUPTIONS):
        item = folded(Ledger(), over(a_run(3, before + 1, disruptions=before), Reason.EVICTED)).open_items[3]
        assert waited < MAX_DISRUPTED_SECONDS
        waited += item.not_before - END
    assert waited >= MAX_DISRUPTED_SECONDS
    assert folded(Ledger(), over(a_run(3, 99, disruptions=MAX_DISRUPTIONS), Reason.EVICTED)).failed == {3}


def test_a_stop_of_our_own_is_no_disruption() -> None:
    stopped = over(a_run(3, 40, disruptions=MAX_DISRUPTIONS), ended=Ended(143, None, on_request=True))
    assert folded(Ledger(), stopped).open_items[3].disruptions == MAX_DISRUPTIONS


def test_a_recording_that_waits_for_a_week_fails_with_what_it_waited_for() -> None:
    ledger = folded(Ledger(), over(a_run(3, MAX_RUNS), Reason.CLAIMED_ELSEWHERE))
    assert (sorted(ledger.failed), dict(ledger.failures)) == ([3], {Reason.CLAIMED_ELSEWHERE: {3}})


def test_what_a_failed_stage_said_is_kept_with_the_item_that_waits() -> None:
    told = a_failure(Reason.DIARIZATION_FAILED, message="x" * 1000)
    item = folded(
        Ledger(), over(a_run(3), ended=ended_by(Reason.DIARIZATION_FAILED, receipt=told))
    ).open_items[3]
    assert (item.reason, item.message) == (Reason.DIARIZATION_FAILED, "x" * WAITING_MESSAGE_CHARACTERS)


def test_a_budget_is_what_is_remembered_whatever_somebody_has_made_of_the_jobs_labels() -> None:
    """A policy strips labels, an earlier operator wrote others: without this a recording is tried for
    ever."""
    ledger, charged = Ledger(), []
    for number in (1, 2, 3):
        run = over(a_run(3, number), Reason.DOWNLOAD_FAILED)
        ledger = folded(folded(ledger, a_run(3, number)), run, retry={"max_attempts": 3})
        charged.append(ledger.open_items[3].charged_attempts if 3 in ledger.open_items else "failed")
    assert charged == [1, 2, "failed"]
    for number in range(1, LAST_RUNG + 3):
        ledger = folded(ledger, over(a_run(4, number), Reason.GPU_OUT_OF_MEMORY))
    assert ledger.failed == {3, 4}
    taken = folded(Ledger(), *(over(a_run(5, number), Reason.EVICTED) for number in (1, 2, 3)))
    assert taken.open_items[5].disruptions == 3


def test_labels_are_believed_where_nothing_is_remembered() -> None:
    run = over(a_run(3, 7, charged_attempts=2, rung=1, disruptions=4), Reason.DOWNLOAD_FAILED)
    item = folded(Ledger(), run, retry={"max_attempts": 9}).open_items[3]
    assert (item.charged_attempts, item.rung, item.disruptions) == (3, 1, 4)
