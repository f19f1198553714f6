"""Lists of addresses: what counts, what is a mistake, and on which line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_contract.order import PlannedSource, SpeakerCount
from ingest_operator.listed import MAX_PLANNED, SourceError, fit_for_one_plan, listed_sources

LIST = "# the backlog\nhttps://media.example.org/a.mp4\n\n   http://media.example.org/b.mp4  \r\n  # later\nfile:///sources/talks/c.mp4"
WHERE = "spec.sources[2].configMap"


def test_lines_are_addresses_and_empty_ones_and_remarks_are_left_out() -> None:
    found = listed_sources(LIST, SpeakerCount(max=2), WHERE)
    expected = ("https://media.example.org/a.mp4", "http://media.example.org/b.mp4", "file:///sources/talks/c.mp4")
    assert found == tuple(PlannedSource(url=url, speakers=SpeakerCount(max=2)) for url in expected)


@pytest.mark.parametrize("line", ["media.example.org/a.mp4", "ftp://media.example.org/a", "https://", "-o x", "https://a/" + "b" * 2048])
def test_a_line_that_is_no_address_is_named_by_its_number(line: str) -> None:
    with pytest.raises(SourceError, match=r"^spec\.sources\[2\]\.configMap, line 3: not an address .*http://"):
        listed_sources(f"# list\n\n{line}\n", SpeakerCount(), WHERE)


@given(st.text())
def test_whatever_a_list_holds_each_source_is_an_address_or_the_list_is_refused(text: str) -> None:
    try:
        found = listed_sources(text, SpeakerCount(), WHERE)
    except SourceError:
        return
    assert all(source.url.startswith(("http://", "https://", "file://")) for source in found)


def test_a_plan_takes_no_more_addresses_than_its_order_has_room_for() -> None:
    one = PlannedSource(url="https://media.example.org/a.mp4")
    assert len(fit_for_one_plan([one] * MAX_PLANNED)) == MAX_PLANNED
    with pytest.raises(SourceError, match=r"1001 addresses are not planned yet, and one plan takes 1000: list fewer"):
        fit_for_one_plan([one] * (MAX_PLANNED + 1))


def test_lists_without_any_address_are_a_mistake_that_is_told() -> None:
    with pytest.raises(SourceError, match="the lists hold no address"):
        fit_for_one_plan([])
