"""Recordings whose Jobs are deleted from outside again and again: they wait longer each time, and this is
reported. Pure."""

from typing import Final

from ingest_operator.core.blocker import Blocker
from ingest_operator.core.ledger import Ledger
from ingest_operator.core.timestamps import to_rfc3339

JOB_VANISHED: Final = "JobVanished"
"""The reason of recordings and plans whose Jobs someone deletes again and again."""

_WHO_DELETES: Final = (
    "A policy may give all Jobs a `ttlSecondsAfterFinished`, or something cleans up what it does not know: "
    "leave Jobs of app.kubernetes.io/managed-by=video-ingest-operator out of it."
)


def job_vanished(gone: str, again: str, until: float, index: int | None = None) -> Blocker:
    """The report on Jobs that someone deletes before they are over: which ones, and when the next run is."""
    return Blocker(JOB_VANISHED, f"{gone} {_WHO_DELETES} {again}", until, index)


def vanished(ledger: Ledger, now: float) -> tuple[Blocker, ...]:
    """The report on recordings that wait because of it, from the second time on. It blocks nothing else."""
    waiting = {index: ledger.open_items[index] for index in ledger.waiting}
    found = {index: item for index, item in waiting.items() if item.reason is None and item.disruptions > 1}
    if not found:
        return ()
    first, due = min(found), min(item.not_before for item in found.values())
    who = "The Job of 1 recording was" if len(found) == 1 else f"The Jobs of {len(found)} recordings were"
    gone = f"{who} deleted before it was over, and not for the first time."
    return (job_vanished(gone, f"The next run is at {to_rfc3339(due)}.", now, first),)
