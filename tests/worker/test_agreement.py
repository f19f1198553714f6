"""Whether recordings sound like one person, by vectors whose likeness is known."""

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_worker.agreement import agreement
from ingest_worker.domain import FloatArray

LIMIT = 0.4


def at(*degrees: float) -> list[FloatArray]:
    return [np.array([np.cos(a), np.sin(a)], np.float32) for a in np.radians(degrees)]


@pytest.mark.parametrize(
    ("degrees", "used"),
    [
        pytest.param((), set(), id="none"),
        pytest.param((10,), {0}, id="one"),
        pytest.param((0, 20), {0, 1}, id="two alike"),
        pytest.param((0, 90), set(), id="two that differ: nobody knows which is whose"),
        pytest.param((0, 20, 90), {0, 1}, id="a stranger among three"),
        pytest.param((90, 0, 20), {1, 2}, id="a stranger first"),
        pytest.param((0, 10, 90, 100), set(), id="two against two"),
        pytest.param((0, 120, 240), set(), id="three strangers"),
        pytest.param((0, 60, 120), set(), id="a chain whose ends differ from each other"),
        pytest.param((0, 5, 10, 65, 130), {0, 1, 2, 3}, id="the end of a chain is a stranger to most"),
    ],
)
def test_a_majority_that_sounds_alike_counts_and_nothing_else(
    degrees: tuple[float, ...], used: set[int]
) -> None:
    assert agreement(at(*degrees), LIMIT).used == used


def test_each_is_scored_by_the_used_ones_without_itself() -> None:
    scores = agreement(at(0, 20, 90), LIMIT).scores
    expected = [np.cos(np.radians(20)), np.cos(np.radians(20)), np.mean(np.cos(np.radians([90, 70])))]
    assert scores == pytest.approx(expected, abs=1e-6)
    assert agreement(at(30), LIMIT).scores == (None,)
    assert agreement(at(0, 90), LIMIT).scores == pytest.approx((0, 0), abs=1e-6)


@given(st.lists(st.integers(0, 359), min_size=2, max_size=8), st.randoms(use_true_random=False))
def test_the_order_of_the_recordings_decides_nothing_and_the_used_ones_are_a_majority_that_reaches_the_limit(
    degrees: list[int], random: Random
) -> None:
    found = agreement(at(*degrees), LIMIT)
    order = random.sample(range(len(degrees)), len(degrees))
    shuffled = agreement(at(*(degrees[each] for each in order)), LIMIT)
    assert {order[each] for each in shuffled.used} == found.used
    assert not found.used or len(found.used) * 2 > len(degrees)
    assert all((found.scores[each] or -1) >= LIMIT for each in found.used)
