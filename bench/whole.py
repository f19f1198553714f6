"""Whole runs of four hours and of eight, beside those of an hour and less of `bench.seed`: the most resident
memory of a worker, and the processor seconds of all processes for each hour of media.

The dialogue of the demo over and over, each time begun at another moment, ingested as `bench.seed` does: by
`ingestctl run`, from HTTP to the store, with the demo's models. Rows are kept as they finish.

    python -m bench.whole [--again] [ROW ...]
"""

import resource
import sys
from functools import partial
from typing import Final

from bench import seed
from bench.rows import Figures, rows_main

DIALOGUES: Final = {"4 h": 48, "8 h": 96}
"""Of 299 s each."""
COLUMNS: Final = ("media_seconds", "processor_per_hour", "rtf", "peak_rss_mib", "voice_coverage")


def measured(name: str, dialogues: int) -> Figures:
    """One length."""
    before = _processor_seconds()
    figures = seed.measured(seed.Row(f"whole-{name.replace(' ', '-')}", (dialogues,)))
    spent = _processor_seconds() - before
    return figures | {"processor_per_hour": round(3600 * spent / figures["media_seconds"], 1)}


def _processor_seconds() -> float:
    """Of all processes that this one has started and that ended: of the batch's command and its worker."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def table(rows: dict[str, Figures]) -> str:
    """As docs/performance.md has it."""
    head = f"| length | {' | '.join(COLUMNS)} |\n{'|---' * (len(COLUMNS) + 1)}|\n"
    return head + "\n".join(
        f"| {name} | {' | '.join(str(figures[each]) for each in COLUMNS)} |" for name, figures in rows.items()
    )


if __name__ == "__main__":
    rows = {name: partial(measured, name, dialogues) for name, dialogues in DIALOGUES.items()}
    sys.exit(rows_main("whole", __doc__, rows, table))
