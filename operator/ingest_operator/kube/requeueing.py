"""When something wants another look. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf
from typing import Final

from ingest_contract.status import IngestBatchStatus

RESYNC: Final = 30.0
"""Seconds between two looks at a batch that is not done, and two readings of live progress: each may write
the whole status."""

BYTES_PER_SECOND: Final = 5000
"""What the status of one batch puts into etcd at most, while recordings end one by one: each write is a whole
new version."""

LONGEST_REST: Final = 3.0
"""Seconds for which an end may wait to be recorded because of that, and a slot to be taken again."""


def after_writing(written: int) -> float:
    """For how many seconds a batch is left alone after a look that wrote a status of so many bytes."""
    return min(LONGEST_REST, written / BYTES_PER_SECOND)


@dataclass(frozen=True, slots=True)
class Requeue:
    """When something wants to be looked at again."""

    after: float | None = None
    """Seconds until then if nothing wakes it before; None: something must wake it."""
    rest: float = 0.0
    """Seconds for which it is left alone at least, whatever wakes it."""


def requeue(
    status: IngestBatchStatus, moments: Iterable[float | None], now: float, written: int = 0
) -> Requeue:
    """At the next moment that matters (epoch seconds), of a batch that is not done after `RESYNC` at the
    latest.

    The more bytes of its status a look has written, the longer the batch is left alone.
    """
    coming = [moment - now for moment in moments if moment is not None and now < moment < inf]
    if not status.state.startswith(("Complete", "DryRun")):
        coming.append(RESYNC)
    return Requeue(min(coming, default=None), after_writing(written))
