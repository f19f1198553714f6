"""When a batch wants another look if nothing wakes it before. Pure."""

from collections.abc import Iterable
from math import inf
from typing import Final

from ingest_contract.status import IngestBatchStatus
from ingest_operator.ledger import Ledger

RESYNC: Final = 30.0
"""Seconds between two looks at a batch that is not done, and two readings of live progress: each may write the whole status."""

BYTES_PER_SECOND: Final = 5000
"""What the status of one batch puts into etcd at most, while recordings end one by one: each write is a whole new version."""

LONGEST_REST: Final = 3.0
"""Seconds for which an end may wait to be recorded because of that, and a slot to be taken again."""


def after_writing(written: int) -> float:
    """For how many seconds a batch is left alone after a look that wrote a status of so many bytes."""
    return min(LONGEST_REST, written / BYTES_PER_SECOND)


def due(ledger: Ledger) -> tuple[float, ...]:
    """The moments at which the ledger itself lets something happen: retries, and the probe of an open breaker."""
    waiting = tuple(ledger.trying[index].not_before for index in ledger.waiting)
    return (*waiting, ledger.breaker.until) if ledger.breaker else waiting


def rest(status: IngestBatchStatus, moments: Iterable[float | None], now: float) -> float | None:
    """Seconds until a batch wants another look: the next moment that matters, and while it is not done no longer than `RESYNC`."""
    coming = [moment - now for moment in moments if moment is not None and now < moment < inf]
    if not status.state.startswith(("Complete", "DryRun")):
        coming.append(RESYNC)
    return min(coming, default=None)
