"""What goes into the store comes out of it, to the last bit."""

import string
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_worker import codec
from ingest_worker.domain import (
    Decision,
    Diarization,
    Evidence,
    FloatArray,
    Identified,
    Identity,
    Regrouped,
    Segment,
    SpokenWord,
    Transcript,
    Turn,
    Vectors,
    WonSeconds,
    Word,
)
from ingest_worker.voice_windows import VoiceWindows, scaled

reals = st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(max_size=20)
counts = st.integers(0, 10**9)
words = st.builds(
    Word, reals, reals, texts, reals, st.booleans(), st.none() | st.sampled_from(["en", "de", "zh"])
)
spans = st.lists(st.tuples(reals, reals), max_size=5).map(tuple)
speakers = st.none() | st.integers(0, 50)


def several(one: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(one, max_size=8).map(tuple)


@st.composite
def arrays(draw: st.DrawFn) -> FloatArray:
    """Any float32 of any shape with rows and columns: NaN, infinities and subnormal numbers too."""
    rows, columns = draw(st.integers(0, 4)), draw(st.integers(1, 4))
    content = draw(st.binary(min_size=4 * rows * columns, max_size=4 * rows * columns))
    return np.frombuffer(content, np.float32).reshape(rows, columns)


def same_bits(left: FloatArray, right: FloatArray) -> bool:
    return left.shape == right.shape and left.dtype == right.dtype and left.tobytes() == right.tobytes()


@given(
    st.builds(
        Transcript,
        several(words),
        texts,
        reals,
        reals,
        counts,
        counts,
        spans,
        counts,
        counts,
        st.none() | texts,
    )
)
def test_a_transcript_comes_back_as_it_was(value: Transcript) -> None:
    assert codec.decode_transcript(codec.encode_transcript(value)) == value


@given(
    st.builds(
        Diarization,
        several(st.builds(Turn, reals, reals, st.integers(0, 50))),
        spans,
        arrays(),
        st.booleans(),
    )
)
def test_a_diarization_comes_back_with_its_vectors_bit_by_bit(value: Diarization) -> None:
    back = codec.decode_diarization(codec.encode_diarization(value))
    assert (back.turns, back.overlaps, back.outside_bounds) == (
        value.turns,
        value.overlaps,
        value.outside_bounds,
    )
    assert same_bits(back.vectors, value.vectors)


identities = st.builds(
    Identity,
    counts,
    st.sampled_from(Decision),
    st.none() | texts,
    st.none() | reals,
    st.none() | texts,
    st.none() | reals,
    reals,
    st.none() | st.builds(Evidence, several(counts), several(st.builds(WonSeconds, texts, reals, reals))),
)


@given(several(identities))
def test_identities_come_back_as_they_were(value: tuple[Identity, ...]) -> None:
    back = codec.decode_identified(codec.encode_identified(Identified(value)))
    assert back == Identified(value)
    assert all(isinstance(identity.decision, Decision) for identity in back.identities)


@given(several(st.builds(Turn, reals, reals, st.integers(0, 50))), arrays())
def test_regrouped_speakers_come_back_with_their_vectors_bit_by_bit(
    turns: tuple[Turn, ...], vectors: FloatArray
) -> None:
    back = codec.decode_identified(codec.encode_identified(Identified((), Regrouped(turns, vectors))))
    assert back.regrouped is not None
    assert back.regrouped.turns == turns
    assert same_bits(back.regrouped.vectors, vectors)


@st.composite
def windows(draw: st.DrawFn) -> VoiceWindows:
    """Any activity, and vectors where somebody is active."""
    count, frames, slots, dimension = (draw(st.integers(low, 9)) for low in (0, 1, 1, 1))
    random = np.random.default_rng(draw(st.integers(0, 99)))
    active = random.random((count, frames, slots)) < draw(st.sampled_from([0.0, 0.02, 0.5, 1.0]))
    vectors = random.integers(-127, 128, (count, slots, dimension), np.int8)
    vectors[~active.any(1)] = 0
    speakers = random.integers(-1, 300, (count, slots)).astype(np.int16)
    return VoiceWindows(active, vectors, speakers, draw(reals), draw(reals), draw(reals))


@given(windows(), arrays())
def test_a_diarizations_windows_come_back_bit_by_bit(value: VoiceWindows, vectors: FloatArray) -> None:
    back = codec.decode_diarization(
        codec.encode_diarization(Diarization((), (), vectors, windows=value))
    ).windows
    assert back is not None
    for one, other in (
        (back.active, value.active),
        (back.vectors, value.vectors),
        (back.speakers, value.speakers),
    ):
        assert one.dtype == other.dtype
        assert np.array_equal(one, other)
    assert (back.step, back.frame, back.offset) == (value.step, value.frame, value.offset)


def test_an_hours_windows_take_less_than_two_megabytes() -> None:
    """Of voices as they come: one slot active in most windows, two in some, noise in every vector."""
    random = np.random.default_rng(1)
    active = np.zeros((3600, 589, 3), bool)
    active[:, :400, 0] = True
    active[::2, 300:, 1] = True
    vectors = scaled(random.normal(size=(3600, 3, 256)))
    vectors[~active.any(1)] = 0
    found = VoiceWindows(active, vectors, np.zeros((3600, 3), np.int16), 1.0, 0.017, 0.03)
    heard = Diarization((), (), np.zeros((0, 256), np.float32), windows=found)
    assert len(codec.encode_diarization(heard)) < 2_000_000


@given(several(st.builds(Segment, reals, reals, speakers, texts, st.tuples(counts, counts))), arrays(), texts)
def test_passages_come_back_with_their_vectors_bit_by_bit(
    segments: tuple[Segment, ...], values: FloatArray, model: str
) -> None:
    back, vectors = codec.decode_passages(codec.encode_passages(segments, Vectors(values, model)))
    assert (back, vectors.model) == (segments, model)
    assert same_bits(vectors.values, values)


@given(several(st.builds(SpokenWord, words, speakers, st.booleans())), st.slices(8))
def test_spoken_words_come_back_as_they_were_all_and_in_part(
    value: tuple[SpokenWord, ...], part: slice
) -> None:
    read = codec.decode_spoken(codec.encode_spoken(value))
    assert tuple(read) == value
    assert (read == codec.decode_spoken(codec.encode_spoken(value)), read == read.moved([])) == (True, True)
    assert (read == read.moved([(0, 1, 99)])) is (not value)
    assert read[part] == value[part]
    assert [read[i - len(value)] for i in range(len(value))] == list(value)
    with pytest.raises(IndexError):
        read[len(value)]


@pytest.mark.parametrize(
    ("columns", "language", "spaced"), [(4, "en", True), (4, "zh", False), (5, "zh", True)]
)
def test_words_of_an_older_form_are_read_as_they_were_written_then(
    columns: int, language: str, *, spaced: bool
) -> None:
    content = {"words": [[0.5], [1.0], ["one"], [0.9], [1]][:columns], "whose": [[3], [0]]}
    (read,) = codec.decode_spoken(codec._pack(content), language=language)
    assert read == SpokenWord(Word(0.5, 1.0, "one", 0.9, spaced), 3, overlap=False)


def test_a_time_that_is_no_number_is_refused_and_not_stored() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        codec.encode_spoken([SpokenWord(Word(float("nan"), 1.0, "a", 1.0), None, overlap=False)])


def test_damaged_bytes_are_noticed() -> None:
    data = bytearray(
        codec.encode_transcript(
            Transcript((Word(0.0, 1.0, string.printable, 0.5),), "en", 1.0, 1.0, 1, 0, ())
        )
    )
    data[len(data) // 2] ^= 0xFF
    with pytest.raises(zlib.error):
        codec.decode_transcript(bytes(data))
