"""Word times that later stages can rely on."""

import unicodedata
from itertools import pairwise

import pytest
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import merge_punctuations
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer as HuggingFaces

from ingest_worker.domain import Word
from ingest_worker.engines.chunks import Chunk
from ingest_worker.engines.decoding import CLOSING, OPENING
from ingest_worker.engines.words import SHORTEST_SECONDS, apart, collapsed, joined, placed, timed
from ingest_worker.segmentation import written
from testkit.models.demo_set import model


def said(text: str) -> list[Word]:
    return [Word(float(i), i + 0.5, token, 1.0) for i, token in enumerate(text.split())]


@st.composite
def aligned(draw: st.DrawFn) -> tuple[list[Word], float]:
    """Words as an alignment may give them: empty, backwards, on top of each other, beyond the sound."""
    times = st.floats(0.0, 31.0)
    words = [
        Word(start, end, text, 0.5)
        for start, end, text in draw(
            st.lists(st.tuples(times, times, st.sampled_from(["a", "b.", "c?"])), max_size=40)
        )
    ]
    return words, draw(st.floats(max(0.1, 0.03 * len(words)), 30.0))


@given(aligned())
def test_words_are_in_order_apart_not_empty_and_within_the_sound(case: tuple[list[Word], float]) -> None:
    words, seconds = case
    result = timed(words, seconds)
    assert [word.text for word in result] == [word.text for word in words]
    assert all(word.end - word.start >= SHORTEST_SECONDS - 1e-6 for word in result)
    assert all(here.end <= there.start + 1e-6 for here, there in pairwise(result))
    assert not result or (result[0].start >= -1e-6 and result[-1].end <= seconds)


@given(st.lists(st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 1.0)), min_size=2, max_size=40))
def test_more_words_than_a_short_sound_can_hold_share_it_and_lie_inside(
    times: list[tuple[float, float]],
) -> None:
    """Of three tenths of a second, a tenth of a second into the recording, Whisper makes a sentence of thanks
    that it knows from the ends of films; a character is a word in Chinese."""
    chunk = Chunk(((1_600, 6_400),))
    words = placed(timed([Word(*each, "謝", 0.9) for each in times], chunk.seconds), chunk)
    assert all(0.1 <= word.start < word.end <= 0.4 for word in words)
    assert all(here.end <= there.start + 1e-9 for here, there in pairwise(words))
    assert len(words) == len(times)


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


def test_a_word_that_is_stretched_over_speech_without_words_is_as_long_as_it_is_said() -> None:
    words = [Word(0.0, 0.3, "I", 1.0), Word(0.3, 18.0, "am", 1.0), Word(18.0, 18.4, "glad.", 1.0)]
    assert [word.start for word in timed(words, 20.0)] == [0.0, 0.3, 18.0]
    assert timed(words, 20.0)[1].end == pytest.approx(0.63, abs=0.1)
    number = [Word(0.0, 0.3, "it", 1.0), Word(0.3, 2.9, "2,500,000", 1.0), Word(2.9, 3.2, "cost", 1.0)]
    assert timed(number, 4.0)[1] == number[1]


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
    assert [word.text for word in joined([Word(0.0, 0.2, "你", 1.0), Word(0.2, 0.3, "好", 1.0)], "zh")] == [
        "你",
        "好",
    ]


@pytest.mark.parametrize("texts", [[" .", " ."], [" -"], ["。", "。"], [" ...", "?!"], [" ♩"]])
def test_marks_alone_are_no_words(texts: list[str]) -> None:
    pieces = [Word(0.1 * i, 0.1 * (i + 1), text, 1.0) for i, text in enumerate(texts)]
    assert joined(pieces, "en") == joined(pieces, "zh") == []
    assert len(joined([*pieces, Word(1.0, 1.2, " 5", 1.0)], "en")) > 0


