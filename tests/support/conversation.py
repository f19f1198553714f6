"""Conversations as the diarizer hears them, windows and all, in which it takes people for each other as it is
told to: without a network, in milliseconds."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ingest_worker.domain import Diarization, FloatArray, Turn
from ingest_worker.identification.timeline import regrouped_turns
from ingest_worker.voice_windows import NOBODY, VoiceWindows, scaled

DIMENSION = 16
FRAME, WINDOW_FRAMES, SLOTS = 0.1, 100, 3
"""Seconds, frames of ten-second windows that follow each other by one second, and voices in one of them."""

Line = tuple[float, str]
"""Seconds, and who speaks."""


def axis(number: int) -> FloatArray:
    """A unit vector that is like no other axis."""
    vector = np.zeros(DIMENSION, np.float32)
    vector[number] = 1
    return vector


def leaning(own: int, other: int, cosine: float) -> FloatArray:
    """A unit vector with this cosine to another axis; the rest lies on its own."""
    return (cosine * axis(other) + np.sqrt(1 - cosine**2) * axis(own)).astype(np.float32)


def spoken(lines: Sequence[Line]) -> tuple[list[tuple[float, float, str]], int]:
    """(start, end, person) of lines one after the other, and the frames of the whole."""
    said, now = [], 0.0
    for seconds, person in lines:
        said.append((now, now + seconds, person))
        now += seconds
    return said, round(now / FRAME)


def heard(
    lines: Sequence[Line],
    voices: Mapping[str, FloatArray],
    as_speaker: Mapping[str, int],
    *,
    noise: float = 0.1,
    seed: int = 0,
    apart: bool = True,
) -> Diarization:
    """What the diarizer makes of lines if it groups people by `as_speaker`. Two of one group in one window
    cannot both be it: the later one is taken for another speaker, as in pyannote's constrained assignment.

    Args:
        lines: One after the other, without a pause.
        voices: Person to unit vector.
        as_speaker: Person to speaker; speakers are numbered by who speaks first.
        noise: Length of what is added to each window's vector.
        seed: Of that noise.
        apart: Whether the segmentation tells people of one group apart within a window. Else they have one
            vector there, the mean of what each says.
    """
    said, frames = spoken(lines)
    random = np.random.default_rng(seed)
    people = np.full(frames, "", object)
    for start, end, person in said:
        people[round(start / FRAME) : round(end / FRAME)] = person
    count = max(1, -(-(frames - WINDOW_FRAMES) // 10) + 1)
    active = np.zeros((count, WINDOW_FRAMES, SLOTS), bool)
    vectors = np.zeros((count, SLOTS, DIMENSION))
    speakers = np.full((count, SLOTS), NOBODY, np.int16)
    groups = sorted(set(as_speaker.values()))
    for window in range(count):
        here = people[window * 10 : window * 10 + WINDOW_FRAMES]
        for slot, members in enumerate(_slots(here.tolist(), None if apart else as_speaker)[:SLOTS]):
            active[window, : here.size, slot] = np.isin(here, members)
            off = random.normal(size=DIMENSION)
            mean = sum((here == person).sum() * voices[person] for person in members)
            vectors[window, slot] = mean / np.linalg.norm(mean) + noise * off / np.linalg.norm(off)
            taken = set(speakers[window].tolist())
            free = [as_speaker[members[0]], *groups]
            speakers[window, slot] = next((group for group in free if group not in taken), NOBODY)
    windows = VoiceWindows(active, scaled(vectors), speakers, step=1.0, frame=FRAME, offset=0.0)
    turns = regrouped_turns(
        [Turn(start, end, as_speaker[person]) for start, end, person in said],
        windows,
        speakers,
        np.ones(count, bool),
    )
    seconds = {person: sum(s for s, who in lines if who == person) for person in as_speaker}
    means = [
        sum(seconds[person] * voices[person] for person, speaker in as_speaker.items() if speaker == group)
        for group in groups
    ]
    rows = np.array([mean / np.linalg.norm(mean) for mean in means], np.float32)
    return Diarization(turns, (), rows, windows=windows)


def _slots(here: Sequence[str], as_speaker: Mapping[str, int] | None) -> list[list[str]]:
    """Who shares a slot of one window."""
    present = list(dict.fromkeys(person for person in here if person))
    if as_speaker is None:
        return [[person] for person in present]
    groups = dict.fromkeys(as_speaker[person] for person in present)
    return [[person for person in present if as_speaker[person] == group] for group in groups]


def without_windows(diarization: Diarization) -> Diarization:
    """The same of a recording that was too long to keep its windows."""
    return replace(diarization, windows=None)


def right_seconds(lines: Sequence[Line], turns: Sequence[Turn], person_of: Mapping[int, str | None]) -> float:
    """Share of spoken seconds that lie in a turn of the right person."""
    said, _ = spoken(lines)
    common = sum(
        max(0.0, min(turn.end, end) - max(turn.start, start))
        for start, end, person in said
        for turn in turns
        if person_of.get(turn.speaker) == person
    )
    return common / sum(seconds for seconds, _ in lines)
