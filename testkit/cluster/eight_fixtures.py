"""Fixtures about the one batch of eight: operators that start quickly, and its life when nobody disturbs
it."""

from collections.abc import Iterator

import pytest

from testkit.cluster.control_plane import ControlPlane
from testkit.cluster.eight import Outcome, lived
from testkit.cluster.operator_processes import OperatorProcesses


@pytest.fixture(scope="session")
def processes() -> Iterator[OperatorProcesses]:
    """For all operators of a process of the run."""
    with OperatorProcesses() as starting:
        yield starting


@pytest.fixture(scope="session")
def undisturbed(control_plane: ControlPlane, processes: OperatorProcesses) -> Outcome:
    """What every other life is compared with."""
    return lived(control_plane, processes)
