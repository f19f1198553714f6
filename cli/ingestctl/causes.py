"""Why a batch or a recording is where it is, from its status: one reason, and its sentence of the tables.
Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ingest_contract.batch import IngestBatch
from ingest_contract.conditions import Condition, ConditionStatus, ConditionType
from ingest_contract.failures import FAILURES, Reason
from ingest_contract.intervals import decode
from ingest_contract.recording_status import RecordingState
from ingest_contract.stalls import RECORDING_STATES, STALLS, STATES
from ingest_contract.status import IngestBatchStatus

STRANGE: Final = (
    "This version does not know the reason: read its message, or use the ingestctl of the operator's version."
)

_REASONS: Final = frozenset(reason.value for reason in Reason)


@dataclass(frozen=True, slots=True)
class Why:
    """A reason, and what it means."""

    reason: str
    next_step: str
    """The cause, a colon, and the next step."""
    particulars: str = ""
    """What was said about this one."""
    since: str | None = None
    """When it began."""


def next_step_of(reason: str) -> str:
    """The sentence of a reason, whichever table has it."""
    if reason in _REASONS:
        return FAILURES[Reason(reason)].next_step
    return STALLS.get(reason) or STATES.get(reason) or RECORDING_STATES.get(reason) or STRANGE


def of_batch(batch: IngestBatch) -> Why:
    """The first that fits: what a person needs to know soonest."""
    return next(_fitting(batch), _why("Running"))


def _fitting(batch: IngestBatch) -> Iterator[Why]:
    status = batch.status
    if status is None or not status.conditions:
        yield _why("NotSeen")
        return
    holding = {each.type: each for each in status.conditions if each.status is ConditionStatus.TRUE}
    if failed := holding.get(ConditionType.FAILED):
        yield _of_failed(failed)
    if stalled := holding.get(ConditionType.STALLED):
        yield _why(stalled.reason, stalled)
    if status.observed_generation < batch.metadata.generation:
        yield _why("Outdated")
    if complete := holding.get(ConditionType.COMPLETE):
        yield _why(_END.get(complete.reason, "Complete"), complete)
    if suspended := holding.get(ConditionType.SUSPENDED):
        yield _why("Suspended", suspended)
    if batch.spec.suspend:
        yield _why("Draining")
    if planning := holding.get(ConditionType.RECONCILING):
        yield _why("Planning", planning)
    yield from (_why(kind.value, holding[kind]) for kind in _HOLDING_NOTHING_UP if kind in holding)


_HOLDING_NOTHING_UP: Final = (ConditionType.NODES_AVOIDED, ConditionType.LANGUAGE_DOUBTED)
"""Told of a batch that goes on."""

_END: Final = {"WithFailures": "CompleteWithFailures", "DryRun": "DryRun"}
"""The state by the reason of `Complete`."""


def _of_failed(failed: Condition) -> Why:
    """A plan that failed says why in front of its message."""
    named, colon, rest = failed.message.partition(": ")
    if failed.reason == "PlanningFailed" and colon and (named in _REASONS or named in STALLS):
        return Why(named, next_step_of(named), rest, failed.last_transition_time)
    return _why(failed.reason, failed)


def _why(reason: str, condition: Condition | None = None) -> Why:
    return Why(
        reason,
        next_step_of(reason),
        condition.message if condition else "",
        condition.last_transition_time if condition else None,
    )


def state_of(status: IngestBatchStatus, index: int) -> str:
    """The state of one recording, also of one without a row."""
    for row in status.recordings:
        if row.index == index:
            return row.state.value
    final = status.final_recordings
    for state, text in (
        (RecordingState.SUCCEEDED, final.succeeded),
        (RecordingState.SKIPPED, final.skipped),
        (RecordingState.FAILED, final.failed),
    ):
        if index in decode(text):
            return state.value
    for group in status.running:
        if index in decode(group.indexes):
            return (RecordingState.FETCHING if group.fetching else RecordingState.RUNNING).value
    fetched = status.fetch.fetched if status.fetch else ()
    return "Fetched" if any(index in decode(group.indexes) for group in fetched) else "Pending"


def of_recording(batch: IngestBatch, index: int, last: tuple[str, str] | None) -> Why:
    """Why one recording is where it is. `last` is reason and message of its last run that is still to be
    seen, for a recording that the status has no row of."""
    status = batch.status or IngestBatchStatus()
    row = next((each for each in status.recordings if each.index == index), None)
    state = state_of(status, index)
    over = state in (RecordingState.FAILED, RecordingState.SKIPPED, RecordingState.WAITING)
    if over and row is not None and row.reason is not None:
        return Why(row.reason.value, next_step_of(row.reason), row.message or "", row.not_before)
    if over and last is not None and last[0] in _REASONS:
        return Why(last[0], next_step_of(last[0]), last[1])
    if state in (RecordingState.FAILED, RecordingState.SKIPPED):
        return Why("NotShown", next_step_of("NotShown"))
    if row is not None and row.sounds_like is not None:
        return Why("LanguageDoubted", next_step_of("LanguageDoubted"), f"It sounds like {row.sounds_like}.")
    held = of_batch(batch)
    waits = state in ("Pending", "Fetched", RecordingState.WAITING)
    if waits and held.reason not in {"Running", *_HOLDING_NOTHING_UP}:
        return held
    return Why(f"Recording{state}", next_step_of(f"Recording{state}"))
