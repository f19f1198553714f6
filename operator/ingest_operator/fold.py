"""Folding what was observed into the ledger: verdicts, budgets, sums and the breaker. Pure: (ledger, observation, now) to ledger.

Each run is folded exactly once: a run whose number the ledger already counts as over changes nothing, however often it is seen.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from math import inf
from typing import Final

from ingest_contract.batch import IngestBatchSpec
from ingest_contract.failures import BREAKERS, CHARGED, FAILURES, RETRIED_ONCE, Kind, Reason, Verdict
from ingest_contract.status import MAX_WAITING
from ingest_operator.ledger import WINDOW, Ledger, Open, Trying
from ingest_operator.observe import Outcome, Run, outcome_of
from ingest_operator.rows import as_rows_allow
from ingest_operator.rungs import LAST_RUNG
from ingest_operator.tally import with_failure, with_skip, with_success, with_waits

LONGEST_WAIT: Final = 3600.0
"""Seconds between two tries at most."""

LATER: Final = 60.0
"""Seconds until a `RetryLater` is tried again, where its source does not say."""

MAX_DISRUPTIONS: Final = 10
"""Forgiven interruptions per item: more of them are a node's fault that somebody should look at, not a run of bad luck."""

WAITING_MESSAGE: Final = 120
"""Characters of what a waiting item's last try said: a hundred such rows must fit into a status beside the longest interval texts."""

MAX_TRIES: Final = 10_000
"""Processes per item: at one a minute, a week of waiting for a world that does not get ready."""

MAX_OPENED: Final = 1000
"""Where the count of a breaker's failed probes stops; its wait has long reached the longest."""

PREVAILS: Final = 8
"""Of the last ten charged outcomes, as many with one reason that is not of the input's making open the breaker."""

PROBE_AFTER: Final = 60.0
"""Seconds until the first probe of an open breaker; doubled with each failed probe, up to an hour."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A run that is over, as the fold wants it."""

    run: Run
    outcome: Outcome
    busy_since: float
    """Since when this run, or one that ended later, has been under way."""
    at: float


def fold(ledger: Ledger, runs: Iterable[Run], spec: IngestBatchSpec, ids: Mapping[int, str], now: float) -> Ledger:
    """The ledger after a look at the runs. `ids` names the items, for their rows."""
    now = round(now, 3)
    ledger = _another_pass(ledger, spec.retry_failed)
    seen = sorted((_to_the_millisecond(run, now) for run in runs), key=_by_end)
    fresh = [run for run in seen if not is_recorded(ledger, run)]
    for run, busy_since in zip(fresh, _busy_since(fresh), strict=True):
        if is_recorded(ledger, run):
            continue
        item = ledger.trying.get(run.index)
        started = Trying(run.number, run.attempts, run.rung, run.disruptions, running=True, not_before=run.started_at)
        ledger = ledger.with_trying(run.index, replace(started, stage=item.stage if item and item.number == run.number else None))
        if run.ended is not None:
            finished = Finished(run, outcome_of(run.ended), busy_since, run.ended_at or now)
            ledger = _folded(ledger, finished, spec, ids[run.index])
    ledger = _without_the_vanished(ledger, {(run.index, run.number) for run in seen}, ids, now)
    return as_rows_allow(ledger)


def is_recorded(ledger: Ledger, run: Run) -> bool:
    """Whether the ledger already knows how this run ended. Of one that had vanished it does not: a cache that lags may show it again."""
    if run.index in ledger.succeeded or run.index in ledger.skipped:
        return True
    item = ledger.trying.get(run.index)
    if item is not None:
        return item.number > run.number or (item.number == run.number and not item.running and item.reason is not None)
    return ledger.tries.get(run.index, 0) >= run.number


def _to_the_millisecond(run: Run, now: float) -> Run:
    """The run with the moments that the status can hold: a finer one would compare otherwise before and after a restart."""
    ended_at = None if run.ended is None else round(now if run.ended_at is None else run.ended_at, 3)
    return replace(run, started_at=round(run.started_at, 3), ended_at=ended_at)


def _by_end(run: Run) -> tuple[float, int, int]:
    """Live runs come after all that are over."""
    return (inf if run.ended_at is None else run.ended_at, run.index, run.number)


def _busy_since(runs: Sequence[Run]) -> list[float]:
    """For each run, in the order of their ends, the earliest start among it and all later ones."""
    return list(accumulate((run.started_at for run in reversed(runs)), min))[::-1]


def _another_pass(ledger: Ledger, token: str) -> Ledger:
    """A new `retryFailed` makes the failed items pending again; their process numbers go on, their attempts begin anew."""
    if token == ledger.retry_failed:
        return ledger
    rows = tuple(row for row in ledger.rows if row.index not in ledger.failed)
    return replace(ledger, failed=frozenset(), failures={}, rows=rows, retry_failed=token, recent=(), breaker=None)


def _without_the_vanished(ledger: Ledger, seen: set[tuple[int, int]], ids: Mapping[int, str], now: float) -> Ledger:
    """A run that should be there and is not was deleted from outside: its item is tried again at once, uncharged but capped.

    No reason is given to it: that is how `is_recorded` tells it from a run whose end was seen.
    """
    for index in ledger.running:
        item = ledger.trying[index]
        if (index, item.number) in seen or len(ledger.waiting) >= MAX_WAITING:
            continue
        if item.disruptions < MAX_DISRUPTIONS:
            ledger = ledger.with_trying(index, replace(item, running=False, not_before=now, disruptions=item.disruptions + 1))
        else:
            gone = Run(index, item.number, item.attempts, item.rung, item.disruptions, started_at=item.not_before)
            ledger = with_failure(ledger, gone, Outcome(Reason.INTERRUPTED, "Its processes were deleted from outside.", None), ids[index])
    return ledger


