"""Where frames belong: jumps that are pauses, and jumps that are none.
Frames are numbers here, one for each second."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_worker.audio.clock import Clock, ManyClocks, OneClock


def placed(clock: Clock[int], times: list[float | None]) -> list[tuple[float, int]]:
    found = [each for number, time in enumerate(times) for each in clock.place(number, time, 1.0, 100)]
    return found + clock.end()


def holes(clock: Clock[int], times: list[float | None]) -> dict[int, float]:
    """Seconds of silence before each frame that has some."""
    return {frame: hole for hole, frame in placed(clock, times) if hole}


def seconds(start: float, count: int) -> list[float | None]:
    return [start + number for number in range(count)]


def test_a_lasting_jump_is_a_pause_however_long() -> None:
    assert holes(OneClock(None), seconds(0, 5) + seconds(10_000, 40)) == {5: 9995}


def test_a_jump_at_the_end_is_a_pause_as_well() -> None:
    assert holes(OneClock(None), seconds(0, 5) + seconds(1000, 2)) == {5: 995}


def test_a_jump_that_comes_back_was_a_damaged_timestamp() -> None:
    assert holes(OneClock(None), seconds(0, 5) + seconds(40_000, 5) + seconds(10, 40)) == {}


@pytest.mark.parametrize("moved", [-300, -4, 3, 9, 500])
def test_one_cluster_with_a_damaged_timestamp_moves_nothing_behind_it(moved: float) -> None:
    clock: OneClock[int] = OneClock(None)
    times = seconds(0, 400)
    times[310:315] = [310 + moved + number for number in range(5)]
    assert holes(clock, [*times, *seconds(405, 5)]) == {400: 5}


def test_a_clock_that_begins_again_goes_on_behind_what_was() -> None:
    assert holes(OneClock(None), seconds(0, 100) + seconds(0, 50) + seconds(60, 50)) == {150: 10}


def test_jumps_of_a_clock_that_restarts_are_counted_where_no_silence_stands_in() -> None:
    clock: ManyClocks[int] = ManyClocks()
    times = seconds(100, 5) + seconds(105.5, 5) + seconds(400, 5) + seconds(0, 5)
    assert holes(clock, times) == {0: 100, 5: 0.5}
    assert clock.jumps == 2
    assert OneClock(None).jumps == 0


def test_a_jump_beyond_what_is_announced_is_none_and_is_reported() -> None:
    clock: OneClock[int] = OneClock(60)
    assert holes(clock, seconds(0, 5) + seconds(40_000, 5)) == {}
    assert clock.beyond_seconds == 5


def test_pauses_behind_a_long_one_are_kept() -> None:
    assert holes(OneClock(None), [0, 100, 101, 110, 111]) == {1: 99, 3: 8}


def test_rounding_is_no_pause() -> None:
    assert holes(OneClock(None), [0, 1.1, 2.05, None, 4.2]) == {}


def test_a_clock_that_is_set_again_moves_nothing() -> None:
    assert holes(ManyClocks(), seconds(0, 5) + seconds(400, 5) + seconds(5, 5)) == {}


def test_the_picture_is_a_witness_of_a_pause() -> None:
    clock: ManyClocks[int] = ManyClocks()
    clock.place(0, 0.0, 1.0, 100)
    for time in range(50):
        clock.saw_picture(float(time))
    assert clock.place(1, 41.0, 1.0, 100) == [(40.0, 1)]
    clock.saw_picture(500.0)
    assert clock.place(2, 500.0, 1.0, 100) == [(0.0, 2)]


@given(
    times=st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), max_size=60),
    end=st.one_of(st.none(), st.floats(1, 1e5)),
)
def test_no_times_at_all_lose_or_reorder_a_frame(times: list[float | None], end: float | None) -> None:
    for clock in (OneClock[int](end), ManyClocks[int]()):
        found = placed(clock, times)
        assert [frame for _, frame in found] == list(range(len(times)))
        assert all(hole >= 0 for hole, _ in found)
