"""What a pod's process costs where recordings are short: four recordings of half a minute, each ingested by a
worker of its own, and all of them by one that forks a process for each, as `pods.packShort` has it in a
cluster; the real worker, models and store, no pods.

A row is both ways, one after the other, so that the machine's other load meets both. Memory is sampled twenty
times a second: of the parent whenever it has no recording under way, and of all its processes together
(proportional set size: what they share counts once).

    python -m bench.packs [--again] [ROW ...]
"""

import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import psutil

from bench.rows import Figures, rows_main
from bench.short import MIB, SAMPLE_SECONDS, order, place
from ingest_contract.order import IngestOrder
from ingest_contract.order_variables import DSN_VARIABLE, FURTHER, ORDER_VARIABLE
from ingest_contract.pack import read_pack
from ingest_operator.local.folders import RunFolder
from ingest_operator.local.processes import passed_on

COUNT: Final = 10
RECORDINGS: Final = 4


def alone(name: str) -> Figures:
    """A worker for each recording."""
    begun, spent, peak = time.monotonic(), 0.0, 0
    for index in range(RECORDINGS):
        folder = RunFolder(place()[0] / "runs" / f"{name}-{index}")
        found = carried_out([order(f"{name}-{index}", folder)], folder)
        spent, peak = spent + found["cpu"], max(peak, found["pss"])
    return told(time.monotonic() - begun, spent) | {"pss": peak}


def packed(name: str) -> Figures:
    """One worker for all."""
    folder = RunFolder(place()[0] / "runs" / name)
    orders = [
        each.model_copy(
            update={"item": each.item.model_copy(update={"index": index}), "deadline_seconds": 3600}
        )
        for index, each in enumerate(order(f"{name}-{index}", folder) for index in range(RECORDINGS))
    ]
    begun = time.monotonic()
    found = carried_out(orders, folder)
    seconds = time.monotonic() - begun
    report = read_pack(folder.receipt.read_text())
    assert report is not None
    assert [each.code for each in report.ended.values()] == [0] * RECORDINGS, report
    words = [
        each.receipt.coverage.words
        for each in report.ended.values()
        if each.receipt and each.receipt.coverage
    ]
    more = {"pss": found["pss"], "between": found["between"], "words": words}
    return told(seconds, found["cpu"]) | more | {"message": len(folder.receipt.read_bytes())}


def told(seconds: float, spent: float) -> Figures:
    """Per recording."""
    return {"seconds": round(seconds / RECORDINGS, 2), "cpu": round(spent / RECORDINGS, 2)}


def carried_out(orders: Sequence[IngestOrder], folder: RunFolder) -> Figures:
    """One worker, and what it took."""
    folder.path.mkdir(parents=True, exist_ok=True)
    texts = {
        ORDER_VARIABLE + (FURTHER.format(at) if at else ""): each.to_json() for at, each in enumerate(orders)
    }
    with folder.log.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "ingest_worker"],
            env=passed_on() | texts | {DSN_VARIABLE: place()[1]},
            stderr=log,
            start_new_session=True,
        )
        between, peak, pause = [], 0, threading.Event()
        while process.poll() is None:
            together, own = sample(process.pid)
            peak = max(peak, together)
            between += [own] if own else []
            pause.wait(SAMPLE_SECONDS)
    assert process.returncode == 0, folder.log.read_text()
    return {"cpu": spent_by_children(), "pss": peak, "between": between}


def sample(pid: int) -> tuple[int, int]:
    """(MiB of all processes together, those that the first has alone in memory while it has no child)."""
    try:
        first = psutil.Process(pid)
        children = first.children(recursive=True)
        sizes = [each.memory_full_info().pss // MIB for each in (first, *children)]
        return sum(sizes), 0 if children else first.memory_info().rss // MIB
    except psutil.Error:
        return 0, 0


_BEFORE = [0.0]


def spent_by_children() -> float:
    """Processor seconds of all that has ended since the last call."""
    now = os.times()
    total = now.children_user + now.children_system
    since, _BEFORE[0] = total - _BEFORE[0], total
    return since


def pair(number: int) -> Figures:
    """Both ways, the first way in turns."""
    run = f"{number:02d}-{time.time_ns()}"
    place()
    spent_by_children()
    ways = [("alone", alone), ("packed", packed)]
    return {way: measured(f"{run}-{way}") for way, measured in (ways if number % 2 else reversed(ways))}


def table(rows: dict[str, Figures]) -> str:
    """Medians and the ratio."""
    if not rows:
        return ""
    lines = ["| a recording | seconds | processor | most memory |", "|---" * 4 + "|"]
    for way in ("alone", "packed"):
        cells = [
            statistics.median(row[way][name] for row in rows.values()) for name in ("seconds", "cpu", "pss")
        ]
        lines.append(f"| {way} | {cells[0]:.1f} | {cells[1]:.1f} | {cells[2]:.0f} MiB |")
    for name in ("seconds", "cpu"):
        ratios = [row["packed"][name] / row["alone"][name] for row in rows.values()]
        lines.append(
            f"\n{name}: packed : alone, median of {len(ratios)} rows: {statistics.median(ratios):.2f}"
        )
    for name, row in rows.items():
        lines.append(
            f"\n{name}: the parent while no recording is under way, MiB: {gaps(row['packed']['between'])}"
        )
    return "\n".join(lines)


def gaps(samples: Sequence[int]) -> str:
    """The last sizes, without repeats: before the first recording it is importing."""
    return " ".join(str(size) for at, size in enumerate(samples) if at == 0 or size != samples[at - 1])


def main() -> int:
    """Measure, keep, print."""
    rows: dict[str, Any] = {f"{number:02d}": partial(pair, number) for number in range(1, COUNT + 1)}
    return rows_main("packs", __doc__, rows, table)


if __name__ == "__main__":
    sys.exit(main())
