"""Identifies speakers: compares each one's voice vector with the enrolled voices. Pure. Called by the
pipeline; the store keeps its results.

Open-set identification: no speaker is assumed to be enrolled, and `Unknown` is a normal answer. Every
decision has its score, runner-up and threshold, so that a wrong one can be seen and a stored one decided
again without the audio.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from ingest_contract.failures import Reason
from ingest_contract.profile import IdentificationProfile
from ingest_worker.domain import Decision, Diarization, EnrolledVoice, FloatArray, Identity
from ingest_worker.errors import StageError

TOP_RECORDINGS: Final = 3
"""How many recordings of a voice count: those most similar to this speaker.
A mean over all blurs rooms and microphones into one that fits none (macparakeet#682);
with only the best, one bad recording could name strangers."""

Scores = Sequence[tuple[float, str]]
"""(similarity, name), the best first."""


def identify(
    diarization: Diarization, voices: Sequence[EnrolledVoice], profile: IdentificationProfile
) -> tuple[Identity, ...]:
    """One identity for every speaker, in their order.

    A name needs all of: `min_speech_seconds` of exclusive speech, a score of `threshold`, and a lead of
    `margin` over the runner-up. A voice goes to at most one speaker: if several qualify, it goes to the one
    with the highest score if that leads the next by `margin`, and the others are `Ambiguous`; without such a
    lead all of them are. They may be one person whom the diarizer split, or two who sound alike; scores
    cannot say which, and a wrong name is worse than none.

    Raises:
        StageError: `IDENTIFICATION_FAILED` if an enrolled voice has no vectors, unusable ones, or ones of
            another network.
    """
    for voice in voices:
        _check(voice, diarization)
    alone = [_alone(diarization, speaker, voices, profile) for speaker in range(diarization.speakers)]
    return _one_speaker_per_voice(alone, float(profile.margin))


def _check(voice: EnrolledVoice, diarization: Diarization) -> None:
    vectors = voice.vectors
    if vectors.ndim != 2 or len(vectors) == 0:  # noqa: PLR2004 - a table
        raise StageError(Reason.IDENTIFICATION_FAILED, f"The enrolled voice {voice.name} has no vectors.")
    if diarization.speakers and vectors.shape[1] != diarization.vectors.shape[1]:
        sizes = f"{vectors.shape[1]} numbers, not {diarization.vectors.shape[1]}"
        raise StageError(
            Reason.IDENTIFICATION_FAILED, f"The enrolled voice {voice.name} is of another network: {sizes}."
        )
    if not np.isfinite(vectors).all() or not vectors.any(1).all():
        raise StageError(
            Reason.IDENTIFICATION_FAILED,
            f"The enrolled voice {voice.name} has a vector that is zero or not finite.",
        )


def _alone(
    diarization: Diarization, speaker: int, voices: Sequence[EnrolledVoice], profile: IdentificationProfile
) -> Identity:
    """The identity of one speaker without regard to the others;
    it has the best voice's name whatever the decision."""
    threshold, margin = float(profile.threshold), float(profile.margin)
    if not voices:
        return Identity(speaker, Decision.NOBODY_ENROLLED, None, None, None, None, threshold)
    if not diarization.has_vector(speaker):
        return Identity(speaker, Decision.NO_VECTOR, None, None, None, None, threshold)
    scores = _ranked(diarization.vectors[speaker], voices)
    best, name = scores[0]
    second, runner_up = scores[1] if len(scores) > 1 else (None, None)
    decision = Decision.NAMED
    if diarization.seconds_of(speaker) < profile.min_speech_seconds:
        decision = Decision.TOO_SHORT
    elif best < threshold:
        decision = Decision.UNKNOWN
    elif second is not None and best - second < margin:
        decision = Decision.AMBIGUOUS
    return Identity(speaker, decision, name, best, runner_up, second, threshold)


def _ranked(vector: FloatArray, voices: Sequence[EnrolledVoice]) -> Scores:
    """Every voice's score; equal ones sorted by name, so that the order of enrolment decides nothing."""
    return sorted(
        ((similarity(vector, voice.vectors), voice.name) for voice in voices),
        key=lambda pair: (-pair[0], pair[1]),
    )


def similarity(vector: FloatArray, references: FloatArray) -> float:
    """Mean of the `TOP_RECORDINGS` highest cosines to (recordings, dimension) references, -1 to 1."""
    rows = references.astype(np.float64)
    one = vector.astype(np.float64)
    cosines = rows @ one / (np.linalg.norm(rows, axis=1) * np.linalg.norm(one))
    return float(np.clip(np.sort(cosines)[-TOP_RECORDINGS:].mean(), -1, 1))


def _one_speaker_per_voice(alone: Sequence[Identity], margin: float) -> tuple[Identity, ...]:
    claims: dict[str | None, list[Identity]] = defaultdict(list)
    for identity in alone:
        if identity.decision is Decision.NAMED:
            claims[identity.name].append(identity)
    named = {
        claimants[0].speaker for claimants in map(_best_first, claims.values()) if _leads(claimants, margin)
    }
    return tuple(_settled(identity, keeps=identity.speaker in named) for identity in alone)


def _best_first(claimants: Sequence[Identity]) -> list[Identity]:
    return sorted(claimants, key=lambda identity: (-(identity.score or 0.0), identity.speaker))


def _leads(claimants: Sequence[Identity], margin: float) -> bool:
    return len(claimants) == 1 or (claimants[0].score or 0.0) - (claimants[1].score or 0.0) >= margin


def _settled(identity: Identity, *, keeps: bool) -> Identity:
    """The final decision, after comparison with the other speakers; only `NAMED` keeps a name."""
    if identity.decision is not Decision.NAMED:
        return replace(identity, name=None)
    return identity if keeps else replace(identity, decision=Decision.AMBIGUOUS, name=None)
