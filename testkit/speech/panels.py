"""Recordings of three to six people, made of what `cast` says, with who speaks when: among them people so
alike that the diarizer takes them for one, and some who sound otherwise after a while.

Called by `bench.panels`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

from testkit.speech import audio, cast, dialogue
from testkit.speech.dialogue import Turn

TURNS: Final = 6
"""Turns of each person."""
ENROLMENT_SECONDS: Final = 9.0
TELEPHONE_HZ: Final = (300.0, 3400.0)
"""What a telephone carries (ITU-T G.712)."""


@dataclass(frozen=True, slots=True)
class Person:
    """A voice of a panel."""

    who: str
    """A person of `cast`."""
    speed: float = 1.0
    telephone: bool = False
    """Whether he speaks by telephone in the second half."""

    @property
    def name(self) -> str:
        """The person and the speed."""
        return self.who if self.speed == 1 else f"{self.who} at {self.speed:.2f}"


def _people(*people: str) -> tuple[Person, ...]:
    return tuple(Person(who) for who in people)


JOE, KEN, MINA = _people("joe", "ken", "mina")
READER = Person(cast.READER)
WOMAN, MAN = _people("FEE083", "MÉO069")
"""Of two AMI meetings."""

PANELS: Final[Mapping[str, tuple[Person, ...]]] = {
    "three": (JOE, KEN, MINA),
    "four": (JOE, KEN, MINA, WOMAN),
    "five": (JOE, KEN, MINA, WOMAN, READER),
    "six": (JOE, KEN, MINA, WOMAN, READER, MAN),
    "pair of three": (JOE, MINA, Person("mina", 1.06)),
    "pair of four": (MINA, KEN, Person("ken", 1.06), READER),
    "pair of five": (JOE, Person("joe", 1.06), KEN, MINA, WOMAN),
    "two pairs of five": (KEN, Person("ken", 1.08), MINA, Person("mina", 1.08), JOE),
    "pair of six": (MINA, Person("mina", 0.94), JOE, KEN, WOMAN, READER),
    "split of three": (Person("joe", telephone=True), KEN, MINA),
    "split of four": (JOE, KEN, Person("mina", telephone=True), READER),
}


@cache
def spoken(name: str) -> tuple[audio.Samples, tuple[Turn, ...]]:
    """(samples,) of a panel, and its turns."""
    people = PANELS[name]
    random = np.random.default_rng(len(people))
    lines = {person.name: _lines(person, people) for person in people}
    order = [person for _ in range(TURNS) for person in _shuffled(people, random)]
    half, sounds = len(order) // 2, []
    for number, person in enumerate(order):
        mine = lines[person.name]
        sound = mine[sum(before is person for before in order[:number]) % len(mine)]
        sounds.append(telephone(sound) if person.telephone and number >= half else sound)
    whole, spans = dialogue.assembled(sounds)
    turns = (Turn(start, end, person.name) for (start, end), person in zip(spans, order, strict=True))
    return whole, tuple(turns)


def enrolment(person: Person) -> audio.Samples:
    """(samples,) of one person alone, of what no panel has."""
    if person.who in cast.SYNTHETIC:
        return cast.at_speed(cast.enrolment(person.who), person.speed)
    said = cast.utterances()[person.who]
    return cast.at_speed(np.concatenate([each.sound for each in said[_held_out(said) :]]), person.speed)


def _lines(person: Person, people: Sequence[Person]) -> list[audio.Samples]:
    """Who is there at two speeds does not say the same twice."""
    said = cast.utterances()[person.who]
    if person.who not in cast.SYNTHETIC:
        said = said[: _held_out(said)]
    same = [other for other in people if other.who == person.who]
    mine = said[same.index(person) :: len(same)]
    return [dialogue.levelled(cast.at_speed(each.sound, person.speed)) for each in mine]


def _held_out(said: Sequence[cast.Utterance]) -> int:
    """The first of the last utterances that are `ENROLMENT_SECONDS` together."""
    kept = 0.0
    for number in range(len(said) - 1, 0, -1):
        kept += said[number].seconds
        if kept >= ENROLMENT_SECONDS:
            return number
    return len(said) - 1


def _shuffled(people: Sequence[Person], random: np.random.Generator) -> list[Person]:
    return [people[number] for number in random.permutation(len(people))]


def telephone(samples: audio.Samples) -> audio.Samples:
    """Only what a telephone carries, at the level of the rest."""
    spectrum = np.fft.rfft(samples)
    pitch = np.fft.rfftfreq(samples.size, 1 / audio.RATE)
    spectrum[(pitch < TELEPHONE_HZ[0]) | (pitch > TELEPHONE_HZ[1])] = 0
    return dialogue.levelled(np.fft.irfft(spectrum, samples.size).astype(np.float32))