MIXED = (
    ("zh", "我们用 Google Chrome 和 Microsoft Windows 打开网页。"),
    ("zh", "他在2020年买了iPhone，很贵。"),
    ("ja", "東京で Google Chrome と Microsoft Windows を使います。"),
    ("th", "เราใช้ Google Chrome และ Microsoft Windows ที่กรุงเทพ"),
    ("yue", "我哋用 OpenAI 嘅 Whisper 模型"),
    ("my", "ကျွန်တော် Google Chrome သုံးတယ်"),
    ("en", "We open Google Chrome at 5.30, don't we?"),
    ("fr", "L'homme dit : « c'est 50 % moins cher »."),
)


def pieces_of(text: str, language: str) -> list[Word]:
    """A text in the pieces that faster-whisper makes of it, by the tokenizer of a real model: all of them
    know all bytes."""
    tokenizer = Tokenizer(
        HuggingFaces.from_file(str(model("tiny.en") / "tokenizer.json")), multilingual=False
    )
    tokenizer.language_code = language
    pieces, _ = tokenizer.split_to_word_tokens([*tokenizer.encode(text), tokenizer.eot])
    alignment = [{"word": piece, "tokens": []} for piece in pieces[:-1]]
    merge_punctuations(alignment, OPENING, CLOSING)
    return [Word(0.1 * i, 0.1 * (i + 1), row["word"], 1.0) for i, row in enumerate(alignment) if row["word"]]


@pytest.mark.models
@pytest.mark.parametrize(("language", "text"), MIXED)
def test_words_are_written_together_as_whisper_wrote_them_whatever_the_language(
    language: str, text: str
) -> None:
    words = joined(pieces_of(text, language), language)
    assert written(words) == text
    assert not [word.text for word in words if unicodedata.combining(word.text[0])], (
        "a mark stands on the letter before it"
    )


@pytest.mark.models
def test_a_name_in_another_script_is_one_word_in_a_language_without_spaces() -> None:
    said = [word.text for word in joined(pieces_of(MIXED[0][1], "zh"), "zh")]
    assert [text for text in said if text.isascii()] == ["Google", "Chrome", "Microsoft", "Windows"]


def test_a_space_that_is_a_piece_of_its_own_is_kept_with_the_word_behind_it() -> None:
    pieces = [
        Word(0.0, 0.2, "用", 1.0),
        Word(0.2, 0.2, " ", 1.0),
        Word(0.2, 0.6, "Go", 1.0),
        Word(0.6, 0.9, "ogle ", 1.0),
        Word(1, 2, "吧", 1.0),
    ]
    assert [(word.text, word.spaced) for word in joined(pieces, "zh")] == [
        ("用", False),
        ("Google", True),
        ("吧", True),
    ]


@pytest.mark.parametrize(
    ("language", "first", "spaced"),
    [("en", "So", True), ("zh", "好", False), ("zh", "Google", True), ("th", "กรุง", True)],
)
def test_the_first_word_behind_a_silence_is_apart_unless_its_script_never_is(
    language: str,
    first: str,
    spaced: bool,  # noqa: FBT001 -- a row
) -> None:
    assert joined([Word(0.0, 0.2, first, 1.0)], language)[0].spaced is spaced


def test_a_word_holds_nothing_that_a_store_or_a_terminal_would_not_take() -> None:
    pieces = [Word(0.0, 0.2, " a\x00b", 1.0), Word(0.2, 0.3, " \x1b", 1.0), Word(0.4, 0.5, " \u202ec", 1.0)]
    assert [word.text for word in joined(pieces, "en")] == ["ab", "c"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "a thanks for watching thanks for watching thanks for watching Thanks for watching b",
            "a thanks for watching b",
        ),
        ("a thanks for watching thanks for watching thanks for watching b", None),
        ("no no no no no no no", None),
        ("you know you know you know I mean", None),
        ("a 0 7 0 7 0 7 0 7 b", None),
        ("so it goes " * 9 + "on", "so it goes on"),
        (
            (
                "it was the best of times it was the worst of times it was the age of wisdom it "
                "was the age of foolishness"
            ),
            None,
        ),
        ("", None),
    ],
)
def test_a_phrase_that_runs_on_over_a_joint_is_kept_once(text: str, expected: str | None) -> None:
    assert " ".join(word.text for word in collapsed(said(text), [6.0])) == (
        " ".join(text.split()) if expected is None else expected
    )


