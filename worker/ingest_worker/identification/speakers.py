"""The decision about each speaker of a recording, from one voice vector each. Pure.

Open-set identification: no speaker is assumed to be enrolled, and `Unknown` is a normal answer. Every
decision has its score, runner-up and threshold, so that a wrong one can be seen and a stored one decided
again without the audio.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from ingest_contract.profile import IdentificationProfile
from ingest_worker.domain import Decision, Diarization, EnrolledVoice, Identity
from ingest_worker.identification.scores import ranked


def decided(
    diarization: Diarization, voices: Sequence[EnrolledVoice], profile: IdentificationProfile
) -> tuple[Identity, ...]:
    """One identity for every speaker, in their order, without evidence.

    A name needs all of: `min_speech_seconds` of exclusive speech, a score of `threshold`, and a lead of
    `margin` over the runner-up. A voice goes to at most one speaker: if several still qualify after those who
    are one person were joined, it goes to the one with the highest score if that leads the next by `margin`,
    and the others are `Ambiguous`; without such a lead all of them are. A wrong name is worse than none.
    """
    each = [alone(diarization, speaker, voices, profile) for speaker in range(diarization.speakers)]
    return _one_speaker_per_voice(each, float(profile.margin))


def alone(
    diarization: Diarization, speaker: int, voices: Sequence[EnrolledVoice], profile: IdentificationProfile
) -> Identity:
    """The identity of one speaker without regard to the others;
    it has the best voice's name whatever the decision."""
    threshold, margin = float(profile.threshold), float(profile.margin)
    if not voices:
        return Identity(speaker, Decision.NOBODY_ENROLLED, None, None, None, None, threshold)
    if not diarization.has_vector(speaker):
        return Identity(speaker, Decision.NO_VECTOR, None, None, None, None, threshold)
    scores = ranked(diarization.vectors[speaker], voices)
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


def _one_speaker_per_voice(each: Sequence[Identity], margin: float) -> tuple[Identity, ...]:
    claims: dict[str | None, list[Identity]] = defaultdict(list)
    for identity in each:
        if identity.decision is Decision.NAMED:
            claims[identity.name].append(identity)
    named = {
        claimants[0].speaker for claimants in map(_best_first, claims.values()) if _leads(claimants, margin)
    }
    return tuple(_settled(identity, keeps=identity.speaker in named) for identity in each)


def _best_first(claimants: Sequence[Identity]) -> list[Identity]:
    return sorted(claimants, key=lambda identity: (-(identity.score or 0.0), identity.speaker))


def _leads(claimants: Sequence[Identity], margin: float) -> bool:
    return len(claimants) == 1 or (claimants[0].score or 0.0) - (claimants[1].score or 0.0) >= margin


def _settled(identity: Identity, *, keeps: bool) -> Identity:
    """The final decision, after comparison with the other speakers; only `NAMED` keeps a name."""
    if identity.decision is not Decision.NAMED:
        return replace(identity, name=None)
    return identity if keeps else replace(identity, decision=Decision.AMBIGUOUS, name=None)
