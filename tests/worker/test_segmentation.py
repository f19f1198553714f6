"""Passages: one speaker each, bounded, cut where it makes sense, and no word lost."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_contract.profile import SegmentationProfile
from ingest_worker.domain import SpokenWord, Word
from ingest_worker.segmentation import segment

PROFILE = SegmentationProfile(max_seconds=10, max_gap_seconds=3)


def spoken(
    text: str,
    *,
    start: float = 0.0,
    speaker: int | None = 0,
    pace: float = 0.5,
    gaps: dict[int, float] | None = None,
) -> list[SpokenWord]:
    """Words of a text, `pace` seconds each, with a silence before the words whose numbers `gaps` names."""
    words, time = [], start
    for i, token in enumerate(text.split()):
        time += (gaps or {}).get(i, 0.0)
        words.append(SpokenWord(Word(time, time + pace, token, 1.0), speaker, overlap=False))
        time += pace
    return words


def texts(words: list[SpokenWord], profile: SegmentationProfile = PROFILE) -> list[str]:
    return [passage.text for passage in segment(words, profile)]


@st.composite
def conversations(draw: st.DrawFn) -> list[SpokenWord]:
    words, time = [], 0.0
    for gap, length, speaker, token in draw(
        st.lists(
            st.tuples(
                st.sampled_from([0.0, 0.0, 0.1, 0.8, 2.9, 3.1, 60.0]),
                st.floats(0.02, 5.0),
                st.sampled_from([None, 0, 0, 0, 1]),
                st.sampled_from(["word", "end.", "really?", 'he."']),
            ),
            max_size=80,
        )
    ):
        start = time + gap
        time = start + length
        words.append(SpokenWord(Word(start, time, token, 0.5), speaker, overlap=False))
    return words


@given(conversations(), st.integers(10, 60), st.integers(0, 10))
def test_every_word_lies_in_exactly_one_passage_of_its_speaker_in_order(
    words: list[SpokenWord], longest: int, gap: int
) -> None:
    passages = segment(words, SegmentationProfile(max_seconds=longest, max_gap_seconds=gap))
    assert [i for passage in passages for i in range(*passage.words)] == list(range(len(words)))
    for passage in passages:
        inside = words[slice(*passage.words)]
        assert {word.speaker for word in inside} == {passage.speaker}
        assert passage.text.split() == [word.word.text for word in inside]
        assert (passage.start, passage.end) == (inside[0].word.start, inside[-1].word.end)
        assert passage.start < passage.end
        assert passage.end - passage.start <= longest or len(inside) == 1
        assert all(there.word.start - here.word.end <= gap for here, there in pairwise(inside))
    assert all(here.end <= there.start for here, there in pairwise(passages))


@given(conversations())
def test_neighbours_are_apart_for_a_reason(words: list[SpokenWord]) -> None:
    for here, there in pairwise(segment(words, PROFILE)):
        together = there.end - here.start <= PROFILE.max_seconds
        assert (
            not together or here.speaker != there.speaker or there.start - here.end > PROFILE.max_gap_seconds
        )


def test_no_words_give_no_passages() -> None:
    assert segment([], PROFILE) == ()


def test_a_change_of_speaker_ends_a_passage_even_within_a_sentence() -> None:
    words = [*spoken("and so I"), *spoken("no wait", start=1.5, speaker=1), *spoken("said yes", start=2.5)]
    assert texts(words) == ["and so I", "no wait", "said yes"]


def test_words_that_belong_to_nobody_stand_apart() -> None:
    assert texts(
        [*spoken("hello"), *spoken("murmur", start=0.5, speaker=None), *spoken("there", start=1.0)]
    ) == [
        "hello",
        "murmur",
        "there",
    ]


@pytest.mark.parametrize(("gap", "passages"), [(3.0, 1), (3.1, 2)])
def test_a_silence_longer_than_the_profile_says_ends_a_passage(gap: float, passages: int) -> None:
    assert len(texts(spoken("one two", gaps={1: gap}))) == passages


def test_a_long_turn_is_cut_at_its_last_sentence_end_that_fits() -> None:
    first, second, third = "a b c d e f g h i j.", "k l m n o p.", "q r s t u v w x."
    assert texts(spoken(f"{first} {second} {third}")) == [f"{first} {second}", third]


def test_a_sentence_end_too_early_does_not_make_a_scrap() -> None:
    text = "Yes. " + " ".join("abcdefghijklmnopqrstuvwxyz")
    assert texts(spoken(text, gaps={15: 0.4})) == [" ".join(text.split()[:15]), " ".join(text.split()[15:])]


def test_without_a_sentence_end_a_long_turn_is_cut_at_its_longest_pause() -> None:
    text = " ".join(f"w{i}" for i in range(25))
    assert texts(spoken(text, gaps={12: 0.6, 16: 0.3})) == [
        " ".join(text.split()[:12]),
        " ".join(text.split()[12:]),
    ]


def test_one_word_longer_than_a_passage_stays_whole() -> None:
    assert texts(spoken("aaaah", pace=12.0)) == ["aaaah"]


def test_a_passage_has_the_spaces_that_whisper_wrote_and_no_others() -> None:
    said = zip(
        ["我", "用", "Google", "Chrome", "上", "网", "。"],
        (True, False, True, True, False, False, False),
        strict=True,
    )
    words = [
        SpokenWord(Word(float(i), i + 0.5, text, 1.0, spaced), 0, overlap=False)
        for i, (text, spaced) in enumerate(said)
    ]
    assert texts(words) == ["我用 Google Chrome上网。"]
