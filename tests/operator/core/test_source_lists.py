"""Lists of addresses: what counts, what is a mistake, and on which line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_contract.order import PlannedSource, SpeakerCount
from ingest_operator.core.source_lists import MAX_ADDRESSES, SourceError, fit_for_one_plan, parse_source_list

LIST = (
    "# the backlog\nhttps://media.example.org/a.mp4\n\n   http://media.example.org/b.mp4  \r\n  # "
    "later\nfile:///sources/talks/c.mp4"
)
WHERE = "spec.sources[2].configMap"


def test_lines_are_addresses_and_empty_ones_and_remarks_are_left_out() -> None:
    found = parse_source_list(LIST, SpeakerCount(max=2), WHERE)
    expected = (
        "https://media.example.org/a.mp4",
        "http://media.example.org/b.mp4",
        "file:///sources/talks/c.mp4",
    )
    assert found == tuple(PlannedSource(url=url, speakers=SpeakerCount(max=2)) for url in expected)


@pytest.mark.parametrize(
    "line",
    ["media.example.org/a.mp4", "ftp://media.example.org/a", "https://", "-o x", "https://a/" + "b" * 2048],
)
def test_a_line_that_is_no_address_is_named_by_its_number(line: str) -> None:
    with pytest.raises(
        SourceError, match=r"^spec\.sources\[2\]\.configMap, line 3: not an address .*http://"
    ):
        parse_source_list(f"# list\n\n{line}\n", SpeakerCount(), WHERE)


@given(st.text())
def test_whatever_a_list_holds_each_source_is_an_address_or_the_list_is_refused(text: str) -> None:
    try:
        found = parse_source_list(text, SpeakerCount(), WHERE)
    except SourceError:
        return
    assert all(source.fault or source.url.startswith(("http://", "https://", "file://")) for source in found)


def test_a_json_line_that_says_no_source_takes_no_other_with_it() -> None:
    text = f'{{"url": "https://a/b.mp3", "title": "T"}}\n{{"url": 3}}\n{LIST}'
    first, second, *others = parse_source_list(text, SpeakerCount(), WHERE)
    assert (first.url, first.title) == ("https://a/b.mp3", "T")
    assert second.fault.startswith(f"{WHERE}, line 2: url: ")
    assert len(others) == 3


def a_list(count: int, name: str = "a", size: int = 0) -> list[PlannedSource]:
    return [PlannedSource(url=f"https://media.example.org/{name}{i}{'-' * size}.mp4") for i in range(count)]


def test_a_list_takes_no_more_addresses_than_an_order_has_room_for() -> None:
    assert len(fit_for_one_plan({0: a_list(MAX_ADDRESSES)}).sources) == MAX_ADDRESSES
    found = fit_for_one_plan({2: a_list(1), 3: a_list(MAX_ADDRESSES + 1, "b"), 4: a_list(1, "c")})
    assert found.entries == (2, 4), "it keeps no other"
    (problem,) = found.problems
    assert str(problem).startswith("spec.sources[3]: 1001 different addresses, and one plan takes 1000")


def test_of_lists_that_do_not_fit_together_as_many_whole_ones_are_planned_as_do_and_then_the_next() -> None:
    lists = [a_list(1000, "a"), a_list(1000, "b"), a_list(400, "c"), a_list(600, "d"), [], a_list(1, "e")]
    left, plans = dict(enumerate(lists)), list[tuple[int, ...]]()
    while left:
        found = fit_for_one_plan(left)
        plans.append(found.entries)
        assert [(each.url, each.entry) for each in found.sources] == [
            (source.url, number) for number in found.entries for source in lists[number]
        ]
        left = {number: each for number, each in left.items() if number not in found.entries}
    assert plans == [(0,), (1,), (2, 3, 4), (5,)]


def test_doubles_go_before_anything_is_counted_and_the_first_place_counts() -> None:
    once = a_list(700)
    twice = [source.model_copy(update={"speakers": SpeakerCount(max=2)}) for source in once]
    found = fit_for_one_plan({0: [*once, *once[::-1]], 1: twice, 2: a_list(300, "b")})
    assert len(fit_for_one_plan({0: [*once[:9], *once[:9]]}).sources) == 18, (
        "where there is room the plan counts them"
    )
    assert (found.entries, [each.url for each in found.sources]) == ((0,), [each.url for each in once])
    found = fit_for_one_plan({0: a_list(300, "b"), 1: [*twice, *once]})
    assert found.entries == (0, 1)
    assert [each.speakers.max for each in found.sources[300:]] == [2] * 700


def test_an_address_that_an_earlier_entry_has_too_stays_because_the_worker_may_leave_that_entry_out() -> None:
    entries = {0: a_list(600), 1: [*a_list(600), *a_list(100, "b")]}
    found = fit_for_one_plan(entries)
    assert found.entries == (0,), "the next plan takes the other, whole"
    assert len(fit_for_one_plan({1: entries[1]}).sources) == 700


def test_long_addresses_are_parted_by_their_length_too() -> None:
    found = fit_for_one_plan({0: a_list(200, size=1500), 1: a_list(200, "b", size=1500)})
    assert (len(found.sources), found.entries) == (200, (0,))


def test_lists_without_any_address_are_a_mistake_that_is_reported() -> None:
    with pytest.raises(SourceError, match="the lists hold no address"):
        fit_for_one_plan({})
