"""Which voices a batch looks for: SpeakerProfiles by name, by label, or all of them; and the order that
enrols one. Pure."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from ingest_contract.batch import BatchSpeakers
from ingest_contract.place import Place, Runtime
from ingest_contract.profile import IngestProfileSpec
from ingest_contract.sites import SiteAccess
from ingest_contract.speaker_profile import SpeakerProfile
from ingest_contract.voice_orders import EnrolOrder
from ingest_contract.voices import MAX_VOICES, WantedVoice
from ingest_operator.core.site_access import needed, without_sites


class UnknownVoiceError(ValueError):
    """The batch asks for voices that cannot be looked for."""


def chosen(speakers: BatchSpeakers, profiles: Iterable[SpeakerProfile]) -> tuple[SpeakerProfile, ...]:
    """Those of a namespace's SpeakerProfiles that a batch looks for, by name.

    Raises:
        UnknownVoiceError: naming a profile that is not there, two that show one name, or how many there are
            if those are too many.
    """
    known = {profile.metadata.name: profile for profile in profiles}
    found = sorted(_names(speakers, known))
    if len(found) > MAX_VOICES:
        raise UnknownVoiceError(
            f"spec.speakers: {len(found)} SpeakerProfiles, and a batch looks for at most {MAX_VOICES}: "
            "choose some by `profiles` or `selector`"
        )
    shown = Counter(known[name].voice for name in found)
    for voice, times in shown.items():
        if times > 1:
            same = [name for name in found if known[name].voice == voice]
            raise UnknownVoiceError(
                f"spec.speakers: SpeakerProfiles {', '.join(same)} all show the name {voice!r}: "
                "make them one, or give them different names"
            )
    return tuple(known[name] for name in found)


def wanted_voices(speakers: BatchSpeakers, profiles: Iterable[SpeakerProfile]) -> tuple[WantedVoice, ...]:
    """The voices to look for, as orders name them. Raises `UnknownVoiceError`."""
    return tuple(profile.wanted for profile in chosen(speakers, profiles))


def asks_for(speakers: BatchSpeakers, name: str, labels: Mapping[str, str]) -> bool:
    """Whether a batch looks for a SpeakerProfile of this name and these labels."""
    if speakers.profiles is None and speakers.selector is None:
        return True
    chosen_by = speakers.selector.match_labels.items() if speakers.selector is not None else None
    return name in (speakers.profiles or ()) or (chosen_by is not None and chosen_by <= labels.items())


def _names(speakers: BatchSpeakers, known: dict[str, SpeakerProfile]) -> set[str]:
    if missing := sorted(set(speakers.profiles or ()) - known.keys()):
        there = ", ".join(sorted(known)) or "none"
        raise UnknownVoiceError(
            f"spec.speakers.profiles: there is no SpeakerProfile {', '.join(missing)}; there is {there}"
        )
    return {name for name, profile in known.items() if asks_for(speakers, name, profile.metadata.labels)}


def enrol_order(
    voice: SpeakerProfile,
    profile: IngestProfileSpec,
    *,
    runtime: Runtime,
    access: Sequence[SiteAccess],
    place: Place,
    run: int,
) -> EnrolOrder:
    """The order to hear a voice.

    Args:
        voice: The voice.
        profile: The IngestProfile whose models hear it, with everything allowed that workers may read here.
        runtime: How to run.
        access: What each site of the profile wants.
        place: Where things are.
        run: The number of the run.
    """
    name = f"{voice.metadata.namespace}/{voice.metadata.name}"
    addresses = [recording.url for recording in voice.spec.recordings if recording.url is not None]
    return EnrolOrder(
        trace_id=hashlib.sha256(f"{name} {voice.spec.to_json()}".encode()).hexdigest()[:32],
        profile=name,
        voice=voice.voice,
        recordings=voice.spec.recordings,
        run=run,
        model_set=profile.model_set,
        diarization=profile.diarization,
        identification=profile.identification,
        runtime=runtime,
        fetch=without_sites(profile.fetch),
        sites=needed(access, None, addresses),
        place=place,
    )
