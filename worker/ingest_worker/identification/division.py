"""Divides a speaker who is two enrolled people: the diarizer took their voices for one. Pure.

Each of the two must win seconds of that speaker's windows by the rule for names, some of them in one stretch.
Then every slot of every window with this speaker is assigned anew, because where both were in one window,
pyannote had to take one of them for somebody else; and turns are cut where one follows the other inside a
window (`unmixing`).
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from ingest_contract.profile import IdentificationProfile
from ingest_worker.domain import Diarization, EnrolledVoice, FloatArray
from ingest_worker.identification.assignment import reassigned
from ingest_worker.identification.evidence import Judged, judged, slots_over, won
from ingest_worker.identification.grouping import Grouping
from ingest_worker.identification.scores import Reals, similarity, unit
from ingest_worker.identification.timeline import regrouped_turns, with_touching_joined
from ingest_worker.identification.unmixing import slots_of, unmixed
from ingest_worker.voice_windows import NOBODY, Bits

LEAST_SECONDS: Final = 3.0
"""Seconds that a voice must win of a speaker, if `minSpeechSeconds` asks for fewer."""

LEAST_STRETCH_SECONDS: Final = 2.0
"""Seconds of those that lie in one stretch: the clean speech that a window's vector needs at least. Noise in
vectors wins a frame here and there; a person says a sentence."""


def divided(grouping: Grouping, voices: Sequence[EnrolledVoice], profile: IdentificationProfile) -> Grouping:
    """The speakers, those divided that hold two enrolled voices or more; the very same if there are none."""
    windows = grouping.diarization.windows
    if windows is None:
        return grouping
    found = judged(grouping.diarization, windows, voices, profile)
    holders = {
        speaker: inside
        for speaker in range(grouping.diarization.speakers)
        if len(inside := _inside(found, speaker, profile)) > 1
    }
    if not holders:
        return grouping
    vectors, heard_as = list(grouping.diarization.vectors), list(grouping.heard_as)
    people: dict[int, dict[int, FloatArray]] = {}
    for speaker, inside in holders.items():
        parts = _parts(found, speaker, inside)
        rest = _rest(found, speaker, profile)
        if rest is not None and _somebody_else(rest, grouping.diarization, speaker, voices, profile):
            parts.append(rest)
        people[speaker] = dict(enumerate(parts, len(vectors)))
        vectors += parts
        heard_as += [grouping.heard_as[speaker]] * len(parts)
    for speaker in holders:
        vectors[speaker] = np.full_like(vectors[speaker], np.nan)
    which: Bits = np.any(np.isin(windows.speakers, list(holders)), axis=1)
    speakers = reassigned(windows, np.stack(vectors), which)
    turns = regrouped_turns(grouping.diarization.turns, windows, speakers, which)
    for speaker, parts_of in people.items():
        turns = tuple(
            with_touching_joined(
                tuple(unmixed(turns, found, slots_of(found, speaker, speakers, parts_of), parts_of))
            )
        )
    return grouping.regrouped(turns, np.stack(vectors), speakers, heard_as)


def _inside(found: Judged, speaker: int, profile: IdentificationProfile) -> tuple[str, ...]:
    """The voices that hold seconds of a speaker."""
    least = max(LEAST_SECONDS, profile.min_speech_seconds)
    return tuple(
        each.voice
        for each in won(found, speaker)
        if each.seconds >= least and each.longest >= LEAST_STRETCH_SECONDS
    )


def _parts(found: Judged, speaker: int, inside: Sequence[str]) -> list[FloatArray]:
    """(dimension,) a unit vector for each voice inside: of the slots that it wins in the speaker's turns,
    also of those that clustering had to give to somebody else."""
    parts = []
    for number in map(found.names.index, inside):
        frames = (found.owner == speaker) & (found.won_by == number)
        parts.append(_mean(found, _inside_share(found, found.winner == number, frames) > 0))
    return parts


def _rest(found: Judged, speaker: int, profile: IdentificationProfile) -> FloatArray | None:
    """(dimension,) a unit vector of what is like no enrolled voice, if it is enough for a person. A slot that
    speaks mostly in others' turns is theirs: there was no place for them in that window."""
    frames = (found.owner == speaker) & (found.won_by == NOBODY)
    mine = (found.windows.speakers == speaker) & (found.best < float(profile.threshold))
    mine = _inside_share(found, mine, frames) >= 0.5  # noqa: PLR2004 - most
    least = max(LEAST_SECONDS, profile.min_speech_seconds)
    spoken = (slots_over(found.windows, found.clean, mine) > 0) & frames
    return _mean(found, mine) if spoken.sum() * found.windows.frame >= least else None


def _inside_share(found: Judged, which: Bits, frames: Bits) -> Reals:
    """(windows, slots) share of each of these slots' clean speech that lies in frames of the recording."""
    share = np.zeros(which.shape)
    size = found.windows.active.shape[1]
    for window, slot in np.argwhere(which).tolist():
        first, said = found.windows.first_frame(window), found.clean[window, :, slot]
        share[window, slot] = (said & frames[first : first + size]).sum() / max(1, said.sum())
    return share


def _somebody_else(
    rest: FloatArray,
    diarization: Diarization,
    speaker: int,
    voices: Sequence[EnrolledVoice],
    profile: IdentificationProfile,
) -> bool:
    """Whether a voice is like nobody enrolled and like no other speaker of the recording."""
    others = [
        diarization.vectors[other]
        for other in range(diarization.speakers)
        if other != speaker and diarization.has_vector(other)
    ]
    known = [*(voice.vectors for voice in voices), *(other[None] for other in others)]
    return max(similarity(rest, references) for references in known) < float(profile.threshold)


def _mean(found: Judged, which: Bits) -> FloatArray:
    """(dimension,) direction of the mean of slots' vectors, weighted by their clean speech."""
    rows = unit(found.windows.vectors[which])
    weights = found.clean.sum(1)[which]
    mean: FloatArray = unit((weights[:, None] * rows).sum(0, keepdims=True))[0].astype(np.float32)
    return mean
