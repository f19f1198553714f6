"""Decides the next step towards a plan that a batch lacks, from the runs so far. Pure: reads no clock, makes
no call.

Transient failures are retried a few times. Failures that the user must fix are retried forever with growing
backoff, and reported meanwhile. Permanent failures are reported and not retried.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Final

from ingest_contract.failures import FAILURES, SITE_BREAKERS, Reason, Verdict
from ingest_operator.core.backoff import doubled
from ingest_operator.core.blocker import Blocker
from ingest_operator.core.retries import disruption_wait
from ingest_operator.core.timestamps import to_rfc3339
from ingest_operator.core.vanished import job_vanished
from ingest_operator.kube.api.resources import Object
from ingest_operator.kube.planning.attempts import PlanAttempt, PlanRequest
from ingest_operator.kube.watch.jobs_and_pods import Lost

MAX_PLAN_ATTEMPTS: Final = 3
"""Runs that may fail for a transient reason."""

KEPT_RUNS: Final = 5
"""Runs whose Jobs are kept for their logs; the wait between two runs is computed from them, so it stops
growing there."""

LONGEST_WAIT_SECONDS: Final = 600.0
"""Seconds between two runs, at most."""

_FINAL: Final = frozenset({Verdict.GIVE_UP, Verdict.SKIP})
_FIXED_OUTSIDE: Final = frozenset({Verdict.STOP_BATCH, Verdict.RETRY_LATER})
_NEVER_COUNTED: Final = frozenset({Verdict.FORGIVE, *_FIXED_OUTSIDE})


@dataclass(frozen=True, slots=True)
class Ask:
    """Find out what the request of a plan Job would be now, and decide again."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Leave everything as it is."""

    until: float = inf
    """When to reconcile again; a watch reports everything else."""
    blocker: Blocker | None = None
    """What the user should know meanwhile."""


@dataclass(frozen=True, slots=True)
class Make:
    """Create a plan Job."""

    number: int
    ending: tuple[Object, ...] = ()
    """Jobs to delete first."""
    blocker: Blocker | None = None
    """Why the run before did not succeed."""


@dataclass(frozen=True, slots=True)
class Read:
    """Read the plan that this run printed, and freeze it."""

    source: PlanAttempt


@dataclass(frozen=True, slots=True)
class Blocked:
    """No further run can help."""

    reason: Reason
    message: str


Step = Ask | Wait | Make | Read | Blocked


def next_step(
    runs: Sequence[PlanAttempt], wanted: PlanRequest | None, now: float, lost: Sequence[Lost] = ()
) -> Step:
    """The next step towards one plan. `wanted` is the request that its Job would get now; None until it is
    read, because that costs calls.

    `lost` are its Jobs that are gone, in the order in which they were lost. The wait after them is that of
    recordings whose machines were taken away.
    """
    present = [one for one in runs if not one.deleted]
    following = max((*(one.run.number for one in runs), *(each.place.number for each in lost)), default=0) + 1
    if lost and lost[-1].place.number > max((one.run.number for one in present), default=0):
        return _after_loss(lost, present, following, wanted, now)
    if not present:
        return Make(following) if wanted is not None else Ask()
    last = present[-1]
    if last.run.ended is None:
        return _while_it_lives(present, following, wanted, _vanished(lost, None))
    if last.verdict is None:
        return Read(last)
    return Ask() if wanted is None else _after_end(present, following, wanted, now)


def _after_loss(
    lost: Sequence[Lost],
    present: Sequence[PlanAttempt],
    following: int,
    wanted: PlanRequest | None,
    now: float,
) -> Step:
    due = lost[-1].at + disruption_wait(len(lost) - 1)
    if now < due:
        return Wait(due, _vanished(lost, due))
    return (
        Ask()
        if wanted is None
        else Make(following, _ending(present) if present else (), _vanished(lost, None))
    )


