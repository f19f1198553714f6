"""The failed recordings of a batch by reason: each in one place, so that a pass of `retryFailed` may take
back some of them and every count stays right. Pure."""

from collections.abc import Iterable, Mapping
from itertools import islice

from ingest_contract.batch import IngestBatchSpec
from ingest_contract.failures import Reason
from ingest_contract.intervals import decode
from ingest_contract.status import ReasonCount

ByReason = Mapping[Reason, frozenset[int]]
"""Indexes of recordings; no set is empty."""


def of_entries(entries: Iterable[ReasonCount], failed: frozenset[int]) -> ByReason:
    """As read from a status. One of an earlier version has counts alone: they are kept, and which recording
    has which reason is guessed."""
    known = {Reason(entry.reason): decode(entry.recordings) & failed for entry in entries}
    unknown = iter(sorted(failed.difference(*known.values())))
    found: dict[Reason, frozenset[int]] = {}
    for entry in entries:
        which = known[Reason(entry.reason)]
        found[Reason(entry.reason)] = which.union(islice(unknown, max(0, entry.count - len(which))))
    return only(found, failed)


def joined(failures: ByReason, reason: Reason | None, index: int) -> ByReason:
    """With one more that failed."""
    if reason is None:
        return failures
    return dict(failures) | {reason: failures.get(reason, frozenset()) | {index}}


def only(failures: ByReason, indexes: frozenset[int]) -> ByReason:
    """Those of them that are in a set."""
    return {reason: which & indexes for reason, which in failures.items() if which & indexes}


def is_pass_asked(spec: IngestBatchSpec, carried_out: str) -> bool:
    """Whether `retryFailed` has a value that was not carried out last. None at all is no value: who applies
    the batch as it lies in Git takes out what `ingestctl retry` has set, and asks for nothing."""
    return spec.retry_failed not in ("", carried_out)
