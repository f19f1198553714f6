"""Makes a recording final: its set, the count of its reason, its sums and its row, in one step, so that each
is counted exactly once. Pure."""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from ingest_contract.base import decimal
from ingest_contract.failures import CHARGED, FAILURES, Reason
from ingest_contract.receipt import Receipt
from ingest_contract.recording_status import RecordingState, RecordingStatus
from ingest_contract.status import RTF_BUCKETS
from ingest_operator.core.failed import joined
from ingest_operator.core.ledger import Ledger, OpenItem
from ingest_operator.core.outcome import Outcome, Run, Waits
from ingest_operator.core.phases import cached_mib

RUN_GROUPS: Final = 64
"""Different run numbers that the status can tell apart: what `status.runs` may hold."""


def with_success(ledger: Ledger, run: Run, outcome: Outcome, item_id: str) -> Ledger:
    """The recording is in the store."""
    receipt = outcome.receipt
    ledger = replace(
        _finished(ledger, run, outcome, item_id, RecordingState.SUCCEEDED),
        succeeded=ledger.succeeded | {run.index},
    )
    if receipt is None:
        return ledger
    rtf = receipt.rtf
    bucket = None if rtf is None else bisect_left(RTF_BUCKETS, rtf)
    histogram = tuple(count + (position == bucket) for position, count in enumerate(ledger.histogram))
    return replace(ledger, totals=ledger.totals.with_receipt(receipt), histogram=histogram)


def with_fetched(ledger: Ledger, run: Run, outcome: Outcome) -> Ledger:
    """The recording's audio is in the cache, and it waits for a slot. Its charged attempts and interruptions
    count on; a rung that fetching needed says nothing about a GPU."""
    receipt = outcome.receipt
    size = cached_mib(receipt.cached.bytes) if receipt and receipt.cached else 0
    item = OpenItem(
        run.number,
        run.charged_attempts,
        rung=0,
        disruptions=run.disruptions,
        running=False,
        not_before=0.0,
        cached_mib=size,
    )
    return ledger.with_open_item(run.index, item)


def with_skip(ledger: Ledger, run: Run, outcome: Outcome, item_id: str) -> Ledger:
    """There was nothing to ingest."""
    skips = _counted(ledger.skips, outcome.reason)
    return replace(
        _finished(ledger, run, outcome, item_id, RecordingState.SKIPPED),
        skipped=ledger.skipped | {run.index},
        skips=skips,
    )


def with_failure(ledger: Ledger, run: Run, outcome: Outcome, item_id: str) -> Ledger:
    """The recording's budget is spent, or no retry can help it."""
    failures = joined(ledger.failures, outcome.reason, run.index)
    runs = _grouped(dict(ledger.runs) | {run.index: run.number})
    ledger = _finished(ledger, run, outcome, item_id, RecordingState.FAILED)
    return replace(ledger, failed=ledger.failed | {run.index}, failures=failures, runs=runs)


def _grouped(runs: Mapping[int, int]) -> Mapping[int, int]:
    """At most `RUN_GROUPS` different numbers: the lowest is raised to the next one. Numbers may be left out,
    but never repeated."""
    numbers = sorted(set(runs.values()))
    if len(numbers) <= RUN_GROUPS:
        return runs
    return {index: max(number, numbers[1]) for index, number in runs.items()}


def _counted(counts: Mapping[Reason, int], reason: Reason | None) -> Mapping[Reason, int]:
    return counts if reason is None else dict(counts) | {reason: counts.get(reason, 0) + 1}


def _finished(ledger: Ledger, run: Run, outcome: Outcome, item_id: str, state: RecordingState) -> Ledger:
    """Move the recording from `open_item` to the rows."""
    receipt = outcome.receipt
    origin = receipt.transcript if receipt else None
    quality = receipt.quality if receipt else None
    row = RecordingStatus(
        index=run.index,
        id=item_id,
        state=state,
        run=run.number,
        charged_attempts=run.charged_attempts
        + (outcome.reason is not None and FAILURES[outcome.reason].verdict in CHARGED),
        rung=run.rung or None,
        rtf=decimal(receipt.rtf)
        if receipt and receipt.rtf is not None and state is RecordingState.SUCCEEDED
        else None,
        stage=receipt.stage if receipt else None,
        transcript=origin.source if origin else None,
        captions_problem=origin.problem if origin else None,
        sounds_like=quality.sounds_like if quality else None,
        reason=outcome.reason,
        message=outcome.message[:256] or None,
    )
    runs = {index: number for index, number in ledger.runs.items() if index != run.index}
    return replace(ledger.with_open_item(run.index, None), rows=_with_row(ledger.rows, row), runs=runs)


def _with_row(rows: tuple[RecordingStatus, ...], row: RecordingStatus) -> tuple[RecordingStatus, ...]:
    """The rows with a newer one: failed ones first, each kind from the newest to the oldest."""
    newest = (row, *(other for other in rows if other.index != row.index))
    return tuple(sorted(newest, key=lambda each: each.state is not RecordingState.FAILED))


def with_waits(ledger: Ledger, run: Run, receipt: Receipt | None) -> Ledger:
    """Add what a run waited for, held and computed, however it ended. A run without a Receipt held its device
    for nothing that anybody can tell."""
    waits = run.waits or Waits()
    totals = ledger.totals.plus(
        queued_seconds=waits.queued,
        starting_seconds=waits.starting,
        pulling_seconds=waits.pulling,
        gpu_seconds=run.gpu_seconds,
        held_seconds=run.held_seconds,
        computing_seconds=receipt.computing_seconds if receipt else 0.0,
    )
    return replace(ledger, totals=totals)