@pytest.mark.parametrize(
    "text",
    [
        "the code is zero seven " * 4,
        "come on " * 4,
        "so never again never again never again never again he said",
        "0 7 " * 6,
        "售 " * 15,
        "no " * 12,
    ],
)
def test_what_the_sound_can_hold_stays_however_often_it_is_said(text: str) -> None:
    assert [word.text for word in collapsed(said(text), [200.0])] == text.split()


def test_repeats_crowded_into_less_sound_than_they_need_are_cut_and_the_others_stay() -> None:
    slow = [Word(i * 1.0, i + 0.9, "never", 0.9) for i in range(3)]
    crowded = [
        Word(3.0 + i * SHORTEST_SECONDS, 3.0 + (i + 1) * SHORTEST_SECONDS, "never", 0.9) for i in range(9)
    ]
    assert collapsed([*slow, *crowded, Word(4.0, 4.4, "mind", 0.9)]) == [*slow, Word(4.0, 4.4, "mind", 0.9)]


def test_a_phrase_loses_only_the_turns_that_nobody_can_say() -> None:
    turns = [[Word(t, t + 0.4, "thank", 0.9), Word(t + 0.4, t + 0.8, "you", 0.9)] for t in range(4)]
    crowded = [
        [Word(5.0 + i / 25, 5.02 + i / 25, "thank", 0.9), Word(5.02 + i / 25, 5.04 + i / 25, "you", 0.9)]
        for i in range(20)
    ]
    assert collapsed([word for turn in [*turns, *crowded] for word in turn]) == [
        word for turn in turns for word in turn
    ]


def question(*starts: float, bare: int = 0) -> list[Word]:
    """A question of six words, as often as it has starts; the last `bare` words of each turn but one and the
    first of the last take one frame each."""
    made = []
    for number, start in enumerate(starts):
        few = {len(starts) - 2: range(6 - bare, 6), len(starts) - 1: range(bare)}.get(number, range(0))
        now = start
        for place, text in enumerate(["What", "did", "he", "write", "to", "her?"]):
            end = now + (SHORTEST_SECONDS if place in few else 0.2 if bare and number > 2 else 0.19)
            made.append(Word(now, end, text, 0.99))
            now = end
    return made


@pytest.mark.parametrize(
    ("starts", "bare", "kept"),
    [
        ((15.3, 16.7, 18.06, 19.48, 20.1), 3, 4),
        ((15.3, 16.7, 18.06, 19.48, 20.9), 3, 5),
        ((15.3, 16.7, 18.06, 19.48, 20.9), 0, 5),
        ((0.0, 3.0, 6.0, 9.0, 10.2), 0, 5),
    ],
    ids=["one turn's time shared by two", "crowded where there is room", "spoken evenly", "spoken faster"],
)
def test_a_turn_without_a_time_of_its_own_is_cut_if_the_others_leave_it_none(
    starts: tuple[float, ...], bare: int, kept: int
) -> None:
    words = collapsed(question(*starts, bare=bare))
    assert [word.start for word in words if word.text == "What"] == list(starts[:kept])


def test_numbers_are_never_cut() -> None:
    crowded = [
        Word(i * SHORTEST_SECONDS, (i + 1) * SHORTEST_SECONDS, "50" if i % 2 else "1,", 0.9)
        for i in range(20)
    ]
    assert collapsed(crowded, [0.1]) == crowded


def test_where_two_decodings_meet_no_word_reaches_into_the_next() -> None:
    words = [
        Word(0.0, 1.0, "a", 1.0),
        Word(0.5, 0.7, "b", 1.0),
        Word(0.5, 0.6, "c", 1.0),
        Word(2.0, 3.0, "d", 1.0),
    ]
    result = apart(words)
    assert sorted(word.text for word in result) == ["a", "b", "c", "d"]
    assert all(here.end <= there.start + 1e-9 for here, there in pairwise(result))
    assert all(word.end - word.start >= SHORTEST_SECONDS - 1e-9 for word in result)
