"""Plans in memory: bounded together and per namespace,
and it is the namespace that takes most which gives way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_operator.kube.planning.room import NoRoomError, PlanRoom

KEYS = st.tuples(st.sampled_from("abc"), st.sampled_from("123456789"))


def test_a_namespace_has_its_share_and_no_more_though_nobody_else_wants_it() -> None:
    room = PlanRoom(total=100, share=50)
    assert room.take(("a", "1"), 50) == ()
    with pytest.raises(NoRoomError, match="in a that are at work would take"):
        room.take(("a", "2"), 1)
    room.release(("a", "1"))
    assert room.take(("a", "2"), 1) == ()


def test_where_room_runs_out_the_largest_plan_of_the_largest_namespace_gives_way() -> None:
    room = PlanRoom(total=100, share=60)
    for name, weight in (("1", 30), ("2", 20), ("3", 10)):
        room.take(("stranger", name), weight)
    assert room.take(("victim", "1"), 40) == ()
    assert room.take(("victim", "2"), 10) == (("stranger", "1"),)
    with pytest.raises(NoRoomError):
        room.take(("victim", "3"), 21)


def test_a_batch_whose_plans_have_grown_is_counted_once() -> None:
    room = PlanRoom(total=100, share=50)
    room.take(("a", "1"), 40)
    assert room.take(("a", "1"), 50) == ()


@given(st.lists(st.tuples(KEYS, st.integers(0, 60)), max_size=60))
def test_whatever_comes_and_goes_no_bound_is_passed(wanted: list[tuple[tuple[str, str], int]]) -> None:
    room, kept = PlanRoom(total=100, share=50), dict[tuple[str, str], int]()
    for key, weight in wanted:
        kept.pop(key, None)
        try:
            gone = room.take(key, weight)
        except NoRoomError:
            continue
        kept = {other: each for other, each in kept.items() if other not in gone} | {key: weight}
        assert sum(kept.values()) <= 100
        assert all(
            sum(each for (name, _), each in kept.items() if name == namespace) <= 50 for namespace in "abc"
        )
