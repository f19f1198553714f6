"""Whose word it is."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_worker.attribution import NEAR_SECONDS, attribute
from ingest_worker.domain import Diarization, Turn, Word


def heard(*turns: tuple[float, float, int], overlaps: tuple[tuple[float, float], ...] = ()) -> Diarization:
    return Diarization(tuple(Turn(*turn) for turn in turns), overlaps, np.ones((3, 4), np.float32))


def speakers(diarization: Diarization, *spans: tuple[float, float]) -> list[int | None]:
    return [spoken.speaker for spoken in attribute([Word(*span, "w", 1.0) for span in spans], diarization)]


TWO = heard((1.0, 2.0, 0), (3.0, 4.0, 1))


@pytest.mark.parametrize(
    ("span", "speaker", "why"),
    [
        ((1.2, 1.4), 0, "inside the first turn"),
        ((3.2, 3.4), 1, "inside the second turn"),
        ((0.8, 1.4), 0, "its middle is inside"),
        ((1.8, 2.6), 0, "its middle is outside, but it begins in a turn"),
        ((1.9, 3.3), 1, "touches both and has more of the second"),
        ((2.1, 2.2), 0, "nearer to the first turn"),
        ((2.8, 2.9), 1, "nearer to the second turn"),
        ((2.4, 2.6), 0, "as near to both: the earlier"),
        ((0.3, 0.5), 0, "just near enough before everything"),
        ((4.5, 4.7), 1, "just near enough after everything"),
        ((0.0, 0.4), None, "too far before"),
        ((4.6, 4.7), None, "too far after"),
    ],
)
def test_a_word_belongs_to_the_turn_around_it_or_near_it_or_to_nobody(
    span: tuple[float, float], speaker: int | None, why: str
) -> None:
    assert speakers(TWO, span) == [speaker], why


def test_a_word_whose_middle_is_the_change_of_speakers_belongs_to_the_one_who_begins() -> None:
    assert speakers(heard((0.0, 1.0, 0), (1.0, 2.0, 1)), (0.75, 1.25)) == [1]


def test_the_shares_of_one_speakers_turns_in_a_word_are_added_up() -> None:
    scattered = heard((0.0, 0.4, 0), (0.5, 1.0, 1), (1.2, 1.6, 0))
    assert speakers(scattered, (0.1, 2.1)) == [0]


def test_without_turns_no_word_belongs_to_anybody() -> None:
    assert speakers(heard(), (0.0, 1.0), (1.0, 2.0)) == [None, None]


def test_without_words_there_is_nothing_to_give() -> None:
    assert attribute([], TWO) == ()


def test_a_word_during_which_somebody_else_speaks_is_marked() -> None:
    diarization = heard((0.0, 10.0, 0), overlaps=((1.0, 5.0), (2.0, 3.0), (7.0, 8.0)))
    spans = [(0.2, 0.9), (0.5, 1.0), (0.5, 1.1), (3.5, 4.0), (5.0, 5.5), (6.0, 9.0), (8.0, 8.5)]
    marked = [spoken.overlap for spoken in attribute([Word(*span, "w", 1.0) for span in spans], diarization)]
    assert marked == [False, False, True, True, False, True, False]


@st.composite
def timelines(draw: st.DrawFn, labels: int) -> list[tuple[float, float, int]]:
    spans, now = [], 0.0
    for gap, length, label in draw(
        st.lists(st.tuples(st.integers(0, 20), st.integers(1, 30), st.integers(0, labels - 1)), max_size=30)
    ):
        spans.append((now + gap / 10, now + (gap + length) / 10, label))
        now += (gap + length) / 10
    return spans


def by_hand(span: tuple[float, float], turns: list[tuple[float, float, int]]) -> set[int | None]:
    """The same rule said word by word; more than one answer where two are equally good."""
    middle = sum(span) / 2
    if inside := {who for start, end, who in turns if start <= middle < end}:
        return set(inside)
    shares: dict[int, float] = {}
    for start, end, who in turns:
        if (common := min(end, span[1]) - max(start, span[0])) > 0:
            shares[who] = shares.get(who, 0.0) + common
    if shares:
        return {who for who, share in shares.items() if share > max(shares.values()) - 1e-6}
    gaps = [(max(start - span[1], span[0] - end), who) for start, end, who in turns]
    least = min((gap for gap, _ in gaps), default=np.inf)
    near: set[int | None] = {who for gap, who in gaps if gap < least + 1e-6}
    return near | {None} if abs(least - NEAR_SECONDS) < 1e-6 else near if least <= NEAR_SECONDS else {None}


@given(timelines(3), timelines(1))
def test_all_words_at_once_get_what_each_word_alone_would(
    turns: list[tuple[float, float, int]], words: list[tuple[float, float, int]]
) -> None:
    spans = [(start, end) for start, end, _ in words]
    found = speakers(heard(*turns), *spans)
    assert len(found) == len(spans)
    assert all(speaker in by_hand(span, turns) for speaker, span in zip(found, spans, strict=True))


def test_fifty_thousand_words_and_ten_thousand_turns_take_no_time_worth_naming() -> None:
    turns = [(i * 2.0, i * 2.0 + 1.9, i % 3) for i in range(10_000)]
    words = [Word(i * 0.4, i * 0.4 + 0.3, "w", 1.0) for i in range(50_000)]
    diarization = heard(*turns, overlaps=tuple((t[0], t[0] + 0.1) for t in turns))
    started = time.perf_counter()
    assert len(attribute(words, diarization)) == 50_000
    assert time.perf_counter() - started < 5.0  # a scan of turns for each word would take minutes
