"""The status is all the memory there is: a ledger that went through a status and its JSON is the ledger that
it was."""

import pytest
from hypothesis import given

from ingest_contract.failures import Reason
from ingest_contract.progress import Progress
from ingest_contract.receipt import StageFigures
from ingest_contract.stages import Stage
from ingest_contract.status import MAX_ROWS, MAX_RUNNING_ROWS, MAX_WAITING_ROWS, IngestBatchStatus
from ingest_operator.core.ledger import Ledger, restore
from ingest_operator.core.outcome import Observation, Run
from testkit.objects.builders import NOW, a_planned_batch, a_receipt, a_run, ended_by, folded, over, rendered
from tests.support.ledgers import TOTAL, ledgers

BATCH = a_planned_batch(TOTAL)


def through_a_status(ledger: Ledger, *seen: Run) -> Ledger:
    text = rendered(BATCH, ledger, None, NOW, seen=Observation(seen)).to_json()
    return restore(IngestBatchStatus.model_validate_json(text))


def test_no_status_is_an_empty_ledger() -> None:
    assert restore(None) == Ledger() == through_a_status(Ledger())


@given(ledgers())
def test_every_ledger_survives_a_restart(ledger: Ledger) -> None:
    assert through_a_status(ledger) == ledger


@given(ledgers())
def test_rendering_a_restored_ledger_gives_the_same_status(ledger: Ledger) -> None:
    status = rendered(BATCH, ledger, None, NOW)
    assert rendered(BATCH, restore(status), status, NOW + 99) == status


@pytest.mark.parametrize("started", [NOW + 0.1234567, NOW + 0.0005, NOW + 0.9999999, NOW + 1e-9], ids=str)
def test_moments_finer_than_the_status_can_hold_are_rounded_before_anything_is_decided_by_them(
    started: float,
) -> None:
    runs = (
        a_run(0, started_at=started),
        over(a_run(1, started_at=started), Reason.BOT_CHECK, at=started + 1.0000003),
    )
    ledger = folded(Ledger(), *runs, now=started + 2)
    assert through_a_status(ledger) == ledger
    assert folded(ledger, *runs, now=started + 2) == ledger


@pytest.mark.parametrize("seconds", [1e-9, 1 / 3, 0.0005, 2.675, 1e8], ids=str)
def test_measured_seconds_of_any_size_add_up_the_same_before_and_after_a_restart(seconds: float) -> None:
    figures = {stage: StageFigures(seconds=seconds) for stage in Stage}
    receipt = a_receipt(seconds=seconds, media=seconds, overhead_seconds=seconds, stages=figures)
    first = over(a_run(0), ended=ended_by(None, receipt=receipt))
    second = over(a_run(1), ended=ended_by(None, receipt=receipt))
    assert folded(through_a_status(folded(Ledger(), first)), second) == folded(
        folded(Ledger(), first), second
    )


def test_an_items_last_stage_is_the_only_thing_that_live_progress_changes() -> None:
    ledger = folded(Ledger(), a_run(0))
    live = a_run(0, progress=Progress(stage=Stage.EMBED, percent=90, seconds=50.0))
    assert through_a_status(ledger, live).open_items[0].stage is Stage.EMBED
    assert folded(through_a_status(ledger, live), over(a_run(0))) == folded(ledger, over(a_run(0)))


def test_all_items_under_way_are_remembered_though_there_are_more_of_them_than_rows() -> None:
    runs = [
        a_run(index, 1 + index % 4, charged_attempts=index % 3, rung=index % 2, disruptions=index % 2)
        for index in range(150)
    ]
    waiting = [over(a_run(200 + index, 1), Reason.TRUNCATED) for index in range(MAX_WAITING_ROWS)]
    ledger = folded(Ledger(), *(over(a_run(index)) for index in range(170, 190)), *waiting, *runs)
    status = rendered(BATCH, ledger, None, NOW)
    assert (status.counts.running, status.counts.waiting, len(status.recordings)) == (
        150,
        MAX_WAITING_ROWS,
        MAX_ROWS,
    )
    assert len(status.running) == 12
    assert through_a_status(ledger) == ledger
    for run in runs:
        kept = through_a_status(ledger).open_items[run.index]
        assert (kept.number, kept.charged_attempts, kept.rung, kept.disruptions) == (
            run.number,
            run.charged_attempts,
            run.rung,
            run.disruptions,
        )


def test_the_items_that_started_last_have_the_rows_so_that_a_probe_is_known_as_one() -> None:
    runs = [a_run(index, started_at=NOW + index % 100) for index in range(150)]
    rows = rendered(BATCH, folded(Ledger(), *runs), None, NOW).recordings
    assert [row.index for row in rows] == sorted(
        sorted(range(150), key=lambda index: (-(index % 100), index))[:MAX_RUNNING_ROWS]
    )
    assert folded(Ledger(), *runs).open_items[99].not_before == NOW + 99


def test_a_restart_between_two_reconciles_of_the_same_runs_changes_nothing() -> None:
    runs = [over(a_run(index), reason, at=NOW + index) for index, reason in enumerate(Reason)] + [
        a_run(99),
        over(a_run(98)),
    ]
    assert folded(through_a_status(folded(Ledger(), *runs)), *runs) == folded(Ledger(), *runs)
