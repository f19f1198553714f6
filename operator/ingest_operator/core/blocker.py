"""What keeps a cluster from starting things, or what was started from beginning: somebody outside must change
something. Pure.

A hindrance is no outcome: nobody is charged, nothing is remembered, and it is found out anew after a restart.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hindrance:
    """One thing that must change outside."""

    reason: str
    """CamelCase, for the `Stalled` condition: a reason of the failure table where one fits."""
    message: str
    """For people: what, and what to do about it."""
    until: float
    """Epoch seconds before which another start is not worth its call; infinity where a watch will tell."""
    index: int | None = None
    """The only item that it concerns; None where it concerns every start."""
