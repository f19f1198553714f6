"""Decides the next step of a SpeakerProfile's Jobs, from the runs so far. Pure: reads no clock, makes no
call.

What passes by itself, and what somebody must fix outside, is tried again with growing waits, for ever: a
voice is enrolled once for years, and nobody watches it. What another run cannot change waits for another
request.
"""

from dataclasses import dataclass
from math import inf
from typing import Final

from ingest_contract.failures import Reason, Verdict
from ingest_contract.receipt import Receipt
from ingest_operator.core.backoff import doubled
from ingest_operator.core.blocker import Blocker
from ingest_operator.kube.api.resources import Object
from ingest_operator.kube.voices.attempts import Attempts, VoiceAttempt, VoiceRequest

MAX_CHARGED_RUNS: Final = 5
"""Runs that may fail for the voice's own reasons: one more than the memory ladder has rungs."""

FIRST_WAIT_SECONDS: Final = 30.0
LONGEST_WAIT_SECONDS: Final = 3600.0
"""Seconds between two runs: they double from the first to the longest."""

KEPT_RUNS: Final = 3
"""Jobs that are kept for their logs."""

_FINAL: Final = frozenset({Verdict.GIVE_UP, Verdict.SKIP})
_CHARGED: Final = frozenset({Verdict.RETRY, Verdict.RETRY_ELSEWHERE, Verdict.RETRY_SMALLER})


@dataclass(frozen=True, slots=True)
class MakeJob:
    """Create a Job."""

    number: int
    rung: int
    ending: tuple[Object, ...]
    """Jobs to delete first."""


@dataclass(frozen=True, slots=True)
class WaitOn:
    """Leave everything as it is."""

    until: float = inf
    """When to look again; a watch reports everything else."""
    blocker: Blocker | None = None
    """Why nothing goes on meanwhile."""


@dataclass(frozen=True, slots=True)
class Done:
    """A run has succeeded."""

    receipt: Receipt | None
    """None where it is gone with its pod."""


@dataclass(frozen=True, slots=True)
class GivenUp:
    """No further run of this request can help."""

    reason: Reason
    message: str


Step = MakeJob | WaitOn | Done | GivenUp


def next_step(attempts: Attempts, request: VoiceRequest, now: float) -> Step:
    """The next step towards what is requested now.

    A run under way is left alone, whatever is wanted now, unless it cannot begin and was asked for something
    else.
    """
    live = [one for one in attempts.present if one.is_live]
    if live:
        beside = live[-1]
        if beside.blocker is not None and beside.request != request:
            return _make(attempts, request)
        return WaitOn(blocker=beside.blocker)
    last = attempts.present[-1] if attempts.present else None
    if last is not None and last.verdict is None and last.request and last.request.order == request.order:
        return Done(last.outcome.receipt)
    tries = attempts.of_request(request)
    return _after_failure(tries, attempts, request, now) if tries else _make(attempts, request)


def _after_failure(
    tries: tuple[VoiceAttempt, ...], attempts: Attempts, request: VoiceRequest, now: float
) -> Step:
    last = tries[-1]
    reason, message = last.outcome.reason or Reason.RECEIPT_MISSING, last.outcome.message
    charged = sum(one.verdict in _CHARGED for one in tries)
    if last.verdict in _FINAL or charged >= MAX_CHARGED_RUNS:
        return GivenUp(reason, message)
    due = (last.run.ended_at or now) + _wait(tries)
    return _make(attempts, request) if now >= due else WaitOn(due, Blocker(reason.value, message, due))


def _wait(tries: tuple[VoiceAttempt, ...]) -> float:
    """Seconds after the last end: at least what the source asks for."""
    receipt = tries[-1].outcome.receipt
    asked = float((receipt.retry_after_seconds or 0) if receipt else 0)
    if tries[-1].verdict is Verdict.RETRY_SMALLER:
        return asked
    return max(asked, doubled(FIRST_WAIT_SECONDS, len(tries), LONGEST_WAIT_SECONDS))


def _make(attempts: Attempts, request: VoiceRequest) -> MakeJob:
    """Another run, after the Jobs that are not over for the cluster, or too old to be kept, are deleted."""
    old = attempts.present[: -(KEPT_RUNS - 1)]
    stuck = (one for one in attempts.present[-(KEPT_RUNS - 1) :] if one.lingers or one.is_live)
    ending = tuple(one.job for one in (*old, *stuck))
    return MakeJob(attempts.following, attempts.rung(request), ending)
