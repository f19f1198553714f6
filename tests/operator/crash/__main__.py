"""`make test-crash`: the operator dies at every point, one batch for each death, and
`bench/results/crash.json` tells what came of it.

An interrupted run goes on where it was. When anything changes that the operator is made of, all is run again.

With `--way shared` the batch's recordings share Jobs, with `--way ahead` each is fetched by a Job of its own,
and the result is `crash_shared.json` or `crash_ahead.json`; `--every N` does one point of N.

    python -m tests.operator.crash [--again] [--way {alone,shared,ahead}] [--every N]
"""

import argparse
import sys

from testkit.cluster.control_plane import control_plane
from testkit.cluster.eight import lived
from testkit.cluster.eight_ways import ALONE, WAYS
from testkit.cluster.fixtures import definitions
from testkit.cluster.operator_processes import OperatorProcesses
from testkit.results.kept_rows import OPERATOR, KeptRows, Row, version_of
from tests.operator.crash.points import SAME, Point, all_died, listed


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.operator.crash", description="Kills the operator at every one of its writes."
    )
    parser.add_argument("--again", action="store_true", help="forget the rows of an earlier run")
    parser.add_argument("--way", choices=WAYS, default="alone", help="how many Jobs recordings have")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="one point of N")
    arguments = parser.parse_args()
    version, way = version_of(*OPERATOR), WAYS[arguments.way]
    name = "crash" if way is ALONE else f"crash_{arguments.way}"
    kept = KeptRows(name, version, lambda row: (row["write"], row["when"] == "after"), again=arguments.again)
    with control_plane() as plane, OperatorProcesses() as processes:
        plane.install(*definitions())
        undisturbed = lived(plane, processes, way=way)
        if wrong := undisturbed.wrong(undisturbed):
            sys.exit(f"undisturbed it goes wrong already: {wrong}")
        writes = kept.facts.setdefault(
            "undisturbed", listed([each for each in undisturbed.passed if each.asked.write is not None])
        )
        points = [
            Point(number, accepted) for number in range(1, len(writes) + 1) for accepted in (False, True)
        ][:: arguments.every]
        have = {(row["write"], row["when"]) for row in kept.rows}
        left = [point for point in points if (point.write, point.when) not in have]
        print(f"{len(writes)} writes, {len(points)} points, {len(left)} of them to do", flush=True)
        kept.take(all_died(plane, processes, left, undisturbed, way), len(left), _told)
    good = sum(row["outcome"] == SAME for row in kept.rows)
    print(f"{good} of {len(points)} points end as undisturbed")
    return 0 if good == len(points) else 1


def _told(row: Row) -> str:
    what = " ".join(row.get(part, "") for part in ("verb", "resource", "name"))
    return f"{row['when']} write {row['write']} ({what}): {row['outcome']}"


if __name__ == "__main__":
    sys.exit(main())
