"""How speech is scored: cases small enough to be counted by hand."""

import pytest

from ingest_worker.domain import SpokenWord, Word
from testkit.speech.accuracy import concatenated_error_rate
from testkit.speech.dialogue import Turn

SAID = (Turn(0, 1, "joe", "One two three."), Turn(1, 2, "mina", "four five"))


def heard(text: str, speakers: str) -> list[SpokenWord]:
    numbers = [None if each == "-" else int(each) for each in speakers]
    words = [Word(number, number + 1, word, 1.0) for number, word in enumerate(text.split())]
    return [SpokenWord(word, speaker, overlap=False) for word, speaker in zip(words, numbers, strict=True)]


@pytest.mark.parametrize(
    ("text", "speakers", "edits", "why"),
    [
        ("one two three four five", "11100", 0, "whatever the speakers are called"),
        ("one two three four five", "11000", 2, "one person's word is missing and another's is too many"),
        ("one two three", "111", 2, "nobody found of the other person"),
        ("one two three four five", "00000", 4, "the other person's words are too many and missing"),
        ("one two three four five", "111-0", 2, "a word of nobody is missing, and too many"),
        ("one two tree four five", "11100", 1, "a wrong word"),
        ("", "", 5, "nothing heard"),
    ],
)
def test_cpwer_counts_each_persons_words_under_the_best_naming(
    text: str, speakers: str, edits: int, why: str
) -> None:
    assert concatenated_error_rate(SAID, heard(text, speakers)) == pytest.approx(edits / 5), why


def test_nothing_said_and_nothing_heard_is_no_error() -> None:
    assert concatenated_error_rate((), []) == 0