def _while_it_lives(
    present: Sequence[PlanAttempt], following: int, wanted: PlanRequest | None, vanished: Blocker | None
) -> Step:
    """A run under way is left alone, whatever is wanted now. One that cannot begin is replaced when its
    profile or order is fixed."""
    last = present[-1]
    if last.blocker is None:
        before = present[-2] if len(present) > 1 and present[-2].request == last.request else None
        return Wait(blocker=(_blocker(before, None) if before else None) or vanished)
    if wanted is None:
        return Ask()
    return Wait(blocker=last.blocker) if last.request == wanted else Make(following, _ending(present))


def _after_end(present: Sequence[PlanAttempt], following: int, wanted: PlanRequest, now: float) -> Step:
    failed = _of_same_request(present, wanted)
    return _after_failure(failed, present, following, now) if failed else Make(following, _ending(present))


def _after_failure(
    failed: Sequence[PlanAttempt], present: Sequence[PlanAttempt], following: int, now: float
) -> Step:
    last = failed[-1]
    outcome, verdict = last.outcome, last.verdict
    reason = outcome.reason or Reason.UNKNOWN
    counted = [one for one in failed if one.verdict not in _NEVER_COUNTED]
    if verdict in _FINAL or (verdict not in _NEVER_COUNTED and len(counted) >= MAX_PLAN_ATTEMPTS):
        return Blocked(reason, outcome.message)
    due = (last.run.ended_at or now) + _wait(failed)
    if now < due:
        return Wait(due, _blocker(last, due))
    return Make(following, _ending(present), _blocker(last, None))


def _wait(failed: Sequence[PlanAttempt]) -> float:
    """Seconds after the last end: they double, and are at least what the source asks for."""
    last = failed[-1]
    first = 60.0 if last.verdict in _FIXED_OUTSIDE else 30.0
    receipt = last.outcome.receipt
    retry_after = float((receipt.retry_after_seconds or 0) if receipt else 0)
    return max(retry_after, doubled(first, len(failed), LONGEST_WAIT_SECONDS))


def _blocker(one: PlanAttempt, due: float | None) -> Blocker | None:
    """What the user must fix before planning can succeed; None for what passes by itself."""
    reason = one.outcome.reason
    if reason is None or one.verdict not in _FIXED_OUTSIDE:
        return None
    again = _again(due)
    particulars = one.outcome.message
    said = "" if particulars == FAILURES[reason].sentence else f" {particulars}"
    # what a site refuses keeps recordings of other sites from nothing: it is shown, and over at once
    until = 0.0 if reason in SITE_BREAKERS else inf if due is None else due
    return Blocker(reason.value, f"{FAILURES[reason].sentence}{said} {again}", until)


def _vanished(lost: Sequence[Lost], due: float | None) -> Blocker | None:
    """The blocker for Jobs that are gone, from the second on: one may have been deleted by hand, and the next
    is created at once."""
    if len(lost) <= 1:
        return None
    gone = (
        f"{len(lost)} plan Jobs were deleted before their plan was read, "
        f"the last at {to_rfc3339(lost[-1].at)}."
    )
    return job_vanished(gone, _again(due), inf if due is None else due)


def _again(due: float | None) -> str:
    return (
        f"Planning is tried again at {to_rfc3339(due)}."
        if due is not None
        else "Planning is being tried again."
    )


def _of_same_request(present: Sequence[PlanAttempt], wanted: PlanRequest) -> list[PlanAttempt]:
    """The last runs in a row whose request is the one wanted now."""
    row: list[PlanAttempt] = []
    for one in reversed(present):
        if one.request != wanted:
            break
        row.insert(0, one)
    return row


def _ending(present: Sequence[PlanAttempt]) -> tuple[Object, ...]:
    """Jobs to delete before another is created: the last if it is not over for the cluster, and those that
    are too old to be kept."""
    last = present[-1]
    stuck = (last.job,) if last.lingers or last.run.ended is None else ()
    return (*(one.job for one in present[: -(KEPT_RUNS - 1)]), *stuck)
