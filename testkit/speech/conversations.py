"""Conversations of two to eight people, two to three minutes each, in which turns overlap and short answers
fall into another's turn; with who speaks when and, of the synthetic ones, what.

Called by `bench.counts`. A fifth of the turns begin before the one before them ends. Between two sentences of
a turn, or over the second, somebody else may say one to three words.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Final

import numpy as np

from testkit.speech import audio, cast, dialogue, sentences
from testkit.speech.dialogue import Turn

SYNTHETIC: Final = (
    ("mina", 1.0),
    ("joe", 1.0),
    ("ken", 1.0),
    ("hana", 1.0),
    ("yuki", 1.0),
    ("emi", 1.0),
    ("joe", 1.12),
    ("mina", 0.88),
)
"""Voice and speed: at another speed a voice is another person's (`cast`). The last two read every other
sentence of the voices that they are made of, who then read the rest."""
MIXED: Final = ("FEE083", "joe", cast.READER, "mina", "MÉO069", "ken", "MEE009", "FEE078")
"""People of AMI meetings and of a reading among voices of the dialogue, none of whose sounds comes twice."""
COUNTS: Final = (2, 3, 4, 5, 6, 7, 8)
NAMES: Final = tuple(f"{count} {kind}" for kind in ("synthetic", "mixed") for count in COUNTS)
LONGEST_SECONDS: Final = 125
PAUSE_SECONDS: Final = (0.3, 0.9)
EARLY_SECONDS: Final = (0.4, 1.0)
"""How long before the end of a turn the next one begins that overlaps it."""
EARLY_SHARE: Final = 0.2
ANSWERED_SHARE: Final = 0.5
"""Of turns of two sentences."""
BESIDE_SECONDS: Final = 0.15
"""Between a sentence and the answer after it, and between that and the next sentence."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A sentence in its place."""

    start: int
    """Sample."""
    person: str
    sound: audio.Samples
    text: str | None

    @property
    def end(self) -> int:
        """One past its last sample."""
        return self.start + self.sound.size


@cache
def conversation(name: str) -> tuple[audio.Samples, tuple[Turn, ...]]:
    """(samples,) of a conversation, and its turns by start; with their words where it is synthetic.

    Raises:
        packages.PackageError: a voice or a recording cannot be had.
    """
    count, kind = name.split()
    random = np.random.default_rng(int(count))
    lines = (_synthetic if kind == "synthetic" else _mixed)(int(count))
    answers = _answers(tuple(lines)) if kind == "synthetic" else {}
    placed = laid(lines, answers, random)
    whole = np.zeros(max(each.end for each in placed) + audio.RATE, np.float32)
    for each in placed:
        whole[each.start : each.end] += each.sound
    noisy = whole + random.normal(0, dialogue.NOISE, whole.size).astype(np.float32)
    return noisy, turns_of(placed)


Line = tuple[audio.Samples, str | None]
"""A sentence or utterance, and its words if they are known."""


def _synthetic(count: int) -> Mapping[str, list[Line]]:
    """Person -> sentences."""
    people, lines = SYNTHETIC[:count], dict[str, list[Line]]()
    for voice, speed in people:
        said = sentences.sentences()[voice]
        if sum(other == voice for other, _ in people) > 1:
            said = said[::2] if speed == 1 else said[1::2]
        name = voice if speed == 1 else f"{voice} at {speed:.2f}"
        lines[name] = [(dialogue.levelled(cast.at_speed(each.sound, speed)), each.text) for each in said]
    return lines


def _mixed(count: int) -> Mapping[str, list[Line]]:
    """Person -> utterances, whose words are not known."""
    people = MIXED[:count]
    return {
        person: [(dialogue.levelled(each.sound), None) for each in cast.utterances()[person]]
        for person in people
    }


def _answers(people: Sequence[str]) -> Mapping[str, list[Line]]:
    """Person -> short answers."""
    found: dict[str, list[Line]] = {}
    for person in people:
        voice, _, speed = person.partition(" at ")
        found[person] = [
            (dialogue.levelled(cast.at_speed(each.sound, float(speed or 1))), each.text)
            for each in sentences.answers()[voice]
        ]
    return found


def _order(lines: Mapping[str, list[Line]], random: np.random.Generator) -> Iterator[tuple[str, list[Line]]]:
    """Turns of one or two sentences, nobody twice in a row, all equally often while there are sentences."""
    left = {person: list(said) for person, said in lines.items()}
    before = ""
    while True:
        round_ = [person for person in left if left[person]]
        if not round_ or round_ == [before]:
            return
        order = [round_[number] for number in random.permutation(len(round_))]
        if order[0] == before:
            order.append(order.pop(0))
        for person in order:
            size = int(random.integers(1, 3))
            yield person, left[person][:size]
            left[person] = left[person][size:]
            before = person


def laid(
    lines: Mapping[str, list[Line]], answers: Mapping[str, list[Line]], random: np.random.Generator
) -> list[Placed]:
    """Sentences in their places, until `LONGEST_SECONDS` are full or one person alone has some left."""
    placed: list[Placed] = []
    free, last = 0, 0
    for person, said in _order(lines, random):
        if free > LONGEST_SECONDS * audio.RATE:
            break
        early = placed and random.random() < EARLY_SHARE
        gap = -random.uniform(*EARLY_SECONDS) if early else random.uniform(*PAUSE_SECONDS)
        start = max(last, free + round(gap * audio.RATE))
        for number, (sound, text) in enumerate(said):
            placed.append(Placed(start, person, sound, text))
            start = placed[-1].end + round(dialogue.PAUSE_SECONDS * audio.RATE)
            if number == 0 and len(said) > 1 and answers and random.random() < ANSWERED_SHARE:
                others = [other for other in answers if other != person]
                whose = answers[other := others[int(random.integers(len(others)))]]
                answer = whose[int(random.integers(len(whose)))]
                beside = round(BESIDE_SECONDS * audio.RATE)
                place = placed[-1].end + beside
                placed.append(Placed(place, other, *answer))
                if random.random() < 0.5:
                    start = placed[-1].end + beside
        last = free
        free = max(each.end for each in placed)
    return placed


def turns_of(placed: Sequence[Placed]) -> tuple[Turn, ...]:
    """Sentences of one person with nothing but a pause between them are one turn."""
    open_: Placed | None = None
    first, text = 0, list[str]()
    runs: list[Turn] = []
    for each in [*placed, None]:
        if open_ and each and each.person == open_.person and each.start - open_.end <= audio.RATE // 2:
            text.append(each.text or "")
        else:
            if open_:
                known = " ".join(text) if open_.text is not None else None
                runs.append(Turn(first / audio.RATE, open_.end / audio.RATE, open_.person, known))
            if each:
                first, text = each.start, [each.text or ""]
        open_ = each
    return tuple(sorted(runs, key=lambda turn: (turn.start, turn.end)))


def overlapped(turns: Sequence[Turn]) -> float:
    """Seconds in which two people speak."""
    edges = sorted({edge for turn in turns for edge in (turn.start, turn.end)})
    return sum(
        after - before
        for before, after in pairwise(edges)
        if sum(turn.start <= before and after <= turn.end for turn in turns) > 1
    )
