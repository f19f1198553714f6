"""`make test-faults`: every script and many seeds, one batch for each, and `bench/results/faults.json` tells
what came of it.

An interrupted run goes on where it was. When anything changes that the operator is made of, all is run again.
Other ways than one Job for each recording have results of their own, such as `faults_ahead.json`.

    python -m tests.operator.faults [--again] [--seeds COUNT] [--way {alone,shared,ahead}]
"""

import argparse
import sys

from testkit.cluster.control_plane import control_plane
from testkit.cluster.eight import lived
from testkit.cluster.eight_ways import ALONE, WAYS
from testkit.cluster.fixtures import definitions
from testkit.cluster.operator_processes import OperatorProcesses
from testkit.results.kept_rows import OPERATOR, KeptRows, Row, version_of
from tests.operator.faults.meddlers import SCRIPTS, AtRandom
from tests.operator.faults.trials import SAME, Trial, all_tried

SEEDS = 30


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.operator.faults", description="Gives the operator a bad API server."
    )
    parser.add_argument("--again", action="store_true", help="forget the rows of an earlier run")
    parser.add_argument(
        "--seeds",
        type=int,
        default=SEEDS,
        metavar="COUNT",
        help="runs with faults at random (default: %(default)s)",
    )
    parser.add_argument("--way", choices=WAYS, default="alone", help="how many Jobs recordings have")
    options = parser.parse_args()
    way = WAYS[options.way]
    version = version_of(*OPERATOR)
    kept = KeptRows(
        "faults" if way is ALONE else f"faults_{options.way}",
        version,
        lambda row: row["faults"],
        again=options.again,
    )
    trials: list[Trial] = [(name, meddler()) for name, meddler in reversed(SCRIPTS.items())]
    trials += [(f"at random, seed {seed:02}", AtRandom(seed)) for seed in range(options.seeds)]
    left = [trial for trial in trials if trial[0] not in {row["faults"] for row in kept.rows}]
    print(f"{len(trials)} batches, {len(left)} of them to do", flush=True)
    with control_plane() as plane, OperatorProcesses() as processes:
        plane.install(*definitions())
        undisturbed = lived(plane, processes, way=way)
        if wrong := undisturbed.wrong(undisturbed):
            sys.exit(f"undisturbed it goes wrong already: {wrong}")
        kept.take(all_tried(plane, processes, left, undisturbed), len(left), _told)
    good = sum(row["outcome"] == SAME for row in kept.rows)
    print(f"{good} of {len(kept.rows)} batches end as undisturbed")
    return 0 if good == len(kept.rows) else 1


def _told(row: Row) -> str:
    met = sum(row["met"].values())
    return (
        f"{row['faults']}: {met} faults, {row.get('accepted', '?')} writes ({row.get('undisturbed', '?')} "
        f"undisturbed): {row['outcome']}"
    )


if __name__ == "__main__":
    sys.exit(main())
