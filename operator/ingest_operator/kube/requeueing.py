"""When something is to be reconciled again. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf
from typing import Final

from ingest_contract.status import IngestBatchStatus

RESYNC_SECONDS: Final = 30.0
"""Seconds between two reconciles of a batch that is not done, and two readings of live progress: each may
write the whole status."""

BYTES_PER_SECOND: Final = 5000
"""What the status of one batch writes to etcd at most, while recordings end one by one: each write is a whole
new version."""

LONGEST_WAIT_SECONDS: Final = 3.0
"""Longest wait, in seconds, that this limit causes until an end is recorded and its slot is used again."""


def after_writing(written: int) -> float:
    """How many seconds a batch must wait after a reconcile that wrote this many bytes of status."""
    return min(LONGEST_WAIT_SECONDS, written / BYTES_PER_SECOND)


@dataclass(frozen=True, slots=True)
class Requeue:
    """When something is to be reconciled again."""

    after: float | None = None
    """Seconds until then if nothing enqueues it before; None: it waits to be enqueued."""
    shortest_wait: float = 0.0
    """Least seconds until then, whatever enqueues it."""


def requeue(
    status: IngestBatchStatus, moments: Iterable[float | None], now: float, written: int = 0
) -> Requeue:
    """Requeue at the next of these moments (epoch seconds), and within `RESYNC_SECONDS` unless all is done.

    The more bytes of its status a reconcile has written, the longer the batch waits.
    """
    coming = [moment - now for moment in moments if moment is not None and now < moment < inf]
    if not status.state.startswith(("Complete", "DryRun")):
        coming.append(RESYNC_SECONDS)
    return Requeue(min(coming, default=None), after_writing(written))
