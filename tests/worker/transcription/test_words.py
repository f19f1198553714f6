"""Word times that later stages can rely on."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_worker.domain import Word
from ingest_worker.engines.words import SHORTEST, collapsed, joined, timed


def said(text: str) -> list[Word]:
    return [Word(float(i), i + 0.5, token, 1.0) for i, token in enumerate(text.split())]


@st.composite
def aligned(draw: st.DrawFn) -> tuple[list[Word], float]:
    """Words as an alignment may give them: empty, backwards, on top of each other, beyond the sound."""
    times = st.floats(0.0, 31.0)
    words = [
        Word(start, end, text, 0.5)
        for start, end, text in draw(st.lists(st.tuples(times, times, st.sampled_from(["a", "b.", "c?"])), max_size=40))
    ]
    return words, draw(st.floats(max(0.1, 0.03 * len(words)), 30.0))


@given(aligned())
def test_words_are_in_order_apart_not_empty_and_within_the_sound(case: tuple[list[Word], float]) -> None:
    words, seconds = case
    result = timed(words, seconds)
    assert [word.text for word in result] == [word.text for word in words]
    assert all(word.end - word.start >= SHORTEST - 1e-6 for word in result)
    assert all(here.end <= there.start + 1e-6 for here, there in pairwise(result))
    assert not result or (result[0].start >= -1e-6 and result[-1].end <= seconds)


def test_good_times_stay_as_they_are() -> None:
    words = [Word(0.0, 0.3, "one", 1.0), Word(0.3, 0.7, "two", 1.0), Word(0.9, 1.2, "three.", 1.0)]
    assert timed(words, 2.0) == words


def test_a_pause_is_taken_from_the_words_beside_a_sentence_end() -> None:
    words = [
        Word(0.0, 0.3, "I", 1.0),
        Word(0.3, 0.6, "stop.", 1.0),
        Word(0.6, 4.0, "Then", 1.0),
        Word(4.0, 4.3, "go", 1.0),
        Word(4.3, 8.0, "on.", 1.0),
    ]
    times = [(word.start, round(word.end, 6)) for word in timed(words, 8.0)]
    assert times == [(0.0, 0.3), (0.3, 0.6), (3.4, 4.0), (4.0, 4.3), (4.3, 4.9)]


def test_pieces_without_a_space_belong_to_the_word_before() -> None:
    pieces = [
        Word(0.0, 0.2, " fifty", 0.9),
        Word(0.2, 0.3, "-", 0.5),
        Word(0.3, 0.6, "five", 0.8),
        Word(0.6, 0.9, "%", 0.7),
        Word(1.0, 1.2, " of", 1.0),
    ]
    assert joined(pieces, "en") == [Word(0.0, 0.9, "fifty-five%", 0.5), Word(1.0, 1.2, "of", 1.0)]


def test_characters_of_a_language_without_spaces_stay_words() -> None:
    assert [word.text for word in joined([Word(0.0, 0.2, "你", 1.0), Word(0.2, 0.3, "好", 1.0)], "zh")] == ["你", "好"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a thanks for watching thanks for watching thanks for watching Thanks for watching b", "a thanks for watching b"),
        ("a thanks for watching thanks for watching thanks for watching b", None),
        ("no no no no no no no", None),
        ("you know you know you know I mean", None),
        ("so it goes " * 9 + "on", "so it goes on"),
        ("it was the best of times it was the worst of times it was the age of wisdom it was the age of foolishness", None),
        ("", None),
    ],
)
def test_a_phrase_said_four_times_running_is_kept_once(text: str, expected: str | None) -> None:
    assert " ".join(word.text for word in collapsed(said(text))) == (" ".join(text.split()) if expected is None else expected)
