"""Which transitions of a batch are to be told to the webhook, and what is known of telling them. Pure.

All of it is in the status: a transition is recorded by the very write that makes it true, and is pending
until the outcome of an attempt is written. So an operator that dies anywhere loses none; it may tell one
twice, with the same id.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from math import inf
from typing import Final

from ingest_contract.conditions import Condition, ConditionStatus, ConditionType
from ingest_contract.notifications import MAX_ATTEMPTS, Delivery, Notification, NotifiedState
from ingest_operator.core.conditions import ConditionDraft
from ingest_operator.core.timestamps import from_rfc3339, to_rfc3339

WAITS_SECONDS: Final = (5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0, 7200.0)
"""Seconds before the second attempt, the third, and so on: 3 h 42 min in all. Standard Webhooks recommends
growing waits over some days; a batch that ended yesterday is known by other ways."""

_ROUNDED_SECONDS: Final = 0.001
"""By how much later a moment may be written than it was."""

MAX_WAITING_NOTIFICATIONS: Final = 8
"""Notifications of one batch that wait. A batch that stalls and recovers faster than anybody takes it in does
not fill its status: the oldest are given up, and that is told."""

MAX_SETTLED_NOTIFICATIONS: Final = 8
"""Notifications that are kept after their end, to be read."""

TOO_MANY: Final = f"more than {MAX_WAITING_NOTIFICATIONS} transitions waited to be told"


def with_begun(
    known: Sequence[Notification],
    before: Iterable[Condition],
    after: Iterable[Condition],
    trace_id: str,
    now: float,
) -> tuple[Notification, ...]:
    """With the transitions between two lists of conditions. One that was true and is so for another reason
    since `now` (epoch seconds) began then: its own time is that of the first reason."""
    fresh = (
        Notification(
            id=id_of(trace_id, each.type, each.reason, at),
            state=NotifiedState(each.type),
            reason=each.reason,
            message=each.message,
            at=at,
        )
        for each, at in _begun(before, after, now)
    )
    have = {each.id for each in known}
    return (*known, *(each for each in fresh if each.id not in have))


def id_of(trace_id: str, state: str, reason: str, at: str) -> str:
    """The id of a transition: 32 hex digits that depend on these four alone."""
    return sha256(f"{trace_id}/{state}/{reason}/{at}".encode()).hexdigest()[:32]


def of_batch(known: Iterable[Notification], trace_id: str) -> Iterator[Notification]:
    """Those that were recorded for this very batch, and not for one that a backup brought back under its
    name."""
    return (each for each in known if each.id == id_of(trace_id, each.state, each.reason, each.at))


def with_attempts(
    known: Sequence[Notification], problems: Mapping[str, str], now: float, sending: Collection[str] = ()
) -> tuple[Notification, ...]:
    """With the outcomes of attempts, by id: what went wrong, or nothing. As many go on waiting as may, but
    none of those whose attempt is under way (`sending`, at most `MAX_WAITING_NOTIFICATIONS`) is given up
    for that. The last that wait no more are kept, and each that ends now, or nobody would see how."""
    updated = [
        _after(each, problems[each.id], now)
        if each.id in problems and each.delivery is Delivery.PENDING
        else each
        for each in known
    ]
    waiting = [each.id for each in updated if each.delivery is Delivery.PENDING]
    surplus = set(
        [each for each in waiting if each not in sending][: max(0, len(waiting) - MAX_WAITING_NOTIFICATIONS)]
    )
    updated = [_given_up(each, each.attempts, TOO_MANY) if each.id in surplus else each for each in updated]
    settled = sum(each.delivery is not Delivery.PENDING for each in updated)
    before = [each.id for each in known if each.delivery is not Delivery.PENDING]
    old = set(before[: max(0, settled - MAX_SETTLED_NOTIFICATIONS)])
    return tuple(each for each in updated if each.id not in old)


def is_due(each: Notification, now: float) -> bool:
    """Whether it may be told now."""
    return each.delivery is Delivery.PENDING and _due_at(each, now) <= now


def next_attempt(known: Iterable[Notification], now: float) -> float:
    """Epoch seconds of the next attempt that is not due yet; infinity if there is none."""
    moments = (_due_at(each, now) for each in known if each.delivery is Delivery.PENDING)
    return min((moment for moment in moments if moment > now), default=inf)


def _due_at(each: Notification, now: float) -> float:
    """When it may be told: now, where a clock that was ahead has put that further off than any wait."""
    due = now if each.next_at is None else from_rfc3339(each.next_at)
    return due if due <= now + WAITS_SECONDS[-1] + _ROUNDED_SECONDS else now


def notified(known: Sequence[Notification]) -> ConditionDraft | None:
    """The condition that says whether everybody was told; None where there is nothing to tell."""
    if not known:
        return None
    waiting = [each for each in known if each.delivery is Delivery.PENDING]
    failing = [each for each in waiting if each.attempts]
    lost = [each for each in known if each.delivery is Delivery.GIVEN_UP]
    last = (failing or waiting or lost or known)[-1]
    what = f"{last.state} of {last.at}"
    if failing:
        text = (
            f"{what}: attempt {last.attempts} of {MAX_ATTEMPTS} failed: {last.problem}; "
            f"the next is due at {last.next_at}"
        )
        return ConditionType.NOTIFIED, False, "Retrying", text
    if waiting:
        return ConditionType.NOTIFIED, False, "Pending", f"{what} is being told"
    if lost:
        return ConditionType.NOTIFIED, False, "GivenUp", f"{what} was told to nobody: {last.problem}"
    return ConditionType.NOTIFIED, True, "Delivered", f"{what} was told"


def _begun(
    before: Iterable[Condition], after: Iterable[Condition], at: float
) -> Iterator[tuple[Condition, str]]:
    """What became true, or true for another reason, and since when. A failed batch is stalled too: that is
    told once."""
    was = {each.type: each.reason for each in before if each.status is ConditionStatus.TRUE}
    now = {each.type: each for each in after if each.status is ConditionStatus.TRUE}
    failed = now.get(ConditionType.FAILED)
    for state in NotifiedState:
        held = now.get(ConditionType(state))
        if held is None or was.get(held.type) == held.reason:
            continue
        if state is NotifiedState.STALLED and failed is not None and failed.reason == held.reason:
            continue
        yield held, to_rfc3339(at) if held.type in was else held.last_transition_time


def _after(each: Notification, problem: str, now: float) -> Notification:
    attempts = each.attempts + 1
    if not problem:
        return _settled(each, Delivery.DELIVERED, attempts, "")
    if attempts >= MAX_ATTEMPTS:
        return _given_up(each, attempts, problem)
    return each.model_copy(
        update={
            "attempts": attempts,
            "problem": problem[:256],
            "next_at": to_rfc3339(now + WAITS_SECONDS[attempts - 1]),
        }
    )


def _given_up(each: Notification, attempts: int, problem: str) -> Notification:
    return _settled(each, Delivery.GIVEN_UP, attempts, problem)


def _settled(each: Notification, delivery: Delivery, attempts: int, problem: str) -> Notification:
    return each.model_copy(
        update={"delivery": delivery, "attempts": attempts, "problem": problem[:256], "next_at": None}
    )
