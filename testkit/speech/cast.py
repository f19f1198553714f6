"""More voices than there are people: what `catalogue`'s people say alone, real and synthetic, as it is and
faster or slower. For trials of identity and recordings of several people.

Played a tenth faster, somebody's pitch and formants are another person's: the recipe by which WeSpeaker's
voice networks are trained takes each voice at 0.9 and 1.1 of its speed for a voice of its own (Yamamoto et
al. 2019, "Speaker augmentation and bandwidth extension for deep speaker embedding"). Played a twentieth
faster, it is somebody whom a diarizer takes for the first.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

from testkit.speech import audio, catalogue

SYNTHETIC: Final = ("joe", "ken", "mina")
READER: Final = "reader"
LONGEST_SECONDS: Final = 7.0
"""Of one utterance."""
LEAST_SECONDS: Final = 1.2


@dataclass(frozen=True, slots=True)
class Utterance:
    """What one person says without being interrupted."""

    person: str
    place: str
    """The recording it is from."""
    sound: audio.Samples

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.sound.size / audio.RATE


@cache
def utterances() -> dict[str, tuple[Utterance, ...]]:
    """By person, in the order of recordings: all that each says alone."""
    said: dict[str, list[Utterance]] = {}
    for each in _all():
        said.setdefault(each.person, []).append(each)
    return {person: tuple(each) for person, each in said.items()}


def enrolment(person: str) -> audio.Samples:
    """What a synthetic person says in the catalogue's clip for enrolment, which is in no other recording."""
    return audio.read(catalogue.recordings()[f"voice-{person}"].path)


def at_speed(samples: audio.Samples, speed: float) -> audio.Samples:
    """Played faster (above 1) or slower, with pitch and formants; whole hundredths of a speed."""
    return samples if speed == 1 else audio.resampled(samples, round(audio.RATE * speed))


def _all() -> Iterator[Utterance]:
    recordings = catalogue.recordings()
    for name in ("sample", *(f"ami-{clip}" for clip in catalogue.AMI_CLIPS), "dialogue"):
        sound, turns = audio.read(recordings[name].path), recordings[name].turns or ()
        speaking = {person: np.zeros(sound.size, bool) for person in sorted({t.speaker for t in turns})}
        for turn in turns:
            speaking[turn.speaker][round(turn.start * audio.RATE) : round(turn.end * audio.RATE)] = True
        alone = sum(speaking.values()) == 1
        for person, mine in speaking.items():
            for first, last in _stretches(mine & alone):
                yield from _cut(person, name, sound[first:last])
    yield from _cut(READER, "two_cities", audio.read(recordings["two_cities"].path))


def _stretches(flags: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Iterator[tuple[int, int]]:
    edges = np.diff(np.concatenate([[0], flags.astype(np.int8), [0]]))
    yield from zip(np.flatnonzero(edges > 0).tolist(), np.flatnonzero(edges < 0).tolist(), strict=True)


def _cut(person: str, place: str, sound: audio.Samples) -> Iterator[Utterance]:
    if sound.size >= LEAST_SECONDS * audio.RATE:
        for part in np.array_split(sound, max(1, round(sound.size / audio.RATE / LONGEST_SECONDS))):
            yield Utterance(person, place, part)
