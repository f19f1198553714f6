"""Captions against the sound: what fits becomes words with times, what does not is refused."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_contract.captions import CaptionsProblem, TranscriptSource
from ingest_worker.captions.taking import in_turn, spread, taken
from ingest_worker.captions.values import Captions, Cue, NoCaptions
from ingest_worker.domain import Transcript

SPEECH = ((0.0, 20.0), (30.0, 60.0))


def captions(*cues: tuple[float, float, str], language: str = "en", automatic: bool = False) -> Captions:
    return Captions(tuple(Cue(*cue) for cue in cues), language, automatic)


def every(seconds: float, start: float, end: float) -> list[tuple[float, float, str]]:
    """Captions one after the other."""
    count = int((end - start) / seconds)
    return [
        (start + i * seconds, start + (i + 1) * seconds, f"These are words number {i}.") for i in range(count)
    ]


def transcript(found: Transcript | NoCaptions) -> Transcript:
    assert isinstance(found, Transcript), found
    return found


def refusal(found: Transcript | NoCaptions) -> str:
    assert isinstance(found, NoCaptions), found
    assert found.problem is CaptionsProblem.OTHER_CUT
    return found.message


def test_words_share_the_time_of_their_caption_by_their_letters() -> None:
    found = transcript(taken(captions((2.0, 4.0, "Hi everybody")), 10.0, ((2.0, 4.0),)))
    assert [(word.text, word.spaced) for word in found.words] == [("Hi", True), ("everybody", True)]
    assert [word.start for word in found.words] == pytest.approx([2.0, 2.0 + 2 * 3 / 13])
    assert found.words[1].end == pytest.approx(4.0)
    assert found.source is TranscriptSource.CAPTIONS


def test_automatic_captions_are_called_so() -> None:
    found = taken(captions((2.0, 4.0, "hi"), automatic=True), 10.0, ((2.0, 4.0),))
    assert transcript(found).source is TranscriptSource.AUTOMATIC_CAPTIONS


def test_scripts_without_spaces_have_a_word_for_each_character() -> None:
    words = [*spread(Cue(0.0, 3.0, "我们用 GPT-4。好"), "zh")]
    assert [(word.text, word.spaced) for word in words] == [
        ("我", False), ("们", False), ("用", False), ("GPT-4。", True), ("好", False),
    ]  # fmt: skip


def test_captions_of_a_longer_cut_are_refused() -> None:
    late = captions(*every(5.0, 0.0, 60.0), (90.0, 95.0, "And in the end."))
    assert refusal(taken(late, 60.0, SPEECH)) == "one begins at 90 s, and the sound has 60 s"


def test_captions_that_lost_their_times_are_refused_and_not_one_passage() -> None:
    at_once = captions(*[(0.0, 4.0, f"These are words number {i}.") for i in range(100)])
    assert refusal(taken(at_once, 60.0, SPEECH)) == "2689 characters at 0 s, and 4.0 s for them"


def test_several_who_speak_at_once_and_one_caption_of_all_words_are_taken() -> None:
    together = captions(
        *[(3.0, 4.0, f"These are words number {i}.") for i in range(8)], *every(5.0, 5.0, 60.0)
    )
    whole = captions((0.0, 60.0, " ".join(text for *_, text in every(0.8, 0.0, 60.0))))
    for found in (together, whole):
        assert transcript(taken(found, 60.0, SPEECH)).words[-1].end == pytest.approx(60.0, abs=0.1)


def test_captions_of_a_part_are_refused() -> None:
    assert (
        refusal(taken(captions(*every(5.0, 30.0, 50.0)), 60.0, SPEECH)) == "they cover 21 of 50 s of speech"
    )


def test_captions_where_nobody_speaks_are_refused() -> None:
    found = taken(captions(*every(5.0, 0.0, 100.0)), 100.0, ((0.0, 20.0),))
    assert "words stand where nobody speaks" in refusal(found)


def test_more_text_than_anybody_says_is_refused() -> None:
    flood = captions(*((i / 1000, i / 1000 + 0.001, "flood " * 5) for i in range(1000)))
    assert "characters for 60 s" in refusal(taken(flood, 60.0, SPEECH))


def test_speech_without_a_caption_is_reported() -> None:
    some = captions(*every(5.0, 0.0, 20.0), *every(5.0, 30.0, 45.0))
    found = transcript(taken(some, 60.0, SPEECH))
    assert found.dropped == ((46.0, 60.0),)
    assert found.speech_seconds == 50.0


def test_captions_at_once_lose_no_word_and_words_do_not_overlap() -> None:
    cues = in_turn(captions((1.0, 9.0, "a b"), (1.0, 2.0, "c"), (3.0, 2.0, "d"), (9.9, 30.0, "e")).cues, 10.0)
    assert [(cue.start, cue.end, cue.text) for cue in cues] == [
        (1.0, 3.0, "a b c"), (3.0, pytest.approx(3.04), "d"), (9.9, 10.0, "e"),
    ]  # fmt: skip


@given(
    st.lists(
        st.tuples(st.floats(0, 1e13), st.floats(0, 1e13), st.text("ab 语é", min_size=1, max_size=30)),
        min_size=1,
        max_size=30,
    ),
    st.floats(1, 1e5),
    st.sampled_from(["en", "zh"]),
)
def test_whatever_the_times_are_words_are_in_order_within_the_sound_and_all_there(
    cues: list[tuple[float, float, str]], seconds: float, language: str
) -> None:
    ordered = in_turn(captions(*cues).cues, seconds)
    words = [word for cue in ordered for word in spread(cue, language)]
    assert all(0 <= word.start <= word.end <= seconds * 1.000001 for word in words)
    assert all(a.end <= b.start * 1.000001 for a, b in pairwise(words))
    letters = sorted("".join(text for _, _, text in cues).replace(" ", ""))
    assert sorted("".join(word.text for word in words)) == letters
