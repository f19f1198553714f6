"""Speech without a word over it is found, whatever the mean says, and cut out at pauses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_worker.domain import SAMPLE_RATE, Word
from ingest_worker.engines.chunks import FRAME_SAMPLES, speech_spans, voiced
from ingest_worker.engines.gaps import around, gaps, stretches

SECOND = SAMPLE_RATE / FRAME_SAMPLES


def speech(seconds: float) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.ones(round(seconds * SECOND), np.bool_)


def said(start: float, end: float, per_second: float = 3.0) -> list[Word]:
    count = max(1, round((end - start) * per_second))
    step = (end - start) / count
    return [Word(start + i * step, start + (i + 1) * step, "word", 0.9) for i in range(count)]


def in_seconds(found: list[tuple[int, int]]) -> list[tuple[float, float]]:
    return [(round(first / SECOND, 1), round(last / SECOND, 1)) for first, last in found]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (said(0, 28), []),
        ([], [(0.0, 28.0)]),
        (said(0, 10) + said(24, 28), [(10.0, 24.0)]),
        (said(5, 28), [(0.0, 5.0)]),
        (said(0, 22), [(22.0, 28.0)]),
        (said(0, 10) + said(10.5, 28), []),
        (said(0, 10) + said(10.8, 28), [(10.0, 10.8)]),
        ([*said(0, 10), Word(10.0, 12.5, "2,500,000", 0.9), *said(12.5, 28)], []),
    ],
    ids=[
        "all of it",
        "none of it",
        "in the middle",
        "at the beginning",
        "at the end",
        "a breath",
        "a clause",
        "a number",
    ],
)
def test_speech_without_a_word_is_found(words: list[Word], expected: list[tuple[float, float]]) -> None:
    found = in_seconds(gaps(words, speech(28)))
    assert np.allclose(np.array(found or [(0, 0)]), np.array(expected or [(0, 0)]), atol=0.1)


def test_silence_between_words_is_no_gap_and_does_not_fill_one_up() -> None:
    flags = np.concatenate([speech(5), ~speech(60), speech(0.2), ~speech(60.3), speech(5)])
    assert gaps([*said(0, 5), *said(125.5, 130.5)], flags) == []
    flags[round(65.5 * SECOND) : round(66.5 * SECOND)] = True
    assert in_seconds(gaps([*said(0, 5), *said(125.5, 130.5)], flags)) == [
        (65.0, pytest.approx(66.5, abs=0.1))
    ]


@pytest.mark.parametrize(
    ("seconds", "distance", "expected"),
    [(0.4, 3.0, 1), (0.3, 0.6, 1), (0.4, 0.2, 0), (0.2, 3.0, 0)],
    ids=["a short answer", "next to a sentence", "what may be a word's end", "a click"],
)
def test_a_short_answer_with_no_word_near_it_is_a_gap(seconds: float, distance: float, expected: int) -> None:
    flags = np.concatenate([speech(5), ~speech(distance), speech(seconds), ~speech(distance), speech(5)])
    words = [*said(0, 5), *said(flags.size / SECOND - 5, flags.size / SECOND)]
    assert (
        in_seconds(gaps(words, flags))
        == [(pytest.approx(5 + distance, abs=0.11), pytest.approx(5 + distance + seconds, abs=0.11))]
        * expected
    )


def test_the_silence_within_a_gap_is_not_reported_as_speech() -> None:
    flags = np.concatenate([speech(1), ~speech(0.6), speech(1), ~speech(60), speech(0.5)])
    (gap,) = gaps([], flags)
    assert in_seconds(stretches(gap, flags)) == [(0.0, pytest.approx(2.6, abs=0.1)), (62.6, 63.1)]
    assert in_seconds([gap]) == [(0.0, 63.1)]


@given(st.lists(st.tuples(st.floats(0, 28), st.floats(0.02, 2.0)), max_size=40))
def test_no_gap_holds_a_word_and_every_frame_of_it_is_speech(times: list[tuple[float, float]]) -> None:
    words = sorted(
        (Word(start, min(28.0, start + length), "w", 0.9) for start, length in times),
        key=lambda word: word.start,
    )
    for first, last in gaps(words, speech(28)):
        assert last - first > 0.6 * SECOND - 1
        assert all(not first + 1 < word.start * SECOND < last - 1 for word in words)


def test_a_gap_is_cut_out_at_the_pauses_around_it() -> None:
    probabilities = np.concatenate(
        [
            np.full(round(s * SECOND), p, np.float32)
            for s, p in ((8.0, 0.9), (0.2, 0.1), (12.0, 0.9), (0.2, 0.1), (7.0, 0.9))
        ]
    )
    samples = probabilities.size * FRAME_SAMPLES
    spans = speech_spans(probabilities, samples)
    (gap,) = gaps([*said(0, 9), *said(20.6, 27.4)], voiced(probabilities, samples))
    (part,) = around(gap, spans, probabilities)
    assert part.spans[0][0] / SAMPLE_RATE == pytest.approx(8.1, abs=0.15)
    assert part.spans[-1][1] / SAMPLE_RATE == pytest.approx(20.3, abs=0.15)
