"""When a recording is shorter than it should be, and how much of it may be missing. Pure."""

from typing import Final

_SECONDS: Final = 2.0
_SHARE: Final = 0.02
"""How much shorter than announced a recording may be: sites round, and headers do too."""


def tolerance(seconds: float) -> float:
    """Seconds that may be missing from a recording of this length."""
    return max(_SECONDS, _SHARE * seconds)


def is_short(seconds: float, announced: float) -> bool:
    """Whether a recording is clearly shorter than announced; longer does not matter."""
    return seconds < announced - tolerance(announced)


def is_much(lost: float, seconds: float) -> bool:
    """Whether more of a recording is lost than may be missing:
    the tolerance, but never more than half of it."""
    return lost > min(tolerance(seconds), seconds / 2)
