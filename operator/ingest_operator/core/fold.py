"""Folds observed runs into the ledger: verdicts, budgets, sums and the breaker. Pure: (ledger, observation,
now) to ledger.

Each run is folded exactly once: a run that the ledger already counts as over changes nothing, however often
it is seen.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate, count
from math import floor, inf
from typing import Final

from ingest_contract.batch import IngestBatchSpec
from ingest_contract.failures import FAILURES, RETRIED_ONCE, Reason, Verdict
from ingest_contract.status import MAX_WAITING_ROWS
from ingest_operator.core.breaker import LONGEST_WAIT_SECONDS, Finished, after, is_probe, verdict_of
from ingest_operator.core.finalize import with_failure, with_skip, with_success, with_waits
from ingest_operator.core.ledger import Ledger, OpenItem
from ingest_operator.core.memory_ladder import LAST_RUNG
from ingest_operator.core.nodes import (
    as_time_goes,
    blamed,
    cleared,
    is_alone,
    is_to_blame,
    tried_again,
    without_the_innocent,
)
from ingest_operator.core.outcome import Outcome, Run, outcome_of
from ingest_operator.core.rows import as_rows_allow

RETRY_LATER_SECONDS: Final = 60.0
"""Seconds until the retry after a `RetryLater`, where its source names no wait."""

DISRUPTION_WAIT_SECONDS: Final = 10.0
"""Seconds until the retry of a recording that was interrupted for the second time; after the first
interruption it is retried at once."""

MAX_DISRUPTED_SECONDS: Final = 24 * 3600.0
"""A recording is given up only after its waits between forgiven interruptions add up to this many seconds:
until then a person has had time to see it."""

WAITING_MESSAGE_CHARACTERS: Final = 120
"""Characters kept of the last message of a waiting recording: a hundred such rows must fit into a status
beside the longest interval texts."""

MAX_RUNS: Final = 10_000
"""Runs per recording: at one a minute, a week of waiting for an environment that does not get ready."""


def disruption_wait(disruptions: int) -> float:
    """Seconds until the next run of a recording that was interrupted this often before."""
    return (
        min(LONGEST_WAIT_SECONDS, DISRUPTION_WAIT_SECONDS * 2.0 ** (disruptions - 1)) if disruptions else 0.0
    )


def _most_disruptions() -> int:
    """The first count of interruptions whose waits add up to `MAX_DISRUPTED_SECONDS`."""
    waits = accumulate(map(disruption_wait, count()))
    return next(number for number, waited in enumerate(waits, start=1) if waited >= MAX_DISRUPTED_SECONDS)


MAX_DISRUPTIONS: Final = _most_disruptions()
"""Forgiven interruptions per recording: the cap by time, expressed as a number that the status has anyway."""


def fold(
    ledger: Ledger,
    runs: Iterable[Run],
    spec: IngestBatchSpec,
    ids: Mapping[int, str],
    now: float,
    elsewhere: Collection[Reason] = frozenset(),
) -> Ledger:
    """The ledger after folding the observed runs. `ids` names the recordings, for their rows; reasons of
    `elsewhere` stop a site, and not this batch."""
    seen_at, now = floor(now * 1000) / 1000, round(now, 3)
    ledger = as_time_goes(_another_pass(ledger, spec.retry_failed), now)
    seen = sorted((_to_the_millisecond(run, now) for run in runs), key=_by_end)
    fresh = [run for run in seen if not is_recorded(ledger, run)]
    for shown, busy_since in zip(fresh, _busy_since(fresh), strict=True):
        if is_recorded(ledger, shown):
            continue
        run = _as_remembered(ledger, shown)
        item = ledger.open_items.get(run.index)
        ledger = ledger.with_open_item(run.index, _running(run, item))
        if run.ended is not None:
            at = run.ended_at or now
            finished = Finished(
                run, outcome_of(run.ended), busy_since, at, max(seen_at, at), is_alone(ledger, run, seen)
            )
            ledger = _folded(ledger, finished, spec, ids[run.index], elsewhere)
    ledger = _without_the_vanished(ledger, {(run.index, run.number) for run in seen}, ids, now)
    return as_rows_allow(tried_again(ledger, seen, now))


def _running(run: Run, known: OpenItem | None) -> OpenItem:
    """A run that is live, or was until now. What is known of it stays: where clocks differ, its start time
    would change each time."""
    item = OpenItem(
        run.number, run.charged_attempts, run.rung, run.disruptions, running=True, not_before=run.started_at
    )
    if known is None or known.number != run.number:
        return item
    return replace(item, stage=known.stage, not_before=known.not_before if known.running else item.not_before)


def _as_remembered(ledger: Ledger, run: Run) -> Run:
    """The run with at least the budget that the ledger remembers of it, or of the run before it.

    Labels of a Job say the same, and anyone may edit them: where a policy strips them, a recording would be
    tried forever. The ledger may lack what definitions of another version have dropped: then the labels
    count.
    """
    item = ledger.open_items.get(run.index)
    if item is None or item.number not in (run.number, run.number - 1):
        return run
    is_back = item.number == run.number and not item.running  # it had vanished, and that was counted
    return replace(
        run,
        charged_attempts=max(run.charged_attempts, item.charged_attempts),
        rung=max(run.rung, item.rung),
        disruptions=max(run.disruptions, item.disruptions - is_back),
    )


def is_recorded(ledger: Ledger, run: Run) -> bool:
    """Whether the ledger already knows how this run ended. Of a vanished run it does not: a lagging cache may
    show it again."""
    if run.index in ledger.succeeded or run.index in ledger.skipped:
        return True
    item = ledger.open_items.get(run.index)
    if item is not None:
        return item.number > run.number or (
            item.number == run.number and not item.running and item.reason is not None
        )
    return ledger.runs.get(run.index, 0) >= run.number


def _to_the_millisecond(run: Run, now: float) -> Run:
    """The run with the times that the status can hold: a finer time would compare differently before and
    after a restart."""
    ended_at = None if run.ended is None else round(now if run.ended_at is None else run.ended_at, 3)
    return replace(run, started_at=round(run.started_at, 3), ended_at=ended_at)


def _by_end(run: Run) -> tuple[float, int, int]:
    """Sort key: live runs come after all that are over."""
    return (inf if run.ended_at is None else run.ended_at, run.index, run.number)


def _busy_since(runs: Sequence[Run]) -> list[float]:
    """For each run, in the order of their ends, the earliest start among it and all later ones."""
    return list(accumulate((run.started_at for run in reversed(runs)), min))[::-1]


def _another_pass(ledger: Ledger, token: str) -> Ledger:
    """A new `retryFailed` makes the failed recordings pending again; their run numbers go on, their charged
    attempts start again at zero."""
    if token == ledger.retry_failed:
        return ledger
    rows = tuple(row for row in ledger.rows if row.index not in ledger.failed)
    return replace(
        ledger,
        failed=frozenset(),
        failures={},
        rows=rows,
        retry_failed=token,
        recent=(),
        breaker=None,
        nodes={},
    )


def _without_the_vanished(
    ledger: Ledger, seen: set[tuple[int, int]], ids: Mapping[int, str], now: float
) -> Ledger:
    """A run that should exist and does not was deleted from outside: that is a disruption like any other.

    It gets no reason: this is how `is_recorded` tells it from a run whose end was seen.
    """
    for index in ledger.running:
        item = ledger.open_items[index]
        if (index, item.number) in seen or len(ledger.waiting) >= MAX_WAITING_ROWS:
            continue
        if item.disruptions < MAX_DISRUPTIONS:
            due = now + disruption_wait(item.disruptions)
            ledger = ledger.with_open_item(
                index, replace(item, running=False, not_before=due, disruptions=item.disruptions + 1)
            )
        else:
            gone = Run(
                index,
                item.number,
                item.charged_attempts,
                item.rung,
                item.disruptions,
                started_at=item.not_before,
            )
            ledger = with_failure(
                ledger,
                gone,
                Outcome(Reason.INTERRUPTED, "Its processes were deleted from outside.", None),
                ids[index],
            )
    return ledger


def _folded(
    ledger: Ledger, done: Finished, spec: IngestBatchSpec, item_id: str, elsewhere: Collection[Reason]
) -> Ledger:
    """Fold the end of one run: first the recording's fate, then what it teaches about the batch."""
    before, run, reason = ledger, done.run, done.outcome.reason
    ledger = with_waits(_active(ledger, done.busy_since, done.at), run, done.outcome.receipt)
    forgiven = is_to_blame(ledger, run)
    if reason is None:
        ledger = cleared(with_success(ledger, run, done.outcome, item_id), run)
        ledger = replace(ledger, learned_rung=max(ledger.learned_rung, run.rung))
    elif FAILURES[reason].verdict is Verdict.SKIP:
        ledger = with_skip(ledger, run, done.outcome, item_id)
    else:
        again = _again(done, spec, forgiven=forgiven) if run.number < MAX_RUNS else None
        if again and len(ledger.waiting) >= MAX_WAITING_ROWS + is_probe(ledger, run):
            return before  # no row is free to remember it by: the run itself stays the memory until one is
        probe = is_probe(ledger, run)
        ledger = blamed(ledger, done.run, reason, done.seen_at, alone=done.alone, probe=probe)
        ledger = (
            ledger.with_open_item(run.index, again)
            if again
            else with_failure(ledger, run, done.outcome, item_id)
        )
    return without_the_innocent(after(ledger, done, forgiven=forgiven, elsewhere=elsewhere))


