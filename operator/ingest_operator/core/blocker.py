"""What keeps a cluster from starting runs, or a started run from beginning: someone outside must change
something. Pure.

A blocker is no outcome: no recording is charged, nothing is remembered, and it is found again after a
restart.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Blocker:
    """One thing that must change outside."""

    reason: str
    """CamelCase, for the `Stalled` condition: a reason of the failure table where one fits."""
    message: str
    """For the user: what is wrong, and what to do about it."""
    until: float
    """Epoch seconds before which another start is not worth its call;
    infinity where a watch will report the change."""
    index: int | None = None
    """The only recording that it concerns; None where it concerns every start."""
