"""Waits that double: one form for runs, plans, sites, nodes, watches and reconciles. Pure."""

from typing import Final

_MOST_FAILURES: Final = 60
"""That count. Any first wait is longer than every cap by then, and a float overflows at 1,024 doublings:
counts come from a status that may say any number, and from loops that fail for days."""


def doubled(first_seconds: float, times: int, longest_seconds: float) -> float:
    """Seconds before the attempt after so many failures: the first wait after one, twice as long after each
    further one, and never longer than the last argument."""
    return min(longest_seconds, first_seconds * 2.0 ** max(0, min(times, _MOST_FAILURES) - 1))
