"""Batches whose operator has a bad API server: what they come to, as rows."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

from testkit.cluster.control_plane import ControlPlane
from testkit.cluster.eight import Outcome, lived
from testkit.cluster.operator_processes import OperatorProcesses
from tests.operator.faults.meddlers import AtRandom, NowAndThen

LANES = 5
"""Batches that live side by side: each waits most of the time."""

SAME = "same"
MOST = 2.0
"""Accepted writes, as a multiple of the undisturbed ones."""

Trial = tuple[str, NowAndThen | AtRandom]


def tried(
    plane: ControlPlane, processes: OperatorProcesses, trial: Trial, undisturbed: Outcome
) -> dict[str, Any]:
    """One batch's life."""
    name, meddler = trial
    row: dict[str, Any] = {"faults": name}
    try:
        outcome = lived(plane, processes, meddler, undisturbed.way)
    except (AssertionError, TimeoutError) as error:
        return row | {"met": dict(meddler.did), "outcome": str(error)}
    wrong = outcome.wrong(undisturbed)
    ours, theirs = len(outcome.accepted), len(undisturbed.accepted)
    if ours > MOST * theirs:
        wrong.append(f"{ours} writes were accepted, and undisturbed {theirs}")
    figures = {
        "met": dict(meddler.did),
        "accepted": ours,
        "undisturbed": theirs,
        "operators": outcome.starts,
        "seconds": outcome.seconds,
    }
    return row | figures | {"outcome": "; ".join(wrong) or SAME}


def all_tried(
    plane: ControlPlane, processes: OperatorProcesses, trials: Iterable[Trial], undisturbed: Outcome
) -> Iterator[dict[str, Any]]:
    """The rows, as they come in."""
    with ThreadPoolExecutor(LANES) as lanes:
        coming = [lanes.submit(tried, plane, processes, trial, undisturbed) for trial in trials]
        for each in as_completed(coming):
            yield each.result()
