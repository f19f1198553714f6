"""What to do next about a plan that a batch lacks, from the tries so far. Pure: reads no clock, asks nobody.

A passing failure is tried again a few times; what somebody must mend is tried again for ever, ever more
rarely, and told meanwhile; what no further try can change is told as trouble.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Final

from ingest_contract.failures import FAILURES, Reason, Verdict
from ingest_operator.core.blocker import Hindrance
from ingest_operator.core.fold import disruption_wait
from ingest_operator.core.timestamps import as_text
from ingest_operator.core.vanished import job_vanished
from ingest_operator.kube.api.resources import Object
from ingest_operator.kube.planning.attempts import Asked, PlanTry
from ingest_operator.kube.watch.jobs_and_pods import Lost

TRIES: Final = 3
"""Tries that may fail for a passing reason."""

KEPT: Final = 5
"""Tries whose Jobs are kept for their logs; the wait between tries, which is counted from them, stops growing
there."""

LONGEST_WAIT: Final = 600.0
"""Seconds between two tries, at most."""

_FINAL: Final = frozenset({Verdict.GIVE_UP, Verdict.SKIP})
_MENDED_OUTSIDE: Final = frozenset({Verdict.STOP_BATCH, Verdict.RETRY_LATER})
_NEVER_COUNTED: Final = frozenset({Verdict.FORGIVE, *_MENDED_OUTSIDE})


@dataclass(frozen=True, slots=True)
class Ask:
    """Find out what a plan Job would be asked now, and decide again."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Leave everything as it is."""

    until: float = inf
    """When to look again; a watch tells everything else."""
    hindrance: Hindrance | None = None
    """What a person should know meanwhile."""


@dataclass(frozen=True, slots=True)
class Make:
    """Make a plan Job."""

    number: int
    ending: tuple[Object, ...] = ()
    """Jobs to delete before."""
    hindrance: Hindrance | None = None
    """What kept the try before from its end."""


@dataclass(frozen=True, slots=True)
class Read:
    """Read the plan that this try printed, and freeze it."""

    source: PlanTry


@dataclass(frozen=True, slots=True)
class Blocked:
    """No further try can help."""

    reason: Reason
    message: str


Step = Ask | Wait | Make | Read | Blocked


def next_step(tries: Sequence[PlanTry], wanted: Asked | None, now: float, lost: Sequence[Lost] = ()) -> Step:
    """The next step towards one plan. `wanted` is what its Job would be asked now; None while nobody has
    looked: it costs calls.

    `lost` are its Jobs that are gone, in the order in which they went. They wait as recordings do whose
    machines were taken away.
    """
    present = [one for one in tries if not one.deleted]
    following = (
        max((*(one.run.number for one in tries), *(each.place.number for each in lost)), default=0) + 1
    )
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
    lost: Sequence[Lost], present: Sequence[PlanTry], following: int, wanted: Asked | None, now: float
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
    present: Sequence[PlanTry], following: int, wanted: Asked | None, vanished: Hindrance | None
) -> Step:
    """A try that runs is left alone, whatever is wanted by now. One that cannot begin makes room when its
    profile or order is mended."""
    last = present[-1]
    if last.hindrance is None:
        before = present[-2] if len(present) > 1 and present[-2].asked == last.asked else None
        return Wait(hindrance=(_hindrance(before, None) if before else None) or vanished)
    if wanted is None:
        return Ask()
    return Wait(hindrance=last.hindrance) if last.asked == wanted else Make(following, _ending(present))


def _after_end(present: Sequence[PlanTry], following: int, wanted: Asked, now: float) -> Step:
    failed = _asked_the_same(present, wanted)
    return _after_failure(failed, present, following, now) if failed else Make(following, _ending(present))


def _after_failure(failed: Sequence[PlanTry], present: Sequence[PlanTry], following: int, now: float) -> Step:
    last = failed[-1]
    outcome, verdict = last.outcome, last.verdict
    reason = outcome.reason or Reason.UNKNOWN
    counted = [one for one in failed if one.verdict not in _NEVER_COUNTED]
    if verdict in _FINAL or (verdict not in _NEVER_COUNTED and len(counted) >= TRIES):
        return Blocked(reason, outcome.message)
    due = (last.run.ended_at or now) + _wait(failed)
    if now < due:
        return Wait(due, _hindrance(last, due))
    return Make(following, _ending(present), _hindrance(last, None))


def _wait(failed: Sequence[PlanTry]) -> float:
    """Seconds after the last end: doubling, and no shorter than the source asks for."""
    last = failed[-1]
    first = 60.0 if last.verdict in _MENDED_OUTSIDE else 30.0
    receipt = last.outcome.receipt
    told = float((receipt.retry_after_seconds or 0) if receipt else 0)
    return max(told, min(LONGEST_WAIT, first * 2.0 ** (len(failed) - 1)))


def _hindrance(one: PlanTry, due: float | None) -> Hindrance | None:
    """What somebody must mend before planning can succeed; None for what passes by itself."""
    reason = one.outcome.reason
    if reason is None or one.verdict not in _MENDED_OUTSIDE:
        return None
    again = _again(due)
    particulars = one.outcome.message
    said = "" if particulars == FAILURES[reason].sentence else f" {particulars}"
    return Hindrance(reason.value, f"{FAILURES[reason].sentence}{said} {again}", inf if due is None else due)


def _vanished(lost: Sequence[Lost], due: float | None) -> Hindrance | None:
    """What is told of Jobs that are gone, from the second on: one may have been deleted by hand, and another
    one is there at once."""
    if len(lost) <= 1:
        return None
    gone = (
        f"{len(lost)} plan Jobs were deleted before their plan was read, the last at {as_text(lost[-1].at)}."
    )
    return job_vanished(gone, _again(due), inf if due is None else due)


def _again(due: float | None) -> str:
    return (
        f"Planning is tried again at {as_text(due)}." if due is not None else "Planning is being tried again."
    )


def _asked_the_same(present: Sequence[PlanTry], wanted: Asked) -> list[PlanTry]:
    """The last tries in a row that were asked what is wanted now."""
    row: list[PlanTry] = []
    for one in reversed(present):
        if one.asked != wanted:
            break
        row.insert(0, one)
    return row


def _ending(present: Sequence[PlanTry]) -> tuple[Object, ...]:
    """Jobs that must go before another is made: the last if it is not over for the cluster, and those that
    are too old to be read."""
    last = present[-1]
    stuck = (last.job,) if last.lingers or last.run.ended is None else ()
    return (*(one.job for one in present[: -(KEPT - 1)]), *stuck)
