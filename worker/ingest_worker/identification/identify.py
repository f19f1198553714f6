"""Identifies a recording's speakers: enrolled voices divide and join what the diarizer grouped, then each
speaker is decided. Pure. Called by the pipeline; the store keeps its results."""

from collections.abc import Sequence
from dataclasses import replace

from ingest_contract.profile import IdentificationProfile
from ingest_worker.domain import (
    Diarization,
    EnrolledVoice,
    Evidence,
    Identified,
    Identity,
    Regrouped,
)
from ingest_worker.identification.division import divided
from ingest_worker.identification.evidence import judged, won
from ingest_worker.identification.grouping import Grouping
from ingest_worker.identification.joining import joined
from ingest_worker.identification.scores import check
from ingest_worker.identification.speakers import decided


def identify(
    diarization: Diarization, voices: Sequence[EnrolledVoice], profile: IdentificationProfile
) -> Identified:
    """Who the speakers are, and the speakers themselves where enrolled voices show that the diarizer took two
    people for one, or one for two. With nobody enrolled they are always the diarizer's.

    Raises:
        StageError: `IDENTIFICATION_FAILED` if an enrolled voice has no vectors, unusable ones, or ones of
            another network.
    """
    for voice in voices:
        check(voice, diarization)
    if not voices:
        return Identified(decided(diarization, voices, profile))
    before = Grouping.of(diarization)
    after = joined(divided(before, voices, profile), voices, profile)
    regrouped = None
    if after is not before:
        regrouped = Regrouped(after.diarization.turns, after.diarization.vectors)
    return Identified(
        _with_evidence(decided(after.diarization, voices, profile), after, voices, profile), regrouped
    )


def _with_evidence(
    identities: Sequence[Identity],
    grouping: Grouping,
    voices: Sequence[EnrolledVoice],
    profile: IdentificationProfile,
) -> tuple[Identity, ...]:
    windows = grouping.diarization.windows
    if windows is None:
        return tuple(identities)
    found = judged(grouping.diarization, windows, voices, profile)
    return tuple(
        replace(
            identity,
            evidence=Evidence(grouping.heard_as[identity.speaker], won(found, identity.speaker)),
        )
        for identity in identities
    )
