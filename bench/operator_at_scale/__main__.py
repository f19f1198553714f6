"""`python -m bench.operator_at_scale [--again] [ROW ...]`: measure what has no result yet, then print the
tables.

Counts and bytes do not depend on the machine; seconds do, and on what else it does meanwhile.
"""

import json
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from bench.operator_at_scale import cost, latency, size, start, together
from bench.rows import rows_main

ROWS: Final[dict[str, Callable[[], dict[str, Any]]]] = {
    **{str(count): partial(size.measured, count) for count in size.KEPT},
    "last-1000-of-10000": partial(size.measured, 10_000, 9000),
    **{name: partial(cost.measured, way) for name, way in cost.WAYS.items()},
    "start": start.measured,
    "latency": latency.measured,
    "together": together.measured,
}


def table(rows: dict[str, dict[str, Any]]) -> str:
    """The rows as Markdown, one figure a line."""
    lines = (
        f"| {name} | {figure} | {json.dumps(value)} |"
        for name in ROWS
        if name in rows
        for figure, value in rows[name].items()
    )
    return "\n".join(("| row | figure | value |", "|---|---|---|", *lines))


if __name__ == "__main__":
    sys.exit(rows_main("operator_at_scale", __doc__, ROWS, table))
