"""The Events for a change of a profile's status. Pure."""

from types import MappingProxyType
from typing import Final

from ingest_contract.conditions import Condition, ConditionStatus, ConditionType
from ingest_contract.profile_status import IngestProfileStatus
from ingest_operator.kube.telemetry.event_messages import Aspect, EventRules, Note, NoteType


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


def _ready(status: IngestProfileStatus | None) -> Condition | None:
    conditions = status.conditions if status else ()
    return next((each for each in conditions if each.type is ConditionType.READY), None)


PROFILE_EVENT_RULES: Final[EventRules[IngestProfileStatus]] = MappingProxyType({Aspect.READINESS: _readiness})
"""The only aspect of a profile that has Events."""
