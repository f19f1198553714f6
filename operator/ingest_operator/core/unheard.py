"""Voices that a batch looks for and that nobody has heard yet. Pure."""

from collections.abc import Iterable
from math import inf

from ingest_contract.conditions import Condition, ConditionStatus, ConditionType
from ingest_contract.failures import FAILURES, Reason
from ingest_contract.speaker_profile import SpeakerProfile
from ingest_contract.voices import VoiceState, WantedVoices
from ingest_operator.core.blocker import Blocker


def still_there(voices: WantedVoices, profiles: Iterable[SpeakerProfile]) -> WantedVoices:
    """Those of a plan's voices whose SpeakerProfile is there: nobody looks for a person who was deleted."""
    names = {profile.voice for profile in profiles}
    return tuple(voice for voice in voices if voice.name in names)


def unheard(voices: WantedVoices, profiles: Iterable[SpeakerProfile]) -> tuple[Blocker, ...]:
    """The blockers of voices that cannot be looked for yet, or never as they are: a run that finds no vectors
    would hold its GPU for nothing."""
    wanted = {voice.name for voice in voices}
    return tuple(
        _unheard(profile, ready)
        for profile in profiles
        if profile.voice in wanted and not _is_ready(profile, ready := _ready(profile))
    )


def _ready(profile: SpeakerProfile) -> Condition | None:
    said = profile.status.conditions if profile.status is not None else ()
    return next((each for each in said if each.type is ConditionType.READY), None)


def _is_ready(profile: SpeakerProfile, ready: Condition | None) -> bool:
    return (
        ready is not None
        and ready.status is ConditionStatus.TRUE
        and ready.observed_generation == profile.metadata.generation
    )


def _unheard(profile: SpeakerProfile, ready: Condition | None) -> Blocker:
    rows = profile.status.recordings if profile.status is not None else ()
    refused = bool(rows) and all(row.state is VoiceState.REFUSED for row in rows)
    reason = Reason.VOICE_UNUSABLE if refused else Reason.VOICE_NOT_HEARD
    said = "" if ready is None else f" {ready.reason}: {ready.message}"
    message = f"{FAILURES[reason].sentence} SpeakerProfile {profile.metadata.name}.{said}".rstrip(" :")
    return Blocker(reason.value, message, inf)
