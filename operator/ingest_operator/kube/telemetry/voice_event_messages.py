"""The Events for a change of a SpeakerProfile's status. Pure."""

from types import MappingProxyType
from typing import Final

from ingest_contract.conditions import Condition, ConditionStatus, ConditionType
from ingest_contract.speaker_profile import SpeakerProfileStatus
from ingest_operator.kube.telemetry.notes import Aspect, EventRules, Note, NoteType

ENROLLING: Final = "Enrolling"
RENAMING: Final = "Renaming"
FORGETTING: Final = "Forgetting"
"""The reasons of a voice at which its Job is at work."""


def _readiness(before: SpeakerProfileStatus | None, after: SpeakerProfileStatus) -> Note | None:
    """A voice that is ready, refused, waited for or being forgotten, each when it becomes so. That a Job is
    at work is no news, but for the one that forgets: nobody sees the object after it."""
    was, now = (_of(each, ConditionType.READY) for each in (before, after))
    if now is None or now.reason in (ENROLLING, RENAMING):
        return None
    if was is not None and (was.status, was.reason) == (now.status, now.reason):
        return None
    if now.status is ConditionStatus.TRUE:
        return Note("Ready", NoteType.NORMAL, f"{now.message}.", "Enrol")
    if now.reason == FORGETTING:
        text = "It was deleted: the store forgets the voice, then the object goes."
        return Note(FORGETTING, NoteType.NORMAL, text, "Forget")
    stalled = _of(after, ConditionType.STALLED)
    refused = stalled is not None and stalled.status is ConditionStatus.TRUE
    reason = "NotReady" if refused else "Waiting"
    return Note(reason, NoteType.WARNING, f"{now.reason}: {now.message}", "Enrol")


def _of(status: SpeakerProfileStatus | None, kind: ConditionType) -> Condition | None:
    conditions = status.conditions if status else ()
    return next((each for each in conditions if each.type is kind), None)


VOICE_EVENT_RULES: Final[EventRules[SpeakerProfileStatus]] = MappingProxyType({Aspect.READINESS: _readiness})
"""The only aspect of a SpeakerProfile that has Events."""
