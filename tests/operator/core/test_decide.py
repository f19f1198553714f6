"""What starts and what stops, in which order, and how many at once."""

from dataclasses import replace

import pytest

from ingest_contract.batch import IngestBatchSpec, SuspendMode
from ingest_contract.failures import Reason
from ingest_contract.status import MAX_RUNNING_RECORDINGS, MAX_WAITING_ROWS
from ingest_operator.core import decide as planner
from ingest_operator.core.actions import Action, Start, Stop
from ingest_operator.core.ledger import Ledger
from testkit.objects.builders import NOW, a_planned_batch, a_run, a_spec, folded, over

LATER = NOW + 3600


def plan(spec: IngestBatchSpec, total: int, ledger: Ledger, now: float) -> tuple[Action, ...]:
    """While everything that runs is seen to."""
    batch = replace(a_planned_batch(total), spec=spec)
    return planner.plan(batch, ledger, ledger.running, now)


def started(actions: tuple[Action, ...]) -> list[tuple[int, int]]:
    return [(action.index, action.number) for action in actions if isinstance(action, Start)]


def test_items_start_in_the_order_of_the_plan_and_no_more_than_wanted_at_once() -> None:
    assert started(plan(a_spec(parallelism=3), 10, Ledger(), NOW)) == [(0, 1), (1, 1), (2, 1)]


def test_running_items_take_their_share_of_the_parallelism() -> None:
    ledger = folded(Ledger(), a_run(0), a_run(1), over(a_run(2)))
    assert started(plan(a_spec(parallelism=3), 10, ledger, LATER)) == [(3, 1)]


def test_a_parallelism_that_was_lowered_stops_nobody_and_starts_nobody() -> None:
    assert plan(a_spec(parallelism=1), 10, folded(Ledger(), a_run(0), a_run(1)), LATER) == ()


def test_a_reconcile_that_is_repeated_before_its_starts_are_seen_asks_for_the_same() -> None:
    ledger = folded(Ledger(), over(a_run(0), Reason.DOWNLOAD_FAILED), a_run(4))
    first = plan(a_spec(parallelism=4), 10, ledger, LATER)
    assert plan(a_spec(parallelism=4), 10, ledger, LATER + 1) == first


def test_retries_that_are_due_come_before_new_items() -> None:
    ledger = folded(Ledger(), over(a_run(5), Reason.DOWNLOAD_FAILED))
    assert started(plan(a_spec(parallelism=2), 10, ledger, LATER)) == [(5, 2), (0, 1)]


def test_a_retry_before_its_time_does_not_hold_up_the_others() -> None:
    ledger = folded(Ledger(), over(a_run(0), Reason.DOWNLOAD_FAILED))
    assert started(plan(a_spec(parallelism=1), 10, ledger, NOW + 61)) == [(1, 1)]


def test_a_retry_goes_on_with_what_its_item_has_spent() -> None:
    ledger = folded(
        Ledger(), over(a_run(0, 4, charged_attempts=1, rung=1, disruptions=2), Reason.DOWNLOAD_FAILED)
    )
    assert plan(a_spec(), 1, ledger, LATER) == (Start(0, 5, charged_attempts=2, rung=1, disruptions=2),)


def test_new_items_start_on_the_rung_that_the_batch_has_learned_and_retries_not_above_it() -> None:
    ledger = replace(folded(Ledger(), over(a_run(0), Reason.DOWNLOAD_FAILED)), learned_rung=2)
    assert [
        action.rung for action in plan(a_spec(parallelism=2), 5, ledger, LATER) if isinstance(action, Start)
    ] == [2, 2]


def test_an_item_of_another_pass_starts_with_a_fresh_budget_and_a_new_process_number() -> None:
    ledger = folded(
        folded(Ledger(), over(a_run(0, 3, charged_attempts=2), Reason.NOT_FOUND)), retry_failed="again"
    )
    assert plan(a_spec(retry_failed="again"), 1, ledger, LATER) == (
        Start(0, 4, charged_attempts=0, rung=0, disruptions=0),
    )


def test_a_suspended_batch_that_drains_starts_and_stops_nothing() -> None:
    ledger = folded(Ledger(), a_run(0), over(a_run(1), Reason.DOWNLOAD_FAILED))
    assert plan(a_spec(suspend=True, parallelism=5), 10, ledger, LATER) == ()


