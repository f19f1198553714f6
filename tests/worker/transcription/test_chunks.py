"""Speech is cut into pieces of at most thirty seconds, at silences, and nothing of it is lost."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_worker.domain import SAMPLE_RATE, FloatArray
from ingest_worker.engines.chunks import (
    FRAME_SAMPLES,
    LONGEST_SAMPLES,
    PAD_SAMPLES,
    Chunk,
    halves,
    pack,
    speech_spans,
)


def activity(*runs: tuple[float, float]) -> FloatArray:
    """Probabilities from (seconds, probability) runs."""
    return np.concatenate(
        [np.full(round(seconds * SAMPLE_RATE / FRAME_SAMPLES), p, np.float32) for seconds, p in runs]
    )


def spans_of(probabilities: FloatArray) -> list[tuple[float, float]]:
    spans = speech_spans(probabilities, probabilities.size * FRAME_SAMPLES)
    return [(round(start / SAMPLE_RATE, 1), round(end / SAMPLE_RATE, 1)) for start, end in spans]


RUNS = st.lists(
    st.tuples(st.floats(0.05, 50.0), st.sampled_from([0.0, 0.1, 0.4, 0.45, 0.6, 0.9, 1.0])),
    min_size=1,
    max_size=30,
)


@given(RUNS)
def test_every_frame_of_speech_lies_in_exactly_one_chunk(runs: list[tuple[float, float]]) -> None:
    probabilities = activity(*runs)
    samples = probabilities.size * FRAME_SAMPLES
    spans = speech_spans(probabilities, samples)
    chunks = pack(spans, probabilities)
    assert tuple(span for chunk in chunks for span in chunk.spans) == spans
    assert all(chunk.samples <= LONGEST_SAMPLES for chunk in chunks)
    assert all(0 <= start < end <= samples for start, end in spans)
    assert all(here[1] <= there[0] for here, there in pairwise(spans))
    covered = np.zeros(samples, bool)
    for start, end in spans:
        covered[start:end] = True
    assert covered[np.repeat(probabilities >= 0.5, FRAME_SAMPLES)].all()


@given(RUNS)
def test_halves_hold_what_the_whole_held(runs: list[tuple[float, float]]) -> None:
    probabilities = activity(*runs)
    for chunk in pack(speech_spans(probabilities, probabilities.size * FRAME_SAMPLES), probabilities):
        parts = halves(chunk, probabilities)
        assert sum(part.samples for part in parts) == chunk.samples
        assert len(parts) == 1 or max(part.samples for part in parts) <= chunk.samples * 0.8 + FRAME_SAMPLES


def test_silence_holds_no_speech() -> None:
    assert spans_of(activity((600.0, 0.01))) == []
    assert speech_spans(np.zeros(0, np.float32), 0) == ()
    assert pack((), np.zeros(0, np.float32)) == ()


def test_speech_keeps_four_tenths_of_a_second_around_it() -> None:
    assert spans_of(activity((2.0, 0.0), (3.0, 0.9), (2.0, 0.0))) == [(1.6, 5.4)]


def test_a_short_silence_is_shared_by_its_neighbours() -> None:
    assert spans_of(activity((1.0, 0.0), (1.0, 0.9), (0.5, 0.0), (1.0, 0.9), (1.0, 0.0))) == [
        (0.6, 2.2),
        (2.2, 3.9),
    ]


def test_a_dip_that_is_not_silence_does_not_end_speech() -> None:
    assert len(spans_of(activity((1.0, 0.9), (1.0, 0.4), (1.0, 0.9), (1.0, 0.0)))) == 1


def test_speech_without_a_pause_is_cut_at_its_quietest_frame() -> None:
    spans = spans_of(activity((22.0, 0.9), (0.1, 0.55), (20.0, 0.9)))
    assert spans[0][1] == spans[1][0] == pytest.approx(22.0, abs=0.1)


def test_a_full_chunk_ends_at_its_longest_pause() -> None:
    second = SAMPLE_RATE
    spans = (
        (0, 10 * second),
        (11 * second, 21 * second),
        (25 * second, 30 * second),
        (31 * second, 41 * second),
    )
    assert [len(chunk.spans) for chunk in pack(spans, activity((41.0, 0.9)))] == [2, 2]


def test_of_pauses_that_are_shorter_than_their_padding_the_longest_ends_a_chunk() -> None:
    probabilities = activity(
        (21.0, 0.9), (0.7, 0.0), (6.0, 0.9), (0.2, 0.0), (1.0, 0.9), (0.2, 0.0), (20.0, 0.9)
    )
    first, *_ = pack(speech_spans(probabilities, probabilities.size * FRAME_SAMPLES), probabilities)
    # in the middle of seven tenths, not at the last two that fit
    assert first.seconds == pytest.approx(21.35, abs=0.1)


def test_times_in_a_chunk_are_found_again_in_the_recording() -> None:
    chunk = Chunk(((SAMPLE_RATE, 3 * SAMPLE_RATE), (10 * SAMPLE_RATE, 14 * SAMPLE_RATE)))
    assert chunk.seconds == 6.0
    assert chunk.original(0.0, 1.0) == (1.0, 2.0)
    assert chunk.original(2.5, 3.0) == (10.5, 11.0)
    assert chunk.original(1.8, 2.4) == (10.0, 10.4)  # over the joint: where its middle is
    assert chunk.original(5.5, 6.5) == (13.5, 14.0)
    assert PAD_SAMPLES == 6400


def test_a_chunk_holds_its_first_sample_wherever_it_begins_and_not_the_one_behind_it() -> None:
    """256,256 / 16,000 * 16,000 is a little less than 256,256: a part was not found under its own start."""
    for first in range(0, 40_000_000, 256):
        chunk = Chunk(((first, first + 256),))
        assert chunk.holds(first / SAMPLE_RATE)
        assert not chunk.holds((first + 256) / SAMPLE_RATE)