def _active(ledger: Ledger, start: float, end: float) -> Ledger:
    """Wall time in which a run was under way: the union of the runs' intervals, which come in the order of
    their ends."""
    gained = max(0.0, end - max(start, ledger.active_until))
    return replace(
        ledger, active=round(ledger.active + gained, 3), active_until=max(ledger.active_until, end)
    )


def _again(done: Finished, spec: IngestBatchSpec, *, forgiven: bool) -> OpenItem | None:
    """The recording's next run, or None when its budget is spent."""
    run, outcome = done.run, done.outcome
    assert outcome.reason is not None  # noqa: S101 -- successes do not come here
    stage = outcome.receipt.stage if outcome.receipt else None
    again = OpenItem(
        run.number,
        run.charged_attempts,
        run.rung,
        run.disruptions,
        running=False,
        not_before=done.seen_at,
        stage=stage,
    )
    again = replace(again, reason=outcome.reason, message=outcome.message[:WAITING_MESSAGE_CHARACTERS])
    match verdict_of(outcome.reason, forgiven=forgiven):
        case Verdict.RETRY | Verdict.RETRY_ELSEWHERE:
            charged_attempts = run.charged_attempts + 1
            limit = (
                min(spec.retry.max_attempts, 2) if outcome.reason in RETRIED_ONCE else spec.retry.max_attempts
            )
            wait = min(LONGEST_WAIT_SECONDS, spec.retry.backoff_seconds * 2.0 ** (charged_attempts - 1))
            return (
                replace(again, charged_attempts=charged_attempts, not_before=done.seen_at + wait)
                if charged_attempts < limit
                else None
            )
        case Verdict.RETRY_SMALLER:
            return replace(again, rung=run.rung + 1) if run.rung < LAST_RUNG else None
        case Verdict.RETRY_LATER | Verdict.STOP_BATCH:
            retry_after = outcome.receipt.retry_after_seconds if outcome.receipt else None
            return replace(
                again,
                not_before=done.seen_at
                + min(LONGEST_WAIT_SECONDS, RETRY_LATER_SECONDS if retry_after is None else retry_after),
            )
        case Verdict.FORGIVE:
            if run.ended is not None and run.ended.on_request:
                return again  # our own stop is no disruption
            due = done.seen_at + disruption_wait(run.disruptions)
            return (
                replace(again, disruptions=run.disruptions + 1, not_before=due)
                if run.disruptions < MAX_DISRUPTIONS
                else None
            )
        case Verdict.GIVE_UP | Verdict.SKIP:
            return None
