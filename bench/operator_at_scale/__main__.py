"""`python -m bench.operator_at_scale [--again] [ROW ...]`: measure what has no result yet, then print the tables.

Rows are kept as they finish, so an interrupted run goes on. Counts and bytes do not depend on the machine; seconds do, and on what else it
does meanwhile.
"""

import argparse
import json
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from bench.batches import RESULTS, keep
from bench.machine import machine
from bench.operator_at_scale import cost, latency, size, start, together
from bench.operator_at_scale.scene import say

RESULT: Final = RESULTS / "operator.json"

Row = Callable[[], dict[str, Any]]
ROWS: Final[dict[str, Row]] = {
    **{str(count): partial(size.measured, count) for count in size.KEPT},
    "last-1000-of-10000": partial(size.measured, 10_000, 9000),
    **{name: partial(cost.measured, way) for name, way in cost.WAYS.items()},
    "start": start.measured,
    "latency": latency.measured,
    "together": together.measured,
}


def main() -> int:
    """Run the rows that have no result yet, then print them."""
    parser = argparse.ArgumentParser(prog="python -m bench.operator_at_scale", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"{', '.join(ROWS)}; all of them if none is named")
    parser.add_argument("--again", action="store_true", help="measure again what has a result")
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.rows if name not in ROWS]:
        parser.error(f"no such row: {', '.join(unknown)}")
    for name in arguments.rows or ROWS:
        if arguments.again or name not in known():
            say(name)
            figures = ROWS[name]()
            say(f"{name}: {json.dumps(figures)}")
            rows = known() | {name: figures}
            in_order = {each: rows[each] for each in ROWS if each in rows}
            keep("operator", {"machine": machine(), "repeats": 1, "statistic": "single run", "rows": in_order})
    print(table(known()))
    return 0


def known() -> dict[str, dict[str, Any]]:
    """The rows that have a result. Read anew each time: other rows may be measured beside these."""
    return dict(json.loads(RESULT.read_text())["rows"]) if RESULT.exists() else {}


def table(rows: dict[str, dict[str, Any]]) -> str:
    """The rows as Markdown, one figure a line."""
    lines = (f"| {name} | {figure} | {json.dumps(value)} |" for name in ROWS if name in rows for figure, value in rows[name].items())
    return "\n".join(("| row | figure | value |", "|---|---|---|", *lines))


if __name__ == "__main__":
    sys.exit(main())
