"""Each run counts once, however often, in whatever order and however late it is seen; and what has vanished
is neither lost nor free."""

from itertools import permutations

import pytest

from ingest_contract.failures import Reason
from ingest_contract.status import MAX_WAITING_ROWS
from ingest_operator.core.finalize import RUN_GROUPS
from ingest_operator.core.fold import is_recorded
from ingest_operator.core.ledger import Ledger
from ingest_operator.core.retries import MAX_DISRUPTIONS
from testkit.objects.builders import NOW, a_failure, a_receipt, a_run, ended_by, folded, over

ENDS = (
    None,
    Reason.NO_SPEECH,
    Reason.NOT_FOUND,
    Reason.DOWNLOAD_FAILED,
    Reason.GPU_OUT_OF_MEMORY,
    Reason.BOT_CHECK,
    Reason.INTERRUPTED,
)


@pytest.mark.parametrize("reason", ENDS, ids=str)
def test_a_run_that_is_seen_again_changes_nothing(reason: Reason | None) -> None:
    done = over(a_run(3), reason)
    once = folded(Ledger(), done)
    assert folded(once, done) == once
    assert folded(Ledger(), done, done) == once
    assert is_recorded(once, done)


@pytest.mark.parametrize("reason", [end for end in ENDS if end], ids=str)
def test_a_late_observation_of_a_run_while_it_lived_does_not_wake_it(reason: Reason) -> None:
    once = folded(Ledger(), over(a_run(3), reason))
    assert folded(once, a_run(3)) == once


def test_the_order_in_which_runs_are_listed_does_not_matter() -> None:
    runs = (
        over(a_run(1), at=NOW + 10),
        over(a_run(2), Reason.DOWNLOAD_FAILED, at=NOW + 20),
        over(a_run(3), Reason.PRIVATE),
        a_run(4),
    )
    expected = folded(Ledger(), *runs)
    assert all(folded(Ledger(), *order) == expected for order in permutations(runs))


def test_what_a_run_held_and_computed_counts_once_and_also_of_one_that_failed() -> None:
    failure = a_failure(Reason.GPU_OUT_OF_MEMORY).model_copy(update={"computing_seconds": 20.0})
    good = over(a_run(1, held_seconds=70.0), ended=ended_by(None, receipt=a_receipt(computing_seconds=31.0)))
    bad = over(a_run(2, held_seconds=40.0), ended=ended_by(Reason.GPU_OUT_OF_MEMORY, receipt=failure))
    lost = over(a_run(3, held_seconds=90.0), Reason.KILLED)
    once = folded(Ledger(), good, bad, lost)
    assert (once.totals.held_seconds, once.totals.computing_seconds) == (200.0, 51.0)
    assert folded(once, good, bad, lost).totals == once.totals


def test_an_older_run_of_an_item_that_goes_on_is_over() -> None:
    ledger = folded(Ledger(), a_run(3, 2, charged_attempts=1))
    assert folded(ledger, over(a_run(3, 1)), a_run(3, 2, charged_attempts=1)) == ledger


def test_busy_time_is_a_union_also_when_a_short_run_lies_inside_a_long_one() -> None:
    long, short = a_run(1), a_run(2, started_at=NOW + 40)
    ledger = folded(Ledger(), long, over(short, at=NOW + 50), now=NOW + 50)
    assert ledger.active == 50
    assert folded(ledger, over(long, at=NOW + 90), now=NOW + 90).active == 90


def test_a_clock_that_stepped_back_takes_no_busy_time_away() -> None:
    ledger = folded(Ledger(), over(a_run(1), at=NOW + 50))
    assert folded(ledger, over(a_run(2, started_at=NOW + 40), at=NOW - 3600)).active == 50


def test_a_run_that_was_deleted_from_outside_is_tried_again_uncharged() -> None:
    gone = folded(folded(Ledger(), a_run(3, charged_attempts=1)), now=NOW + 5)
    assert (
        gone.open_items[3].running,
        gone.open_items[3].charged_attempts,
        gone.open_items[3].disruptions,
    ) == (False, 1, 1)
    assert gone.open_items[3].not_before == NOW + 5


def test_a_run_that_had_only_been_out_of_sight_goes_on_where_it_was() -> None:
    seen = folded(Ledger(), a_run(3))
    assert folded(folded(seen), a_run(3)) == seen


def test_a_run_that_comes_back_into_sight_with_its_end_is_believed() -> None:
    gone = folded(folded(Ledger(), a_run(3)))
    assert not is_recorded(gone, over(a_run(3)))
    assert folded(gone, over(a_run(3))).succeeded == {3}


