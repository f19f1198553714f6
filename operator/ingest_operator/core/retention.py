"""When what is older than a profile keeps is forgotten: a run a day, and sooner again only after a failure.
Pure.

A run is in the status before its Job is made, under the number by which the Job is named. So whoever is
killed in between goes on with that run, and nobody begins another one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Final

from ingest_contract.conditions import ConditionType
from ingest_contract.failures import Reason
from ingest_contract.profile_status import RetentionStatus
from ingest_operator.core.backoff import doubled
from ingest_operator.core.blocker import Blocker
from ingest_operator.core.conditions import ConditionDraft
from ingest_operator.core.outcome import Outcome
from ingest_operator.core.timestamps import from_rfc3339, to_rfc3339

EVERY_SECONDS: Final = 86_400.0
"""Seconds between the starts of two runs that succeed: `days` is the unit of what is promised."""

FIRST_WAIT_SECONDS: Final = 60.0
LONGEST_WAIT_SECONDS: Final = 6 * 3600.0
"""Seconds after a run that failed: they double from the first to the longest. A store that is away for a
night costs some ten Jobs."""

_ROUNDED_SECONDS: Final = 1.0
"""By how much later a moment may be written than it was."""

KEPT: Final = "Kept"
"""The condition's reason where the last run succeeded."""

BEGUN: Final = "FirstRun"
"""Its reason until the first run has ended."""

_MESSAGE_CHARACTERS: Final = 600

_MAY_NOT: Final = (
    "Whoever forgets may do what no worker may: in pods.curatorStore, name a Secret with the address for the "
    "owner, or for a member of ingest_curator."
)


@dataclass(frozen=True, slots=True)
class RetentionRun:
    """One run, as its Job shows it."""

    request: str
    """What it was asked, as `RetentionStatus.request`."""
    outcome: Outcome | None
    """None while it runs."""
    ended_at: float | None = None
    """Epoch seconds."""
    blocker: Blocker | None = None
    """Why it cannot begin."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a profile asks for now."""

    days: int
    request: str
    has_curator: bool
    """Whether the profile names a login that may forget."""


@dataclass(frozen=True, slots=True)
class RetentionStep:
    """What to write, and what to do after that."""

    status: RetentionStatus
    make: bool = False
    """Whether to create the Job of `status.run`: it is not there yet."""
    draft: ConditionDraft | None = None
    """The condition; None leaves it as it is."""


def retention_step(
    before: RetentionStatus, wanted: Wanted, runs: Mapping[int, RetentionRun], following: int, now: float
) -> RetentionStep:
    """The next step.

    Args:
        before: what was written last.
        wanted: what the profile asks for.
        runs: those whose Jobs are there, by number.
        following: a number that no Job has had.
        now: epoch seconds.
    """
    if before.under_way:
        run = runs.get(before.run)
        if run is None:
            return RetentionStep(before, make=True)
        if run.outcome is None:
            if run.blocker is None or run.request == wanted.request:
                return RetentionStep(before, draft=_waiting(run.blocker))
        else:
            return _ended(before, run, run.outcome, wanted, now)
    elif not _due(before, wanted, now):
        return RetentionStep(before)
    return _begun(before, wanted, max(following, before.run + 1), now)


def due_at(status: RetentionStatus | None, now: float) -> float:
    """Epoch seconds of the next run; infinity where none is due or one is under way. It is now where a clock
    that was ahead has put it further off than any wait."""
    due = inf if status is None or status.next_at is None else from_rfc3339(status.next_at)
    return now if now + EVERY_SECONDS + _ROUNDED_SECONDS < due < inf else due


def without_retention(before: RetentionStatus | None) -> RetentionStatus | None:
    """What stays of it where a profile has no retention any more: how many went, and the number, which no Job
    may have twice. A run that was under way counts as none."""
    if before is None:
        return None
    kept = {"run": before.run, "total_recordings": before.total_recordings}
    return RetentionStatus.model_validate(kept)


def _due(before: RetentionStatus, wanted: Wanted, now: float) -> bool:
    changed = before.failures > 0 and before.request != wanted.request
    return before.next_at is None or changed or now >= due_at(before, now)


def _begun(before: RetentionStatus, wanted: Wanted, number: int, now: float) -> RetentionStep:
    status = before.model_copy(
        update={
            "run": number,
            "started_at": to_rfc3339(round(now)),
            "ended_at": None,
            "request": wanted.request,
            "next_at": None,
        }
    )
    first = before.started_at is None
    draft = (ConditionType.RETENTION_KEPT, False, BEGUN, "The first run is under way.") if first else None
    return RetentionStep(status, make=True, draft=draft)


def _waiting(blocker: Blocker | None) -> ConditionDraft | None:
    if blocker is None:
        return None
    return ConditionType.RETENTION_KEPT, False, blocker.reason, blocker.message[:_MESSAGE_CHARACTERS]


def refused(blocker: Blocker) -> ConditionDraft:
    """The condition where the Job cannot be made."""
    return ConditionType.RETENTION_KEPT, False, blocker.reason, blocker.message[:_MESSAGE_CHARACTERS]


def _ended(
    before: RetentionStatus, run: RetentionRun, outcome: Outcome, wanted: Wanted, now: float
) -> RetentionStep:
    gone = outcome.receipt.forgotten if outcome.receipt is not None else None
    recordings = gone.recordings if gone is not None else 0
    failures = 0 if outcome.succeeded else before.failures + 1
    ended = now if run.ended_at is None else run.ended_at
    due = _next(before, failures, ended, outcome)
    status = before.model_copy(
        update={
            "ended_at": to_rfc3339(round(ended)),
            "reason": outcome.reason,
            "failures": failures,
            "recordings": recordings,
            "total_recordings": before.total_recordings + recordings,
            "next_at": to_rfc3339(round(due)),
        }
    )
    if outcome.reason is None:
        words = f"What was first stored more than {wanted.days} days ago is forgotten."
        return RetentionStep(status, draft=(ConditionType.RETENTION_KEPT, True, KEPT, words))
    advice = f" {_MAY_NOT}" if outcome.reason is Reason.DATABASE_REJECTED and not wanted.has_curator else ""
    words = f"{outcome.message[:_MESSAGE_CHARACTERS]}{advice} It is tried again at {status.next_at}."
    return RetentionStep(status, draft=(ConditionType.RETENTION_KEPT, False, outcome.reason.value, words))


def _next(before: RetentionStatus, failures: int, ended: float, outcome: Outcome) -> float:
    if not failures:
        return max(ended, from_rfc3339(before.started_at or to_rfc3339(ended)) + EVERY_SECONDS)
    asked = float(outcome.receipt.retry_after_seconds or 0) if outcome.receipt is not None else 0.0
    return ended + max(asked, doubled(FIRST_WAIT_SECONDS, failures, LONGEST_WAIT_SECONDS))
