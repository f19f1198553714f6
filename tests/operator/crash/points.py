"""The points at which an operator may die: just before one of its writes reaches the API server, and just
after it was accepted."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Any

from testkit.cluster.control_plane import ControlPlane
from testkit.cluster.eight import Meddler, Outcome, lived
from testkit.cluster.eight_ways import ALONE, Way
from testkit.cluster.operator_processes import OperatorProcesses
from testkit.cluster.proxy_faults import Asked, Reset
from testkit.cluster.proxy_server import Passed

LANES = 3
"""Batches that live side by side: each waits most of the time."""

AGAIN = 3
"""How often a point is tried that a batch's life did not come to: writes that fall together are now one more,
now one fewer."""

VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@dataclass(frozen=True, slots=True, order=True)
class Point:
    """One death."""

    write: int
    """The number of the write, from 1 on."""
    accepted: bool
    """Whether the API server accepted the write before, so that only its answer is lost."""

    @property
    def when(self) -> str:
        return "after" if self.accepted else "before"


class Death(Meddler):
    """Kills the operator at a point, once."""

    def __init__(self, point: Point) -> None:
        self.point = point
        self.at: Asked | None = None

    def __call__(self, asked: Asked) -> Reset | None:
        if asked.write != self.point.write:
            return None
        self.at = asked
        return Reset(accepted=self.point.accepted, first=self.kill)

    @property
    def done(self) -> bool:
        return self.at is not None


def points_of(undisturbed: Outcome) -> list[Point]:
    """All of them, in order."""
    count = sum(each.asked.write is not None for each in undisturbed.passed)
    return [Point(number, accepted) for number in range(1, count + 1) for accepted in (False, True)]


def every_tenth(points: Sequence[Point]) -> list[Point]:
    """One of ten, before and after in turn."""
    return [point for place, point in enumerate(points) if place % 10 == place // 10 % 2]


def died(
    plane: ControlPlane, processes: OperatorProcesses, point: Point, undisturbed: Outcome, way: Way = ALONE
) -> dict[str, Any]:
    """A batch's life with that death in it, as a row of the result."""
    row: dict[str, Any] = {"write": point.write, "when": point.when}
    for _ in range(AGAIN):
        death = Death(point)
        try:
            outcome = lived(plane, processes, death, way)
        except (AssertionError, TimeoutError) as error:
            return row | _said(death.at) | {"outcome": str(error)}
        wrong = outcome.wrong(undisturbed)
        if outcome.exits:
            wrong.append(f"an operator ended by itself with {outcome.exits}")
        if death.at is not None or wrong:
            seconds = {
                "operators": outcome.starts,
                "accepted": len(outcome.accepted),
                "seconds": outcome.seconds,
            }
            return row | _said(death.at) | seconds | {"outcome": "; ".join(wrong) or SAME}
    return row | {"outcome": MISSED}


SAME, MISSED = "same", "no such write in three lives"


def all_died(
    plane: ControlPlane,
    processes: OperatorProcesses,
    points: Sequence[Point],
    undisturbed: Outcome,
    way: Way = ALONE,
) -> Any:
    """The rows, as they come in."""
    with ThreadPoolExecutor(LANES) as lanes:
        coming = [lanes.submit(died, plane, processes, point, undisturbed, way) for point in points]
        for each in as_completed(coming):
            yield each.result()


def _said(asked: Asked | None) -> dict[str, str]:
    return (
        {}
        if asked is None
        else {"verb": VERBS[asked.method], "resource": asked.resource, "name": without_uid(asked)}
    )


def without_uid(asked: Asked) -> str:
    """The name of an object without what differs from one batch to the next: the batch's uid, and hashes."""
    if asked.is_event:
        return "talks.*"
    first, *rest = asked.name.split("-")
    return "-".join([first, *rest[1:]]) if "order" not in rest[1:2] else f"{first}-order"


def listed(passed: Sequence[Passed]) -> list[str]:
    """Writes, for people."""
    return [f"{VERBS[each.asked.method]} {each.asked.resource} {without_uid(each.asked)}" for each in passed]
