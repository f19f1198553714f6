"""What a process costs where recordings are short: each recording of half a minute is ingested by a process
that is started, and by one that is forked from a process with the imports; the real worker, models and store.

A row is one recording both ways, one after the other, so that the machine's other load meets both. Seconds
run from the order to the end of the process. Processor seconds stand beside them; they and memory are sampled
twenty times a second while a run lives. Shared memory is what a run has in common with other processes.

    python -m bench.short [--again] [ROW ...]
"""

import atexit
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache, partial
from math import inf
from pathlib import Path
from typing import Any, Final

import psutil

from bench.rows import Figures, rows_main
from ingest_contract.order import IngestOrder, Item, Settings
from ingest_contract.place import Place, Runtime
from ingest_contract.profile import (
    AllowedSources,
    ComputeType,
    DiarizationProfile,
    EmbeddingProfile,
    FetchProfile,
    IdentificationProfile,
    SegmentationProfile,
    TranscriptionProfile,
)
from ingest_contract.receipt import Receipt, decode
from ingest_operator.local.folders import RunFolder
from ingest_operator.local.forks import Forks
from ingest_operator.local.processes import Limits, RunFacts, launch, passed_on
from ingest_worker.store.embedded import embedded
from ingest_worker.store.schema import ensure_dimension, migrate
from testkit.models.demo_set import models
from testkit.speech import catalogue

COUNT: Final = 20
DIMENSION: Final = 384
"""Of the demo's text model."""
THREADS: Final = 2
SAMPLE_SECONDS: Final = 0.05
MIB: Final = 1 << 20


@cache
def place() -> tuple[Path, str]:
    """(a folder, the address of a store in it); both go with this process. What a worker imports has its
    bytecode then, as in an image: a fresh environment has none, and a first run pays for that alone."""
    subprocess.run([sys.executable, "-c", "import ingest_worker.imports"], env=passed_on(), check=True)
    ends = ExitStack()
    atexit.register(ends.close)
    home = Path(tempfile.mkdtemp(prefix="ingest-bench-"))
    ends.callback(shutil.rmtree, home, ignore_errors=True)
    dsn = ends.enter_context(embedded(home / "postgres"))
    migrate(dsn)
    ensure_dimension(dsn, DIMENSION)
    return home, dsn


@cache
def forks() -> Forks:
    """The process to fork from, and how long it took."""
    home, _ = place()
    found = Forks(passed_on(), home / "forking.log")
    found.ready(THREADS)
    assert found.runs, (home / "forking.log").read_text()
    atexit.register(found.close)
    return found


def order(name: str, folder: RunFolder, clip: Path | None = None) -> IngestOrder:
    """Ingest a clip, or half a minute, under a name that the store does not know."""
    clip = clip or catalogue.recordings()["sample"].path
    return IngestOrder(
        trace_id="0" * 32,
        batch="default/short",
        item=Item(index=0, id=f"file:{name}", url=str(clip)),
        run=1,
        settings=Settings(
            model_set="demo",
            transcription=TranscriptionProfile(model="tiny.en"),
            diarization=DiarizationProfile(),
            identification=IdentificationProfile(),
            segmentation=SegmentationProfile(),
            embedding=EmbeddingProfile(model="all-MiniLM-L6-v2"),
        ),
        runtime=Runtime(
            device="cpu",
            compute_type=ComputeType.INT8,
            threads=THREADS,
            transcription_batch=8,
            diarization_batch=32,
            embedding_batch_tokens=16_384,
            together=True,
            preload=True,
        ),
        fetch=FetchProfile(allow=AllowedSources(folders=(str(clip.parent),))),
        place=Place(
            models=str(models()),
            scratch=str(folder.path / "scratch" / "0"),
            receipt=str(folder.receipt),
            progress_file=str(folder.progress),
        ),
    )


