"""The breaker of a batch: what the end of one run means for all others,
and when a run may start again. Pure."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from ingest_contract.failures import BREAKERS, CHARGED, FAILURES, Kind, Reason, Verdict
from ingest_operator.core.backoff import doubled
from ingest_operator.core.ledger import WINDOW_OUTCOMES, Ledger, Open
from ingest_operator.core.outcome import Outcome, Run

LONGEST_WAIT_SECONDS: Final = 3600.0
"""Longest wait between two runs, in seconds."""

MAX_FAILED_PROBES: Final = 1000
"""The count of failed probes stops here; the wait has reached its maximum long before."""

PREVAILING_OUTCOMES: Final = 8
"""The breaker opens when this many of the last ten charged outcomes share one reason
that is not the input's fault."""

PROBE_AFTER_SECONDS: Final = 60.0
"""Seconds until the first probe of an open breaker; doubled with each failed probe, up to an hour."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A run that is over, with what the fold needs to know of it."""

    run: Run
    outcome: Outcome
    busy_since: float
    """Earliest start among this run and all that ended later."""
    at: float
    seen_at: float
    """When this operator sees the end. Waits count from here: with a clock ahead of the cluster's they would
    otherwise be over at once."""
    alone: bool
    """Whether no run of the batch is seen on another node."""


def verdict_of(reason: Reason, *, forgiven: bool) -> Verdict:
    """The verdict on a run.
    What a node does that has failed other recordings as well is charged to no recording."""
    verdict = FAILURES[reason].verdict
    return Verdict.FORGIVE if forgiven and verdict is Verdict.RETRY_ELSEWHERE else verdict


def after(
    ledger: Ledger,
    done: Finished,
    *,
    forgiven: bool,
    probe: bool,
    elsewhere: Collection[Reason] = frozenset(),
) -> Ledger:
    """Open, keep or close the breaker of the run's phase, and slide its window of charged outcomes. Reasons
    of `elsewhere` open a breaker of their own, for a site."""
    reason, phase = done.outcome.reason, done.run.phase
    recent, breaker = ledger.outcomes_of(phase), ledger.breaker_of(phase)
    if reason is None:
        return ledger.with_gate(phase, _slid(recent, "Succeeded"), None if probe else breaker)
    row, verdict = FAILURES[reason], verdict_of(reason, forgiven=forgiven)
    counted = verdict in CHARGED or verdict is Verdict.RETRY_SMALLER
    recent = _slid(recent, reason.value) if counted else recent
    prevails = counted and row.kind is not Kind.INPUT and recent.count(reason.value) >= PREVAILING_OUTCOMES
    if reason in BREAKERS.difference(elsewhere) or verdict is Verdict.STOP_BATCH or prevails:
        breaker = _opened(breaker, reason, done, probe=probe)
    elif probe and verdict is not Verdict.FORGIVE:
        breaker = None  # the probe failed for a reason of its own: what opened the breaker is gone
    return ledger.with_gate(phase, recent, breaker)


def _slid(recent: tuple[str, ...], outcome: str) -> tuple[str, ...]:
    return (*recent, outcome)[-WINDOW_OUTCOMES:]


def is_probe(ledger: Ledger, run: Run) -> bool:
    """Whether this run decides if the breaker of its phase may close. One row is reserved for it: nothing
    else of that phase may start until its end is folded."""
    breaker = ledger.breaker_of(run.phase)
    return breaker is not None and run.started_at >= breaker.until


def _opened(before: Open | None, reason: Reason, done: Finished, *, probe: bool) -> Open:
    """An open breaker. Failed probes double the wait; runs that were under way when it opened do not."""
    opened = min(MAX_FAILED_PROBES, before.opened + probe) if before else 1
    wait = doubled(PROBE_AFTER_SECONDS, opened, LONGEST_WAIT_SECONDS)
    retry_after = done.outcome.receipt.retry_after_seconds if done.outcome.receipt else None
    until = done.seen_at + min(LONGEST_WAIT_SECONDS, max(wait, retry_after or 0))
    return Open(reason, max(until, before.until if before else 0.0), opened, done.outcome.message[:256])
