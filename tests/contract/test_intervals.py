"""Sets of indexes as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ingest_contract.batch import IngestBatchSpec
from ingest_contract.intervals import MAX_CHARACTERS, decode, encode
from ingest_contract.status import RecordingIntervals

INDEXES = st.frozensets(st.integers(0, 9_999))


@given(INDEXES)
def test_every_set_comes_back_as_it_was(indexes: frozenset[int]) -> None:
    assert decode(encode(indexes)) == indexes


@given(INDEXES, INDEXES)
def test_runs_that_go_across_what_means_nothing_lose_and_add_nothing_else(
    indexes: frozenset[int], nothing: frozenset[int]
) -> None:
    wanted = indexes - nothing
    assert decode(encode(wanted, across=nothing)) - nothing == wanted


@pytest.mark.parametrize(
    ("indexes", "text"),
    [
        ((), ""),
        ((0,), "0"),
        ((2, 1, 0, 7), "0-2,7"),
        ((3, 3, 4), "3-4"),
        ((0, 2, 4), "0,2,4"),
        ((9_999,), "9999"),
    ],
)
def test_neighbours_share_a_run(indexes: tuple[int, ...], text: str) -> None:
    assert encode(indexes) == text


def test_runs_go_across_what_means_nothing() -> None:
    assert encode({0, 2, 4, 8}, across={1, 3, 5, 6}) == "0-4,8"


def test_ten_thousand_items_fit_in_the_worst_case_and_with_room_to_spare() -> None:
    worst = encode(range(0, 10_000, 2))
    assert len(worst) == 24_444
    assert RecordingIntervals(succeeded=worst).succeeded == worst
    assert len(encode(range(0, 99_999, 3))) > MAX_CHARACTERS > 2 * len(worst)


def spec_of(recordings: str) -> IngestBatchSpec:
    spec = {"sources": [{"url": "https://media.example.org/a"}], "retryRecordings": recordings}
    return IngestBatchSpec.from_object(spec)


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("", ""),
        ("7,3", "3,7"),
        ("9-7,3,8", "3,7-9"),
        ("1,2,3", "1-3"),
        ("0-4,2-3,4,9", "0-4,9"),
        ("007,7", "7"),
        (",".join(["0-999999"] * 6_000), "0-999999"),
    ],
    ids=lambda text: text[:12],
)
def test_people_write_indexes_in_any_order(written: str, text: str) -> None:
    assert spec_of(written).retry_recordings == text


@pytest.mark.parametrize("text", [",", "0,", "0-", "-1", "1 ,2", "a", "1234567"], ids="<{}>".format)
def test_what_is_no_list_of_indexes_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        spec_of(text)


@pytest.mark.parametrize(
    "text", [",", "0,", "0-", "-1", "5-3", "3,3", "3,2", "0-4,4", "1 ,2", "a", "1.5", "0x1", "1234567", "٣"],
    ids=lambda text: f"<{text}>",
)  # fmt: skip
def test_what_encode_would_not_write_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        RecordingIntervals(succeeded=text)
    with pytest.raises(ValueError, match="interval"):
        decode(text)
