"""Events about SpeakerProfiles: ready, refused, waited for, forgotten; and nothing while a Job is at work."""

import pytest

from ingest_contract.conditions import ConditionType, with_conditions
from ingest_contract.speaker_profile import SpeakerProfileStatus
from ingest_operator.core.conditions import as_conditions
from ingest_operator.kube.telemetry.notes import Aspect
from ingest_operator.kube.telemetry.voice_event_messages import VOICE_EVENT_RULES
from testkit.objects.builders import NOW

NEW = SpeakerProfileStatus()


def status(reason: str, *, ready: bool = False, stalled: bool = False) -> SpeakerProfileStatus:
    drafts = [
        (ConditionType.READY, ready, reason, "2 of 3 recordings are used" if ready else "as it is"),
        (ConditionType.STALLED, stalled, reason, ""),
    ]
    return SpeakerProfileStatus(conditions=with_conditions((), as_conditions(drafts, NOW, 1)))


READY, BUSY = status("Enrolled", ready=True), status("Enrolling")
REFUSED, WAITING = status("VoicesDisagree", stalled=True), status("DownloadFailed")
GOING = status("Forgetting")


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (NEW, BUSY, None),
        (BUSY, READY, "Normal Ready: 2 of 3 recordings are used."),
        (READY, READY, None),
        (READY, status("Renaming"), None),
        (BUSY, REFUSED, "Warning NotReady: VoicesDisagree: as it is"),
        (BUSY, WAITING, "Warning Waiting: DownloadFailed: as it is"),
        (WAITING, WAITING, None),
        (
            READY,
            GOING,
            "Normal Forgetting: It was deleted: the store forgets the voice, then the object goes.",
        ),
        (GOING, status("DatabaseUnavailable"), "Warning Waiting: DatabaseUnavailable: as it is"),
    ],
)
def test_what_becomes_of_a_voice_is_an_event(
    before: SpeakerProfileStatus, after: SpeakerProfileStatus, text: str | None
) -> None:
    note = VOICE_EVENT_RULES[Aspect.READINESS](before, after)
    assert (None if note is None else f"{note.type.value} {note.reason}: {note.text}") == text
