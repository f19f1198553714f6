"""What an Event is before it has a name and a time, and the aspects in which an object is reported. Pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar


class NoteType(StrEnum):
    """The two types of Events."""

    NORMAL = "Normal"
    WARNING = "Warning"


@dataclass(frozen=True, slots=True)
class Note:
    """One Event, before it has a name and a time."""

    reason: str
    """CamelCase."""
    type: NoteType
    text: str
    """For the user; may be cut."""
    action: str
    """What was done or attempted, in one word."""


S = TypeVar("S")
"""A status."""

EventRule = Callable[[S | None, S], Note | None]
"""The change between two statuses in one aspect; the first is None for an object that had none."""


class Aspect(StrEnum):
    """The aspects of a batch that are reported independently."""

    ORIGIN = "Origin"
    PLAN = "Plan"
    PROFILE = "Profile"
    FAILURES = "Failures"
    HOLD = "Hold"
    NODES = "Nodes"
    LANGUAGE = "Language"
    SUSPENSION = "Suspension"
    VERDICT = "Verdict"
    END = "End"
    NOTIFICATION = "Notification"
    READINESS = "Readiness"
    RETENTION = "Retention"


EventRules = Mapping[Aspect, EventRule[S]]
"""The function of each aspect, in the order in which several of them are reported at once."""


def enumerated(counts: Iterable[tuple[str, int]]) -> str:
    """`3 NotFound, 1 Truncated`."""
    return ", ".join(f"{count} {reason}" for reason, count in counts)
