"""What two statuses of a batch that follow each other differ by: the base of Events and of counters. Pure.

Computed from statuses that were accepted, so what is told did happen, and an operator that starts anew tells
none of it again.
"""

from collections import Counter
from collections.abc import Iterable

from ingest_contract.status import IngestBatchStatus, ReasonCount


def succeeded_since(before: IngestBatchStatus | None, after: IngestBatchStatus) -> int:
    """How many recordings came into the store."""
    return max(0, after.counts.succeeded - (before.counts.succeeded if before else 0))


def skipped_since(before: IngestBatchStatus | None, after: IngestBatchStatus) -> Counter[str]:
    """How many recordings were skipped, by reason."""
    return _gained(before.skips if before else (), after.skips)


def failed_since(before: IngestBatchStatus | None, after: IngestBatchStatus) -> Counter[str]:
    """How many recordings were given up, by reason. A pass of `retryFailed` takes all failures back and
    counts anew."""
    return _gained(before.failures if before and is_same_pass(before, after) else (), after.failures)


def is_same_pass(before: IngestBatchStatus, after: IngestBatchStatus) -> bool:
    """Whether no `retryFailed` lies between two statuses."""
    return before.retry_failed == after.retry_failed


def _gained(before: Iterable[ReasonCount], after: Iterable[ReasonCount]) -> Counter[str]:
    """Only what there is more of."""
    return Counter({each.reason: each.count for each in after}) - Counter(
        {each.reason: each.count for each in before}
    )
