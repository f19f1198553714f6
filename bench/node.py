"""Thirty short recordings on a real node, by the chart and the operator; and what the node's memory is after
each of the first ten.

The node, its images and what stands around them are those of `make e2e`. Models compute on the CPU; the node
says that it has one GPU, and the scheduler gives it to one worker at a time.

    python -m bench.node [--again] [ROW ...]
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, Final

from bench.rows import Figures, rows_main
from bench.seed import THIRTY, recordings
from ingest_contract.receipt import Receipt
from testkit.node.fitness import blocker
from testkit.release.batches import batch
from testkit.release.installed import installed
from testkit.release.place import Place
from testkit.release.transcript import Transcript
from testkit.release.watching import Seen, left_now, watching

SERIES: Final = 10
WAITS: Final = ("queued", "pulling", "starting", "overhead")
"""What the status says of the time before and between stages: for a GPU, for the image, for the container,
for imports and models."""


def series() -> Figures:
    """Ten, one after the other: what is left in memory after each."""
    with _cluster() as here:
        before = left_now()
        figures, seen = _watched(here, "series", SERIES, parallelism=1)
    return {
        "baseline_mib_available": before.available_mib,
        "after_each_mib_available": [each.available_mib for each in seen.left],
        "worker_processes_after_each": [each.processes for each in seen.left],
        **figures,
    }


def thirty() -> Figures:
    """Thirty, of which more may run than the node has GPUs."""
    with _cluster() as here:
        figures, seen = _watched(here, "thirty", len(THIRTY.dialogues), parallelism=4)
    return {"most_at_a_time": seen.most, "scheduler_let_wait": len(seen.waited), **figures}


@contextmanager
def _cluster() -> Iterator[Place]:
    """A node with the chart on it, where the recordings are served."""
    with (
        tempfile.TemporaryDirectory(prefix="ingest-node-") as folder,
        installed(Transcript(os.cpu_count() or 1), Path(folder)) as here,
    ):
        for path in _recordings():
            (here.folder / "recordings" / path.name).symlink_to(path)
        yield here


def _recordings() -> list[Path]:
    return sorted(recordings(THIRTY).iterdir())


def _watched(here: Place, name: str, count: int, *, parallelism: int) -> tuple[Figures, Seen]:
    """Figures of a batch of so many recordings, and what was seen meanwhile."""
    with watching(here.node.plane.admin) as seen:
        one = batch(here, name, [path.name for path in _recordings()[:count]], parallelism=parallelism)
        status = one.done()
    return _figures(status, one.workers()), seen


def _figures(status: dict[str, Any], workers: list[dict[str, Any]]) -> Figures:
    """Of a batch that is complete, from its status and its pods' receipts."""
    sums, counts = status["sums"], status["counts"]
    receipts = [Receipt.model_validate_json(_worker(pod)["terminated"]["message"]) for pod in workers]
    return {
        "succeeded": f"{counts['succeeded']} of {counts['total']}",
        "media_seconds": round(float(sums["mediaSeconds"])),
        "rtf_p50": status["rtf"]["p50"],
        "rtf_p95": status["rtf"]["p95"],
        "hours_per_hour": status["audioHoursPerHour"],
        "seconds_per_recording": {
            name: round(float(sums[f"{name}Seconds"]) / counts["total"], 2) for name in WAITS
        },
        "peak_rss_mib_median": median(receipt.memory.peak_rss_mib for receipt in receipts if receipt.memory),
    }


def _worker(pod: dict[str, Any]) -> dict[str, Any]:
    return dict(pod["status"]["containerStatuses"][0]["state"])


def table(rows: dict[str, Figures]) -> str:
    """The rows as Markdown."""
    lines = [
        f"| {name} | {figure} | {value} |" for name, row in rows.items() for figure, value in row.items()
    ]
    return "\n".join(["| row | figure | |", "|---|---|---|", *lines])


if __name__ == "__main__":
    if reason := blocker():
        sys.exit(f"bench.node: {reason}")
    sys.exit(rows_main("node", __doc__, {each.__name__: each for each in (series, thirty)}, table))
