"""The status of a SpeakerProfile: what each recording is good for, and whether the voice is Ready. Pure."""

from collections.abc import Iterable
from typing import Final

from ingest_contract.conditions import Condition, ConditionType, with_conditions
from ingest_contract.speaker_profile import (
    SpeakerProfile,
    SpeakerProfileStatus,
    VoiceRecordingStatus,
)
from ingest_contract.voice_report import Enrolled, EnrolledSource
from ingest_contract.voices import VoiceState
from ingest_operator.core.blocker import Blocker
from ingest_operator.core.conditions import ConditionDraft, as_conditions

PROFILE_MISSING: Final = "ProfileMissing"
"""The reason of a voice whose IngestProfile is not there. Both often arrive in one sync, so a tool should go
on waiting."""

_MESSAGE_CHARACTERS: Final = 1024


def enrolled_status(
    profile: SpeakerProfile, before: SpeakerProfileStatus, enrolled: Enrolled, request: str, now: float
) -> SpeakerProfileStatus:
    """The status after a run that has heard, or refused, every recording."""
    rows = tuple(
        _row(recording.key, source)
        for recording, source in zip(profile.spec.recordings, enrolled.sources, strict=True)
    )
    used = [source for source in enrolled.sources if source.state is VoiceState.USED]
    refused = [row for row in rows if row.state is VoiceState.REFUSED]
    status = before.model_copy(
        update={
            "observed_generation": profile.metadata.generation,
            "model": enrolled.model,
            "voice": profile.voice,
            "request": request,
            "used": len(used),
            "refused": len(refused),
            "seconds": f"{sum(source.seconds for source in used):.1f}",
            "recordings": rows,
        }
    )
    if used:
        words = f"{len(used)} of {len(rows)} recordings are used"
        drafts = _drafts("Enrolled", words, ready=True, stalled=False)
    else:
        first = refused[0] if refused else None
        reason = first.reason.value if first is not None and first.reason is not None else "VoiceUnusable"
        words = f"No recording can be used. {first.message if first is not None else ''}".strip()
        drafts = _drafts(reason, words, ready=False, stalled=True)
    return _with(status, drafts, profile, now)


def same_status(profile: SpeakerProfile, before: SpeakerProfileStatus) -> SpeakerProfileStatus:
    """The status of a spec that was edited without a change for those who hear it: a note, or a label."""
    generation = profile.metadata.generation
    conditions = tuple(
        each.model_copy(update={"observed_generation": generation}) for each in before.conditions
    )
    return before.model_copy(update={"observed_generation": generation, "conditions": conditions})


def renamed_status(profile: SpeakerProfile, before: SpeakerProfileStatus) -> SpeakerProfileStatus:
    """The status of a voice that has its new name in the store."""
    return before.model_copy(update={"voice": profile.voice})


def waiting_status(
    profile: SpeakerProfile,
    before: SpeakerProfileStatus,
    blocker: Blocker,
    now: float,
    *,
    stalled: bool,
) -> SpeakerProfileStatus:
    """The status while the voice, as it is written now, is not enrolled. What an earlier version of it gave
    stays in the rows: the store has it still."""
    seen = before.model_copy(update={"observed_generation": profile.metadata.generation})
    return _with(seen, _drafts(blocker.reason, blocker.message, ready=False, stalled=stalled), profile, now)


def _drafts(reason: str, message: str, *, ready: bool, stalled: bool) -> tuple[ConditionDraft, ...]:
    message = message[:_MESSAGE_CHARACTERS]
    return (
        (ConditionType.READY, ready, reason, message),
        (ConditionType.RECONCILING, not ready and (not stalled or reason == PROFILE_MISSING), reason, ""),
        (
            (ConditionType.STALLED, True, reason, message)
            if stalled
            else (ConditionType.STALLED, False, "NothingHeld", "")
        ),
    )


def _with(
    status: SpeakerProfileStatus, drafts: Iterable[ConditionDraft], profile: SpeakerProfile, now: float
) -> SpeakerProfileStatus:
    wanted: tuple[Condition, ...] = tuple(as_conditions(drafts, now, profile.metadata.generation))
    return status.model_copy(update={"conditions": with_conditions(status.conditions, wanted)})


def _row(source: str, heard: EnrolledSource) -> VoiceRecordingStatus:
    return VoiceRecordingStatus(
        source=source,
        state=heard.state,
        seconds=f"{heard.seconds:.1f}",
        score=None if heard.score is None else f"{heard.score:.3f}",
        reason=heard.reason,
        message=heard.message,
    )
