"""The next run of a recording after one that did not succeed: when, on which budget, or none. Pure."""

from dataclasses import replace
from itertools import accumulate, count
from typing import Final

from ingest_contract.batch import IngestBatchSpec
from ingest_contract.failures import RETRIED_ONCE, Reason, Verdict
from ingest_operator.core.backoff import doubled
from ingest_operator.core.breaker import LONGEST_WAIT_SECONDS, Finished, verdict_of
from ingest_operator.core.ledger import OpenItem
from ingest_operator.core.memory_ladder import LAST_RUNG

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


def disruption_wait(disruptions: int) -> float:
    """Seconds until the next run of a recording that was interrupted this often before."""
    return doubled(DISRUPTION_WAIT_SECONDS, disruptions, LONGEST_WAIT_SECONDS) if disruptions else 0.0


def _most_disruptions() -> int:
    """The first count of interruptions whose waits add up to `MAX_DISRUPTED_SECONDS`."""
    waits = accumulate(map(disruption_wait, count()))
    return next(number for number, waited in enumerate(waits, start=1) if waited >= MAX_DISRUPTED_SECONDS)


MAX_DISRUPTIONS: Final = _most_disruptions()
"""Forgiven interruptions per recording: the cap by time, expressed as a number that the status has anyway."""


def as_cached(again: OpenItem, until_now: OpenItem) -> OpenItem:
    """What lies in the cache stays there for the next run, unless this one found that it does not."""
    gone = again.reason is Reason.NOT_IN_CACHE
    return replace(again, cached_mib=None if gone else until_now.cached_mib)


def next_run(done: Finished, spec: IngestBatchSpec, *, forgiven: bool) -> OpenItem | None:
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
            wait = doubled(spec.retry.backoff_seconds, charged_attempts, LONGEST_WAIT_SECONDS)
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
