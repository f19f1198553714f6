"""Folds observed runs into the ledger: verdicts, budgets, sums and the breaker. Pure: (ledger, observation,
now) to ledger.

Each run is folded exactly once: a run that the ledger already counts as over changes nothing, however often
it is seen.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from math import floor, inf
from typing import Final

from ingest_contract.batch import IngestBatchSpec
from ingest_contract.failures import FAILURES, Reason, Verdict
from ingest_contract.intervals import decode
from ingest_contract.status import MAX_WAITING_ROWS
from ingest_operator.core.breaker import Finished, after, is_probe
from ingest_operator.core.failed import is_pass_asked, only
from ingest_operator.core.finalize import with_failure, with_fetched, with_skip, with_success, with_waits
from ingest_operator.core.ledger import Ledger, OpenItem
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
from ingest_operator.core.phases import Phase
from ingest_operator.core.reach import within_reach
from ingest_operator.core.retries import MAX_DISRUPTIONS, as_cached, disruption_wait, next_run
from ingest_operator.core.rows import as_rows_allow

MAX_RUNS: Final = 10_000
"""Runs per recording: at one a minute, a week of waiting for an environment that does not get ready."""


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
    ledger = as_time_goes(_another_pass(ledger, spec), now)
    seen = sorted((_to_the_millisecond(run, now) for run in runs), key=_by_end)
    fresh = [run for run in seen if not is_recorded(ledger, run)]
    for shown, busy_since in zip(fresh, _busy_since(fresh), strict=True):
        if is_recorded(ledger, shown):
            continue
        run = _as_started(ledger, _as_remembered(ledger, shown), now)
        item = ledger.open_items.get(run.index)
        ledger = ledger.with_open_item(run.index, _running(run, item))
        if run.ended is not None:
            at = run.ended_at or now
            finished = Finished(
                run, outcome_of(run.ended), busy_since, at, max(seen_at, at), is_alone(ledger, run, seen)
            )
            ledger = _folded(ledger, finished, spec, ids[run.index], elsewhere)
    ledger = _without_the_vanished(ledger, {(run.index, run.number) for run in seen}, ids, now)
    return as_rows_allow(within_reach(tried_again(ledger, seen, now), now))


def _running(run: Run, known: OpenItem | None) -> OpenItem:
    """A run that is live, or was until now. What is known of it stays: where clocks differ, its start time
    would change each time."""
    item = OpenItem(
        run.number,
        run.charged_attempts,
        run.rung,
        run.disruptions,
        running=True,
        not_before=run.started_at,
        phase=run.phase,
        cached_mib=None if known is None else known.cached_mib,
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


def _as_started(ledger: Ledger, run: Run, now: float) -> Run:
    """The run with no earlier start than is known of it.

    Whatever is new once the wait of its phase's breaker is over is its probe: nothing else of the phase
    starts then. Where the clock of the cluster is behind ours, its Job seems to be older than that. It would
    be no probe, so others would start beside it, one at each reconcile, and none of them close the breaker.
    """
    item, breaker = ledger.open_items.get(run.index), ledger.breaker_of(run.phase)
    if item is not None and item.number == run.number:
        return replace(run, started_at=max(run.started_at, item.not_before)) if item.running else run
    if breaker is None or now < breaker.until:
        return run
    return replace(run, started_at=max(run.started_at, breaker.until))


def is_recorded(ledger: Ledger, run: Run) -> bool:
    """Whether the ledger already knows how this run ended. Of a vanished run it does not: a lagging cache may
    show it again."""
    if run.index in ledger.succeeded or run.index in ledger.skipped:
        return True
    item = ledger.open_items.get(run.index)
    if item is not None:
        return item.number > run.number or (
            item.number == run.number and not item.running and (item.reason is not None or item.is_fetched)
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


def _another_pass(ledger: Ledger, spec: IngestBatchSpec) -> Ledger:
    """A new `retryFailed` makes the failed recordings pending again, or those of them that `retryRecordings`
    names; their run numbers go on, their charged attempts start again at zero."""
    if not is_pass_asked(spec, ledger.retry_failed):
        return ledger
    named = decode(spec.retry_recordings)
    taken = ledger.failed & named if named else ledger.failed
    left = ledger.failed - taken
    return replace(
        ledger,
        failed=left,
        failures=only(ledger.failures, left),
        rows=tuple(row for row in ledger.rows if row.index not in taken),
        retry_failed=spec.retry_failed,
        recent=(),
        breaker=None,
        fetch_recent=(),
        fetch_breaker=None,
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
                index,
                replace(
                    item,
                    running=False,
                    phase=Phase.INGEST,
                    not_before=due,
                    disruptions=item.disruptions + 1,
                ),
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
    forgiven, probe = is_to_blame(ledger, run), is_probe(ledger, run)
    if reason is None and run.phase is Phase.FETCH:
        ledger = cleared(with_fetched(ledger, run, done.outcome), run)
    elif reason is None:
        ledger = cleared(with_success(ledger, run, done.outcome, item_id), run)
        ledger = replace(ledger, learned_rung=max(ledger.learned_rung, run.rung))
    elif FAILURES[reason].verdict is Verdict.SKIP:
        ledger = with_skip(ledger, run, done.outcome, item_id)
    else:
        again = next_run(done, spec, forgiven=forgiven) if run.number < MAX_RUNS else None
        if again and len(ledger.waiting) >= MAX_WAITING_ROWS + probe:
            return before  # no row is free to remember it by: the run itself stays the memory until one is
        ledger = blamed(ledger, done.run, reason, done.seen_at, alone=done.alone, probe=probe)
        ledger = (
            ledger.with_open_item(run.index, as_cached(again, before.open_items[run.index]))
            if again
            else with_failure(ledger, run, done.outcome, item_id)
        )
    return without_the_innocent(after(ledger, done, forgiven=forgiven, probe=probe, elsewhere=elsewhere))


def _active(ledger: Ledger, start: float, end: float) -> Ledger:
    """Wall time in which a run was under way: the union of the runs' intervals, which come in the order of
    their ends."""
    gained = max(0.0, end - max(start, ledger.active_until))
    return replace(
        ledger, active=round(ledger.active + gained, 3), active_until=max(ledger.active_until, end)
    )