def test_an_item_whose_runs_are_deleted_again_and_again_fails_in_the_end() -> None:
    ledger = folded(folded(Ledger(), a_run(3, 11, disruptions=MAX_DISRUPTIONS)))
    assert (sorted(ledger.failed), dict(ledger.failures), ledger.runs[3]) == (
        [3],
        {Reason.INTERRUPTED: {3}},
        11,
    )


def test_when_no_row_is_free_a_run_stays_the_memory_of_its_own_end() -> None:
    full = folded(
        Ledger(), *(over(a_run(index), Reason.DOWNLOAD_FAILED) for index in range(MAX_WAITING_ROWS))
    )
    late = over(a_run(150), Reason.DOWNLOAD_FAILED)
    held = folded(full, late)
    assert (held.waiting, 150 in held.running, is_recorded(held, late)) == (full.waiting, True, False)
    assert (
        folded(folded(full, over(a_run(0, 2, charged_attempts=1))), late).open_items[150].charged_attempts
        == 1
    )


def test_when_no_row_is_free_what_has_vanished_still_holds_its_place() -> None:
    full = folded(
        Ledger(),
        *(over(a_run(index), Reason.DOWNLOAD_FAILED) for index in range(MAX_WAITING_ROWS)),
        a_run(150),
    )
    assert 150 in folded(full).running


def test_another_pass_makes_failed_items_pending_and_forgets_none_of_their_processes() -> None:
    failed = folded(
        Ledger(),
        over(a_run(3, 2, charged_attempts=1), Reason.NOT_FOUND),
        over(a_run(4), Reason.PRIVATE),
        over(a_run(5)),
    )
    again = folded(failed, retry_failed="monday")
    assert (sorted(again.failed), dict(again.failures), dict(again.runs)) == ([], {}, {3: 2})
    assert (sorted(again.skipped), sorted(again.succeeded), [row.index for row in again.rows]) == (
        [4],
        [5],
        [5, 4],
    )
    assert is_recorded(again, over(a_run(3, 2)))
    assert folded(again, retry_failed="monday") == again


def test_a_pass_over_some_of_the_failed_items_leaves_the_others_as_they_are() -> None:
    failed = folded(
        Ledger(),
        over(a_run(3, 2), Reason.NOT_FOUND),
        over(a_run(4), Reason.NOT_FOUND),
        over(a_run(6), Reason.UNDECODABLE),
        over(a_run(5)),
    )
    named = {"retry_failed": "monday", "retry_recordings": "3,5-6,90"}
    again = folded(failed, **named)
    assert (again.failed, dict(again.failures)) == ({4}, {Reason.NOT_FOUND: {4}})
    assert (again.succeeded, again.open_items, dict(again.runs)) == ({5}, {}, {3: 2, 4: 1, 6: 1})
    assert [row.index for row in again.rows] == [4, 5]
    assert folded(again, **named) == again
    assert folded(again, retry_failed="monday", retry_recordings="4") == again, "by itself it means nothing"
    assert folded(again, retry_failed="tuesday").failed == set()


def test_a_value_that_is_taken_out_again_starts_no_pass_and_its_return_none_either() -> None:
    failed = folded(Ledger(), over(a_run(3), Reason.NOT_FOUND), over(a_run(4), Reason.NOT_FOUND))
    named = {"retry_failed": "monday", "retry_recordings": "3"}
    again = folded(folded(failed, **named), over(a_run(3, 2), Reason.NOT_FOUND), **named)
    assert again.failed == {3, 4}
    for spec in ({}, named, {"retry_recordings": "4"}):
        assert folded(again, **spec) == again


def test_indexes_of_recordings_that_there_are_not_are_not_all_of_them() -> None:
    failed = folded(Ledger(), over(a_run(3), Reason.NOT_FOUND))
    assert folded(failed, retry_failed="monday", retry_recordings="90-99").failed == {3}


def test_the_process_numbers_of_what_succeeds_in_another_pass_need_no_remembering() -> None:
    again = folded(
        folded(Ledger(), over(a_run(3), Reason.NOT_FOUND)), over(a_run(3, 2)), retry_failed="monday"
    )
    assert (sorted(again.succeeded), dict(again.runs)) == ([3], {})


def test_the_same_token_starts_no_further_pass() -> None:
    ledger = folded(
        folded(Ledger(), retry_failed="monday"), over(a_run(3), Reason.NOT_FOUND), retry_failed="monday"
    )
    assert ledger.failed == {3}


def test_any_number_of_different_process_counts_fits_and_none_is_ever_understated() -> None:
    ledger = Ledger()
    for number in range(1, RUN_GROUPS + 40):
        ledger = folded(ledger, over(a_run(number, number), Reason.NOT_FOUND))
    assert len(set(ledger.runs.values())) == RUN_GROUPS
    assert all(ledger.runs[number] >= number for number in range(1, RUN_GROUPS + 40))