def _folded(ledger: Ledger, done: Finished, spec: IngestBatchSpec, item_id: str) -> Ledger:
    """One run's end: the item's fate, then what it teaches about the batch."""
    before, run, reason = ledger, done.run, done.outcome.reason
    ledger = with_waits(_active(ledger, done.busy_since, done.at), run)
    if reason is None:
        ledger = with_success(ledger, run, done.outcome, item_id)
        ledger = replace(ledger, learned_rung=max(ledger.learned_rung, run.rung))
    elif FAILURES[reason].verdict is Verdict.SKIP:
        ledger = with_skip(ledger, run, done.outcome, item_id)
    else:
        again = _again(done, spec) if run.number < MAX_TRIES else None
        if again and len(ledger.waiting) >= MAX_WAITING + _is_probe(ledger, run):
            return before  # no row is free to remember it by: the run itself stays the memory until one is
        ledger = ledger.with_trying(run.index, again) if again else with_failure(ledger, run, done.outcome, item_id)
    return _breaker(ledger, done)


def _active(ledger: Ledger, start: float, end: float) -> Ledger:
    """Wall time in which something ran: the union of the runs' intervals, which come in the order of their ends."""
    gained = max(0.0, end - max(start, ledger.active_until))
    return replace(ledger, active=round(ledger.active + gained, 3), active_until=max(ledger.active_until, end))


def _again(done: Finished, spec: IngestBatchSpec) -> Trying | None:
    """The item's next try, or None when its budget is spent."""
    run, outcome = done.run, done.outcome
    assert outcome.reason is not None  # noqa: S101 -- successes do not come here
    stage = outcome.receipt.stage if outcome.receipt else None
    again = Trying(run.number, run.attempts, run.rung, run.disruptions, running=False, not_before=done.at, stage=stage)
    again = replace(again, reason=outcome.reason, message=outcome.message[:WAITING_MESSAGE])
    match FAILURES[outcome.reason].verdict:
        case Verdict.RETRY | Verdict.RETRY_ELSEWHERE:
            attempts = run.attempts + 1
            limit = min(spec.retry.max_attempts, 2) if outcome.reason in RETRIED_ONCE else spec.retry.max_attempts
            wait = min(LONGEST_WAIT, spec.retry.backoff_seconds * 2.0 ** (attempts - 1))
            return replace(again, attempts=attempts, not_before=done.at + wait) if attempts < limit else None
        case Verdict.RETRY_SMALLER:
            return replace(again, rung=run.rung + 1) if run.rung < LAST_RUNG else None
        case Verdict.RETRY_LATER | Verdict.STOP_BATCH:
            told = outcome.receipt.retry_after_seconds if outcome.receipt else None
            return replace(again, not_before=done.at + min(LONGEST_WAIT, LATER if told is None else told))
        case Verdict.FORGIVE:
            if run.ended is not None and run.ended.on_request:
                return again  # our own doing is no disruption
            return replace(again, disruptions=run.disruptions + 1) if run.disruptions < MAX_DISRUPTIONS else None
        case Verdict.GIVE_UP | Verdict.SKIP:
            return None


def _breaker(ledger: Ledger, done: Finished) -> Ledger:
    """Open, keep or close the breaker, and slide the window of charged outcomes."""
    reason = done.outcome.reason
    probe = _is_probe(ledger, done.run)
    if reason is None:
        closed = None if probe else ledger.breaker
        return replace(ledger, recent=(*ledger.recent, "Succeeded")[-WINDOW:], breaker=closed)
    row = FAILURES[reason]
    counted = row.verdict in CHARGED or row.verdict is Verdict.RETRY_SMALLER
    if counted:
        ledger = replace(ledger, recent=(*ledger.recent, reason.value)[-WINDOW:])
    prevails = counted and row.kind is not Kind.INPUT and ledger.recent.count(reason.value) >= PREVAILS
    if reason in BREAKERS or row.verdict is Verdict.STOP_BATCH or prevails:
        return replace(ledger, breaker=_opened(ledger.breaker, reason, done, probe=probe))
    if probe and row.verdict is not Verdict.FORGIVE:
        return replace(ledger, breaker=None)  # the probe failed for a reason of its own: what opened the breaker is gone
    return ledger


def _is_probe(ledger: Ledger, run: Run) -> bool:
    """Whether a run tells if the breaker may close. One row is kept for it: until its end is folded nothing else may start."""
    return ledger.breaker is not None and run.started_at >= ledger.breaker.until


def _opened(before: Open | None, reason: Reason, done: Finished, *, probe: bool) -> Open:
    """An open breaker; failed probes double the wait, runs that were under way when it opened do not."""
    opened = min(MAX_OPENED, before.opened + probe) if before else 1
    wait = min(LONGEST_WAIT, PROBE_AFTER * 2.0 ** (opened - 1))
    told = done.outcome.receipt.retry_after_seconds if done.outcome.receipt else None
    until = done.at + min(LONGEST_WAIT, max(wait, told or 0))
    return Open(reason, max(until, before.until if before else 0.0), opened, done.outcome.message[:256])
