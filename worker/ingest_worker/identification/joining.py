"""Joins speakers that are one enrolled person: the diarizer took one voice for two. Pure.

Scores alone cannot tell one person whom the diarizer split from two who sound alike. The windows can: two
people who talk to each other are in the same windows, and there the segmentation network tells them apart by
what it hears within ten seconds. A voice that was split, by a move or another microphone, is in the same
window only where it changes.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from ingest_contract.profile import IdentificationProfile
from ingest_worker.domain import Decision, Diarization, EnrolledVoice, Identity, Turn
from ingest_worker.identification.grouping import Grouping
from ingest_worker.identification.speakers import alone
from ingest_worker.voice_windows import VoiceWindows

TOGETHER_SHARE: Final = 0.5
"""Share of the windows of the rarer of two speakers in which both speak, from which on they are two
people."""

PRESENT_SECONDS: Final = 1.0
"""Seconds that a speaker has alone in a window in which he counts as present."""


def joined(grouping: Grouping, voices: Sequence[EnrolledVoice], profile: IdentificationProfile) -> Grouping:
    """The speakers, those joined who are each named after one voice and are one person by their windows; the
    very same if there are none. A join that would cost the name is not made."""
    windows = grouping.diarization.windows
    if windows is None:
        return grouping
    claims: dict[str | None, list[Identity]] = defaultdict(list)
    for speaker in range(grouping.diarization.speakers):
        identity = alone(grouping.diarization, speaker, voices, profile)
        if identity.decision is Decision.NAMED:
            claims[identity.name].append(identity)
    into: dict[int, int] = {}
    for claimants in claims.values():
        first, *others = sorted(claimants, key=lambda each: (-(each.score or 0.0), each.speaker))
        members = [first.speaker]
        for other in others:
            if any(apart(windows, member, other.speaker) for member in members):
                continue
            if _still_named(grouping.diarization, [*members, other.speaker], voices, profile):
                members.append(other.speaker)
                into[other.speaker] = first.speaker
    return _merged(grouping, windows, into) if into else grouping


def apart(windows: VoiceWindows, one: int, other: int) -> bool:
    """Whether the windows tell two speakers apart."""
    least = PRESENT_SECONDS / windows.frame
    seconds = windows.clean().sum(1) >= least
    present = [((windows.speakers == speaker) & seconds).any(1) for speaker in (one, other)]
    rarer = min(int(each.sum()) for each in present)
    both = int((present[0] & present[1]).sum())
    return both > TOGETHER_SHARE * rarer


def _still_named(
    diarization: Diarization,
    members: Sequence[int],
    voices: Sequence[EnrolledVoice],
    profile: IdentificationProfile,
) -> bool:
    vectors = diarization.vectors.copy()
    vectors[members[0]] = _sum(diarization, members)
    whole = replace(diarization, vectors=vectors)
    return alone(whole, members[0], voices, profile).decision is Decision.NAMED


def _sum(diarization: Diarization, members: Sequence[int]) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """(dimension,) unit vector of several speakers, weighted by their seconds."""
    weights = np.array([diarization.seconds_of(member) for member in members])
    total = (weights[:, None] * diarization.vectors[list(members)]).sum(0)
    return np.asarray(total / np.linalg.norm(total), np.float32)


def _merged(grouping: Grouping, windows: VoiceWindows, into: dict[int, int]) -> Grouping:
    diarization = grouping.diarization
    vectors, heard_as = diarization.vectors.copy(), list(grouping.heard_as)
    for first in set(into.values()):
        members = [first, *(other for other, target in into.items() if target == first)]
        vectors[first] = _sum(diarization, members)
        heard_as[first] = tuple(number for member in members for number in grouping.heard_as[member])
    turns = [replace(turn, speaker=into.get(turn.speaker, turn.speaker)) for turn in diarization.turns]
    speakers = windows.speakers.copy()
    for other, first in into.items():
        speakers[windows.speakers == other] = first
    return grouping.regrouped(_touching(turns), vectors, speakers, heard_as)


def _touching(turns: Sequence[Turn]) -> list[Turn]:
    """Neighbours that touch and have one speaker as one turn."""
    made: list[Turn] = []
    for turn in turns:
        if made and made[-1].speaker == turn.speaker and turn.start <= made[-1].end:
            made[-1] = replace(made[-1], end=turn.end)
        else:
            made.append(turn)
    return made
