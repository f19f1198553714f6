"""An operator whose API server is busy, fails, forgets, stalls and breaks off ends its batch as it would
undisturbed, with few more writes.

Some scripts and seeds here; `make test-faults` has all of them.
"""

from testkit.cluster.control_plane import ControlPlane
from testkit.cluster.eight import Meddler, Outcome, lived
from testkit.cluster.operator_processes import OperatorProcesses
from testkit.cluster.proxy_faults import Asked, Refusal
from tests.operator.faults.meddlers import SCRIPTS, AtRandom
from tests.operator.faults.trials import SAME, Trial, all_tried

QUICK = ("names are taken and versions are old", "answers to writes are lost", "watches break")
SEEDS = range(100, 102)


def test_faults_change_neither_what_runs_nor_what_the_status_says_in_the_end(
    control_plane: ControlPlane, processes: OperatorProcesses, undisturbed: Outcome
) -> None:
    assert undisturbed.wrong(undisturbed) == []
    trials: list[Trial] = [(name, SCRIPTS[name]()) for name in QUICK]
    trials += [(f"at random, seed {seed}", AtRandom(seed)) for seed in SEEDS]
    rows = list(all_tried(control_plane, processes, trials, undisturbed))
    assert [row for row in rows if row["outcome"] != SAME] == []
    assert all(row["met"] for row in rows)


class NoDiscovery(Meddler):
    """Refuses once to tell which kinds there are."""

    refused = False

    def __call__(self, asked: Asked) -> Refusal | None:
        if self.refused or asked.path != "/api":
            return None
        self.refused = True
        return Refusal(400, "BadRequest")


def test_an_operator_that_cannot_watch_ends_so_that_another_one_is_started(
    control_plane: ControlPlane, processes: OperatorProcesses, undisturbed: Outcome
) -> None:
    outcome = lived(control_plane, processes, NoDiscovery())
    assert outcome.exits == (1,)
    assert outcome.wrong(undisturbed) == []
