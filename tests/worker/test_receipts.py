"""The Receipt's figures, and that it is written once and in place."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from ingest_contract.failures import Reason
from ingest_contract.receipt import MAX_RECEIPT_BYTES, Receipt, decode
from ingest_worker.domain import (
    Decision,
    Diarization,
    Identity,
    Segment,
    SpokenWord,
    Transcript,
    Turn,
    Vectors,
    Word,
)
from ingest_worker.receipts import (
    ReceiptFile,
    coverage_of,
    near_changes,
    quality_of,
    rounded,
    speakers_of,
    wordless,
)

DIARIZATION = Diarization(
    turns=(Turn(0.0, 8.0, 0), Turn(8.0, 9.0, 1), Turn(9.0, 10.0, 2)),
    overlaps=(),
    vectors=np.array([[1.0, 0.0], [np.nan, np.nan], [0.0, 0.0]], np.float32),
)


def words(*speakers: int | None) -> tuple[SpokenWord, ...]:
    return tuple(
        SpokenWord(Word(i, i + 0.5, "w", 0.9), speaker, overlap=False) for i, speaker in enumerate(speakers)
    )


def test_voice_is_covered_by_seconds_of_speech_and_not_by_heads() -> None:
    found = coverage_of(
        words(0, 0, None, 1),
        DIARIZATION,
        (Segment(0, 1, 0, "w", (0, 1)),),
        Vectors(np.ones((1, 2), np.float32), "m@1"),
    )
    assert (found.speech_seconds, found.voiced_seconds) == (10.0, 8.0)
    assert (found.words, found.attributed_words, found.segments, found.vectors) == (4, 3, 1, 1)


def test_only_a_name_counts_as_named() -> None:
    decisions = [Decision.NAMED, Decision.AMBIGUOUS, Decision.UNKNOWN, Decision.TOO_SHORT]
    found = speakers_of(
        [Identity(n, decision, None, None, None, None, 0.4) for n, decision in enumerate(decisions)],
        DIARIZATION,
    )
    assert (found.found, found.named, found.outside_bounds) == (4, 1, False)


def test_a_number_of_speakers_that_the_batch_did_not_say_is_reported() -> None:
    assert speakers_of([], replace(DIARIZATION, outside_bounds=True)).outside_bounds


def test_what_was_left_out_is_reported_in_seconds() -> None:
    found = quality_of(
        Transcript(
            (),
            "en",
            0.87654,
            60.0,
            chunks=4,
            redecoded=2,
            dropped=((1.0, 2.5), (7.0, 8.0)),
            cut=12,
            foreign=1,
            sounds_like="de",
        )
    )
    assert (found.language, found.chunks, found.redecoded, found.dropped, found.dropped_seconds) == (
        "en",
        4,
        2,
        2,
        2.5,
    )
    assert (found.language_probability, found.cut_words, found.foreign_chunks) == (0.877, 12, 1)
    assert found.sounds_like == "de"


def test_words_that_the_model_doubts_itself_are_counted() -> None:
    words = tuple(Word(n, n + 0.5, "w", probability) for n, probability in enumerate((0.9, 0.5, 0.49, 0.1)))
    assert quality_of(Transcript(words, "en", 1.0, 4.0, 1, 0, ())).doubtful_words == 2


def test_words_next_to_a_change_of_language_are_reported_in_seconds() -> None:
    words = tuple(
        Word(start, start + 0.5, "w", 0.9, language="de" if 10 <= start < 20 else None)
        for start in (1.0, 6.0, 7.5, 9.0, 10.0, 12.0, 15.0, 30.0)
    )
    assert near_changes(words) == [words[2], words[3], words[4], words[5]]
    found = quality_of(Transcript(words, "en", 0.9, 30.0, 4, 0, ()))
    assert found.language_change_seconds == 2.0
    alike = tuple(replace(word, language=None) for word in words)
    assert quality_of(Transcript(alike, "en", 0.9, 30.0, 4, 0, ())).language_change_seconds == 0.0


def test_turns_without_a_word_are_reported_in_seconds_and_speakers() -> None:
    heard = tuple(
        SpokenWord(Word(start, start + 0.5, "w", 0.9), 0, overlap=False) for start in (0.2, 1.0, 7.0, 29.5)
    )
    turns = (Turn(0.0, 8.0, 0), Turn(8.0, 14.5, 1), Turn(15.0, 18.0, 2), Turn(29.0, 31.0, 0))
    said = replace(DIARIZATION, turns=turns)
    assert wordless(heard, said) == [(1.5, 7.0), (8.0, 14.5)]
    found = coverage_of(heard, said, (), Vectors(np.ones((0, 2), np.float32), "m@1"))
    assert (found.wordless_seconds, found.wordless_speakers) == (12.0, 1)


def test_a_word_that_reaches_into_a_turn_covers_what_it_reaches() -> None:
    heard = tuple(
        SpokenWord(Word(start, end, "w", 0.9), 0, overlap=False) for start, end in ((4.0, 7.5), (10.0, 12.0))
    )
    assert wordless(heard, replace(DIARIZATION, turns=(Turn(5.0, 12.0, 0),))) == []
    assert wordless(heard[1:], replace(DIARIZATION, turns=(Turn(5.0, 12.0, 0),))) == [(5.0, 10.0)]


def test_words_of_no_speaker_are_reported_in_seconds() -> None:
    heard = tuple(
        SpokenWord(Word(start, start + 0.75, "w", 0.9), who, overlap=False)
        for start, who in ((0.0, 0), (3.0, None), (5.0, None))
    )
    found = coverage_of(heard, DIARIZATION, (), Vectors(np.ones((0, 2), np.float32), "m@1"))
    assert (found.words, found.attributed_words, found.speakerless_seconds) == (3, 1, 1.5)


def test_a_turn_full_of_words_is_not_reported_and_one_without_any_word_is() -> None:
    said = replace(DIARIZATION, turns=(Turn(0.0, 20.0, 0),))
    full = tuple(
        SpokenWord(Word(start, start + 1.0, "w", 0.9), 0, overlap=False) for start in range(0, 20, 2)
    )
    assert wordless(full, said) == []
    assert wordless((), said) == [(0.0, 20.0)]


def test_times_are_rounded_and_never_negative() -> None:
    assert (rounded(1.23456), rounded(-1e-9)) == (1.235, 0.0)


def test_the_first_receipt_stands_and_is_written_in_place_over_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "termination-log"
    path.write_text("x" * 10_000)
    inode = path.stat().st_ino
    file = ReceiptFile(path)
    assert file.write(Receipt(result="Failed", reason=Reason.INTERRUPTED, seconds=1.0))
    assert not file.write(Receipt(result="Succeeded", seconds=2.0))
    assert decode(path.read_bytes()).reason is Reason.INTERRUPTED
    assert path.stat().st_ino == inode
    assert path.stat().st_size <= MAX_RECEIPT_BYTES
