"""Thirty short recordings on a real node, by the chart and the operator; and what the node's memory is after each of the first ten.

The node, its images and what stands around them are those of `make e2e`. Models compute on the CPU; the node says that it has one GPU, and
the scheduler gives it to one worker at a time.

    python -m bench.node
"""

import os
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any, Final

from bench.batches import keep
from bench.machine import machine
from bench.seed import THIRTY, recordings
from demo.once import say
from ingest_contract.receipt import Receipt
from tests.e2e.batches import Batch, batch
from tests.e2e.installed import installed
from tests.e2e.place import Place
from tests.e2e.transcript import Transcript
from tests.e2e.watching import Seen, left_now, watching
from tests.support.node.fitness import hindrance

SERIES: Final = 10
WAITS: Final = ("queued", "pulling", "starting", "overhead")
"""What the status says of the time before and between stages: for a GPU, for the image, for the container, for imports and models."""


def measured(here: Place) -> dict[str, Any]:
    """Both batches' figures. Each does all its work: the second uses nothing again that the first has kept."""
    made = recordings(THIRTY)
    names = sorted(path.name for path in made.iterdir())
    for name in names:
        (here.folder / "recordings" / name).symlink_to(made / name)
    before = left_now()
    series, after = _watched(here, batch(here, "series", names[:SERIES], parallelism=1))
    thirty, busy = _watched(here, batch(here, "thirty", names, parallelism=4))
    return {
        "series": {
            "baseline_mib_available": before.available_mib,
            "after_each_mib_available": [each.available_mib for each in after.left],
            "worker_processes_after_each": [each.processes for each in after.left],
            **_figures(series),
        },
        "thirty": {"most_at_a_time": busy.most, "scheduler_let_wait": len(busy.waited), **_figures(thirty)},
    }


def _watched(here: Place, one: Batch) -> tuple[Batch, Seen]:
    """The batch when it is complete, and what was seen meanwhile."""
    with watching(here.node.plane.admin) as seen:
        say(f"node: {one.name}")
        one.done()
    return one, seen


def _figures(one: Batch) -> dict[str, Any]:
    """Of a batch that is complete, from its status and its pods' receipts."""
    status = one.status
    sums, counts = status["sums"], status["counts"]
    receipts = [Receipt.model_validate_json(_worker(pod)["terminated"]["message"]) for pod in one.workers()]
    return {
        "succeeded": f"{counts['succeeded']} of {counts['total']}",
        "media_seconds": round(float(sums["mediaSeconds"])),
        "rtf_p50": status["rtf"]["p50"],
        "rtf_p95": status["rtf"]["p95"],
        "hours_per_hour": status["audioHoursPerHour"],
        "seconds_per_recording": {name: round(float(sums[f"{name}Seconds"]) / counts["total"], 2) for name in WAITS},
        "peak_rss_mib_median": median(receipt.memory.peak_rss_mib for receipt in receipts if receipt.memory),
    }


def _worker(pod: dict[str, Any]) -> dict[str, Any]:
    return dict(pod["status"]["containerStatuses"][0]["state"])


def main() -> int:
    """Measure, keep and print."""
    if reason := hindrance():
        sys.exit(f"bench.node: {reason}")
    with tempfile.TemporaryDirectory(prefix="ingest-node-") as folder, installed(Transcript(os.cpu_count() or 1), Path(folder)) as here:
        found = measured(here)
    keep("node", {"machine": machine(), "repeats": 1, "statistic": "single run", **found})
    print(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
