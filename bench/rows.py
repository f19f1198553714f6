"""Benchmarks of several rows: each is kept as it finishes, so that an interrupted run goes on, and one row
can be measured again."""

import argparse
import json
from collections.abc import Callable, Mapping
from typing import Any

from bench.batches import RESULTS, keep
from testkit.cache import say
from testkit.results.machine import machine

Figures = dict[str, Any]


def rows_main(
    prog: str,
    about: str | None,
    rows: Mapping[str, Callable[[], Figures]],
    table: Callable[[dict[str, Figures]], str],
) -> int:
    """The command `python -m bench.<prog> [--again] [ROW ...]`: measure what has no result yet, then print
    `table` of all results."""
    name = prog.partition("_")[0]
    parser = argparse.ArgumentParser(
        prog=f"python -m bench.{prog}",
        description=about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "rows", nargs="*", metavar="ROW", help=f"{', '.join(rows)}; all of them if none is named"
    )
    parser.add_argument("--again", action="store_true", help="measure again what has a result")
    arguments = parser.parse_args()
    if unknown := [each for each in arguments.rows if each not in rows]:
        parser.error(f"no such row: {', '.join(unknown)}")
    for each in arguments.rows or rows:
        if arguments.again or each not in known(name):
            say(each)
            figures = rows[each]()
            say(f"{each}: {json.dumps(figures)}")
            found = known(name) | {each: figures}
            in_order = {row: found[row] for row in rows if row in found}
            keep(name, {"machine": machine(), "repeats": 1, "statistic": "single run", "rows": in_order})
    print(table(known(name)))
    return 0


def known(name: str) -> dict[str, Figures]:
    """The rows that have a result. Read anew each time: other rows may be measured beside these."""
    path = RESULTS / f"{name}.json"
    return dict(json.loads(path.read_text(encoding="utf-8"))["rows"]) if path.exists() else {}