def test_a_suspended_batch_that_kills_stops_what_runs() -> None:
    ledger = folded(Ledger(), a_run(4, 2), a_run(1, 7), over(a_run(2), Reason.DOWNLOAD_FAILED))
    assert plan(a_spec(suspend=True, suspend_mode=SuspendMode.KILL), 10, ledger, LATER) == (
        Stop(1, 7),
        Stop(4, 2),
    )


def test_a_dry_run_starts_nothing() -> None:
    assert plan(a_spec(dry_run=True), 10, Ledger(), NOW) == ()


@pytest.mark.parametrize(
    ("allowed", "failed", "goes_on"),
    [(100, 10, True), (50, 5, True), (50, 6, False), (0, 0, True), (0, 1, False)],
)
def test_nothing_starts_once_more_has_failed_than_the_batch_allows(
    allowed: int, failed: int, *, goes_on: bool
) -> None:
    ledger = folded(Ledger(), *(over(a_run(index), Reason.NOT_FOUND) for index in range(failed)))
    assert (
        bool(
            plan(
                a_spec(retry={"max_failed_percent": allowed}, parallelism=2),
                11 if failed == 10 else 10,
                ledger,
                LATER,
            )
        )
        is goes_on
    )


def test_while_many_wait_for_their_next_run_no_new_item_starts() -> None:
    waiting = [over(a_run(index), Reason.TRUNCATED) for index in range(MAX_WAITING_ROWS)]
    ledger = folded(Ledger(), *waiting)
    assert plan(a_spec(parallelism=80), 200, ledger, NOW + 61) == ()
    assert len(plan(a_spec(parallelism=80), 200, ledger, LATER)) == MAX_WAITING_ROWS


def test_many_more_items_run_than_the_status_has_rows() -> None:
    assert (
        len(plan(a_spec(parallelism=MAX_RUNNING_RECORDINGS), 2000, Ledger(), NOW)) == MAX_RUNNING_RECORDINGS
    )
    ledger = folded(Ledger(), *(a_run(index) for index in range(MAX_RUNNING_RECORDINGS - 7)))
    assert [
        index for index, _ in started(plan(a_spec(parallelism=MAX_RUNNING_RECORDINGS), 2000, ledger, NOW))
    ] == list(range(MAX_RUNNING_RECORDINGS - 7, MAX_RUNNING_RECORDINGS))


def test_what_ended_and_finds_no_row_holds_no_slot_or_those_that_wait_would_wait_for_it() -> None:
    ended = [over(a_run(index), Reason.TRUNCATED) for index in range(MAX_WAITING_ROWS + 20)]
    ledger = folded(Ledger(), *ended, a_run(100))
    assert len(ledger.running) == 20 + 1
    assert len(planner.plan(a_planned_batch(200, parallelism=5), ledger, {100}, LATER)) == 4


def test_nothing_new_starts_before_all_that_ended_is_remembered() -> None:
    ended = [over(a_run(index), Reason.TRUNCATED) for index in range(MAX_WAITING_ROWS + 20)]
    begun = folded(
        folded(Ledger(), *ended),
        *ended[MAX_WAITING_ROWS:],
        *(a_run(index, 2, charged_attempts=1) for index in range(MAX_WAITING_ROWS)),
    )
    assert (len(begun.waiting), len(begun.running)) == (0, MAX_WAITING_ROWS + 20)
    assert (
        started(planner.plan(a_planned_batch(200, parallelism=500), begun, range(MAX_WAITING_ROWS), LATER))
        == []
    )


def test_nothing_is_left_to_do_when_every_item_is_final() -> None:
    ledger = folded(
        Ledger(), over(a_run(0)), over(a_run(1), Reason.PRIVATE), over(a_run(2), Reason.NOT_FOUND)
    )
    assert plan(a_spec(parallelism=9), 3, ledger, LATER) == ()


def test_a_plan_prints_as_its_own_report() -> None:
    assert [str(action) for action in (Start(3, 2, 1, 0, 0), Start(3, 2, 1, 2, 0), Stop(3, 2))] == [
        "start item 3, run 2", "start item 3, run 2, rung 2", "stop item 3, run 2",
    ]  # fmt: skip
