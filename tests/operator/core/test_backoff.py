"""Waits double up to their cap, whatever number of failures is told."""

import pytest

from ingest_operator.core.backoff import doubled


@pytest.mark.parametrize(
    ("times", "seconds"), [(0, 2), (1, 2), (2, 4), (5, 32), (6, 60), (1_025, 60), (10**400, 60), (-3, 2)]
)
def test_a_wait_doubles_with_each_failure_up_to_the_longest(times: int, seconds: float) -> None:
    assert doubled(2.0, times, 60.0) == seconds
