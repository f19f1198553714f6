"""Conversations whose turns and words are known, laid out of sentences."""

from itertools import pairwise

import numpy as np

from testkit.speech import audio, conversations
from testkit.speech.conversations import Line

PEOPLE = ("ann", "ben", "cat")


def said(seconds: float, text: str) -> Line:
    return np.full(round(seconds * audio.RATE), 0.1, np.float32), text


def laid(seed: int) -> list[conversations.Placed]:
    lines = {person: [said(2.0 + n / 10, f"{person} {n}") for n in range(12)] for person in PEOPLE}
    answers = {person: [said(0.6, f"{person} agrees")] for person in PEOPLE}
    return conversations.laid(lines, answers, np.random.default_rng(seed))


def test_every_sentence_is_said_once_in_its_order_and_answers_are_somebody_else_s() -> None:
    placed = laid(3)
    for person in PEOPLE:
        own = [each.text for each in placed if each.person == person and "agrees" not in (each.text or "")]
        assert own == [f"{person} {n}" for n in range(len(own))]
    answers = [n for n, each in enumerate(placed) if "agrees" in (each.text or "")]
    assert answers
    assert all(placed[n].person != placed[n - 1].person for n in answers)


def test_turns_say_who_speaks_at_each_moment_and_all_that_is_said() -> None:
    placed = laid(3)
    turns = conversations.turns_of(placed)
    assert sorted(" ".join(turn.text or "" for turn in turns).split()) == sorted(
        word for each in placed for word in (each.text or "").split()
    )
    for each in placed:
        middle = (each.start + each.end) / 2 / audio.RATE
        assert any(turn.start < middle < turn.end and turn.speaker == each.person for turn in turns)
    assert all(here.start <= there.start for here, there in pairwise(turns))


def test_some_turns_begin_before_the_one_before_ends_and_never_three_speak() -> None:
    for seed in range(20):
        turns = conversations.turns_of(laid(seed))
        assert 0 < conversations.overlapped(turns) < 0.15 * turns[-1].end
        edges = [(turn.start, 1) for turn in turns] + [(turn.end, -1) for turn in turns]
        speaking = np.cumsum([change for _, change in sorted(edges)])
        assert speaking.max() == 2
