"""The Events for a change of a profile's status. Pure."""

from types import MappingProxyType
from typing import Final

from ingest_contract.conditions import Condition, ConditionStatus, ConditionType
from ingest_contract.profile_status import IngestProfileStatus
from ingest_operator.core.retention import BEGUN
from ingest_operator.kube.telemetry.notes import Aspect, EventRules, Note, NoteType


def _readiness(before: IngestProfileStatus | None, after: IngestProfileStatus) -> Note | None:
    """A profile that is not ready any more, or for another reason, or ready again. One that was ready from
    the beginning is no news."""
    was, now = (_ready(each) for each in (before, after))
    if now is None or (was is not None and (was.status, was.reason) == (now.status, now.reason)):
        return None
    if now.status is not ConditionStatus.TRUE:
        return Note("NotReady", NoteType.WARNING, f"{now.reason}: {now.message}", "Check")
    return (
        Note("Ready", NoteType.NORMAL, f"{was.reason} is over: all that the profile names is there.", "Check")
        if was is not None and was.status is not ConditionStatus.TRUE
        else None
    )


def _retention(before: IngestProfileStatus | None, after: IngestProfileStatus) -> Note | None:
    """What a run has forgotten, or why what is too old is not forgotten. A run that found nothing is no news,
    nor is the first one that is under way."""
    was, now = (_condition(each, ConditionType.RETENTION_KEPT) for each in (before, after))
    gone = _forgotten(after) - _forgotten(before)
    if now is None or now.reason == BEGUN:
        return None
    if now.status is not ConditionStatus.TRUE:
        is_reported = was is not None and (was.status, was.reason) == (now.status, now.reason)
        text = f"{now.reason}: {now.message}"
        return None if is_reported else Note("RetentionNotKept", NoteType.WARNING, text, "Retain")
    if gone > 0:
        words = "1 recording is" if gone == 1 else f"{gone} recordings are"
        text = f"{words} forgotten: first stored longer ago than spec.retention keeps."
        return Note("Forgotten", NoteType.NORMAL, text, "Retain")
    if was is not None and was.status is not ConditionStatus.TRUE and was.reason != BEGUN:
        return Note("RetentionKept", NoteType.NORMAL, f"{was.reason} is over. {now.message}", "Retain")
    return None


def _forgotten(status: IngestProfileStatus | None) -> int:
    return status.retention.total_recordings if status is not None and status.retention is not None else 0


def _ready(status: IngestProfileStatus | None) -> Condition | None:
    return _condition(status, ConditionType.READY)


def _condition(status: IngestProfileStatus | None, kind: ConditionType) -> Condition | None:
    conditions = status.conditions if status else ()
    return next((each for each in conditions if each.type is kind), None)


PROFILE_EVENT_RULES: Final[EventRules[IngestProfileStatus]] = MappingProxyType(
    {Aspect.READINESS: _readiness, Aspect.RETENTION: _retention}
)
"""The aspects of a profile that have Events."""