def whole_run(
    name: str, chosen: Forks | None, look: Callable[[int], None], clip: Path | None = None
) -> tuple[float, Receipt]:
    """Seconds of one run, and its Receipt. `look` gets its process twenty times a second."""
    home, dsn = place()
    folder = RunFolder(home / "runs" / name)
    facts = RunFacts(time.time(), charged_attempts=0, rung=0, disruptions=0)
    began, pause = time.monotonic(), threading.Event()
    process = launch(folder, order(name, folder, clip).to_json(), dsn, Limits(None, inf), facts, chosen)
    while (ended := process.poll(time.time())) is None:
        look(process.started.pid)
        pause.wait(SAMPLE_SECONDS)
    seconds = time.monotonic() - began
    assert ended.exit_code == 0, folder.log.read_text()
    return seconds, decode(ended.receipt or "")


def ran(name: str, chosen: Forks | None) -> Figures:
    """One run, and what it took."""
    samples: list[Figures] = []
    seconds, receipt = whole_run(name, chosen, lambda pid: samples.append(sample(pid)))
    largest = max(samples, key=lambda each: each.get("rss", 0))
    return {
        "seconds": round(seconds, 2),
        "cpu": max(each.get("cpu", 0.0) for each in samples),
        "not hidden": round(receipt.overhead_seconds, 2),
        "words": receipt.coverage.words if receipt.coverage else 0,
        "rss": largest["rss"],
        "shared": largest["rss"] - largest["uss"],
    }


def sample(pid: int) -> Figures:
    """Processor seconds, and MiB in all and for itself alone."""
    try:
        process = psutil.Process(pid)
        times, memory = process.cpu_times(), process.memory_full_info()
    except psutil.Error:
        return {}
    spent = times.user + times.system + times.children_user + times.children_system
    return {"cpu": round(spent, 2), "rss": memory.rss // MIB, "uss": memory.uss // MIB}


def pair(number: int) -> Figures:
    """One recording both ways, the first way in turns."""
    run = f"{number:02d}-{time.time_ns()}"
    ways = [("started", None), ("forked", forks())]
    found = {way: ran(f"{run}-{way}", chosen) for way, chosen in (ways if number % 2 else reversed(ways))}
    return found | {"parent": parent()}


def parent() -> Figures:
    """The forking process: MiB in all, and how many are its own alone while it has no run."""
    children = psutil.Process().children()
    (server,) = [each for each in children if "ingest_worker.forking" in each.cmdline()]
    return sample(server.pid)


def table(rows: dict[str, Figures]) -> str:
    """Medians, the ratio, and what each run leaves behind."""
    if not rows:
        return ""
    lines = ["| a run | seconds | processor | not hidden | peak RSS | of it shared |", "|---" * 6 + "|"]
    for way in ("started", "forked"):
        cells = [median(rows, way, name) for name in ("seconds", "cpu", "not hidden", "rss", "shared")]
        lines.append(
            f"| {way} | {cells[0]:.1f} | {cells[1]:.1f} | {cells[2]:.1f} | {cells[3]:.0f} MiB "
            f"| {cells[4]:.0f} MiB |"
        )
    for name in ("seconds", "cpu", "not hidden"):
        ratios = [row["forked"][name] / row["started"][name] for row in rows.values()]
        lines.append(
            f"\n{name}: forked : started, median of {len(ratios)} pairs: {statistics.median(ratios):.2f}"
        )
    sizes = [row["parent"]["rss"] for row in rows.values()]
    words = {row[way]["words"] for row in rows.values() for way in ("started", "forked")}
    lines.append(f"\nthe forking process after each pair, MiB: {' '.join(map(str, sizes))}; words: {words}")
    return "\n".join(lines)


def median(rows: dict[str, Figures], way: str, name: str) -> float:
    """Of one figure of one way."""
    return float(statistics.median(row[way][name] for row in rows.values()))


def main() -> int:
    """Measure, keep, print."""
    rows: dict[str, Any] = {f"{number:02d}": partial(pair, number) for number in range(1, COUNT + 1)}
    return rows_main("short", __doc__, rows, table)


if __name__ == "__main__":
    sys.exit(main())
