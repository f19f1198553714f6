"""Why recordings were left out, and what can be done about each reason."""

from collections.abc import Sequence
from dataclasses import dataclass

from ingest_contract.failures import FAILURES, Reason
from ingest_worker.store.reading.progress import LeftOutCount


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Recordings that ended without a transcript for one reason."""

    reason: str
    recordings: int
    next_step: str | None
    """The failure table's; None for a reason of a version that had others."""


def reasons_of(counts: Sequence[LeftOutCount]) -> tuple[LeftOut, ...]:
    """Each with its next step, in the same order."""
    return tuple(LeftOut(each.reason, each.recordings, _next_step(each.reason)) for each in counts)


def _next_step(reason: str) -> str | None:
    return FAILURES[Reason(reason)].next_step if reason in set(Reason) else None
