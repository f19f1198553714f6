"""The difference between two consecutive statuses of a batch. Events and counters are derived from it. Pure.

Computed from accepted statuses, so what is reported did happen, and a restarted operator reports nothing
twice.
"""

from collections import Counter
from collections.abc import Iterable

from ingest_contract.intervals import decode
from ingest_contract.notifications import Delivery
from ingest_contract.status import IngestBatchStatus, ReasonCount


def succeeded_since(before: IngestBatchStatus | None, after: IngestBatchStatus) -> int:
    """How many recordings were added to the store."""
    return max(0, after.counts.succeeded - (before.counts.succeeded if before else 0))


def skipped_since(before: IngestBatchStatus | None, after: IngestBatchStatus) -> Counter[str]:
    """How many recordings were skipped, by reason."""
    return _gained(before.skips if before else (), after.skips)


def failed_since(before: IngestBatchStatus | None, after: IngestBatchStatus) -> Counter[str]:
    """How many recordings failed for good, by reason. What a pass of `retryFailed` takes back and fails again
    counts again: a status without it lies in between, because nothing starts before one is written.

    A status of many failures does not list them (`core.status.MAX_LISTED_FAILURES`): then the counts tell.
    """
    if not any(each.recordings for each in after.failures):
        return _gained(before.failures if before else (), after.failures)
    known = failed_before(before)
    return +Counter({each.reason: len(decode(each.recordings) - known) for each in after.failures})


def doubted_in(status: IngestBatchStatus | None) -> int:
    """How many stored recordings are surely in another language than ordered."""
    return sum(each.count for each in status.sums.sounds_like) if status else 0


def notified_since(before: IngestBatchStatus | None, after: IngestBatchStatus) -> Counter[str]:
    """Attempts to deliver a notification whose outcome is new: `delivered`, `failed`, and `given_up` for each
    that is not tried any more."""
    known = {each.id: each for each in before.notifications} if before else {}
    found = Counter[str]()
    for each in after.notifications:
        was = known.get(each.id)
        attempts = each.attempts - (was.attempts if was else 0)
        settled = each.delivery if was is None or was.delivery is not each.delivery else Delivery.PENDING
        found["delivered"] += settled is Delivery.DELIVERED
        found["given_up"] += settled is Delivery.GIVEN_UP
        found["failed"] += attempts - (settled is Delivery.DELIVERED)
    return +found


def failed_before(before: IngestBatchStatus | None) -> frozenset[int]:
    """The recordings that had failed already."""
    return decode(before.final_recordings.failed) if before else frozenset()


def _gained(before: Iterable[ReasonCount], after: Iterable[ReasonCount]) -> Counter[str]:
    """Only the increases."""
    return Counter({each.reason: each.count for each in after}) - Counter(
        {each.reason: each.count for each in before}
    )
