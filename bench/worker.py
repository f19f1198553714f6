"""Where one worker's time and memory go: imports, unhidden start, stages, peak RSS. Makes the tables of
`docs/performance.md`.

Imports are counted in processor seconds of whole processes, the minimum of several, because noise only ever
adds. Stages come from the receipts of real runs over the demo's recordings, one worker at a time.

    python -m bench.worker
"""

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from bench.batches import keep, receipts, run_batch
from testkit.media import packing
from testkit.media.server import serving
from testkit.results.machine import machine

REPEATS: Final = 3
IMPORTS: Final = (
    "ingest_worker.pipeline",
    "faster_whisper",
    "torch",
    "pyannote.audio",
    "ingest_worker.engines.diarization",
    "sentence_transformers",
    "ingest_worker.engines.sentence_parts",
)
"""Behind each of the last two packages stands how the worker imports it."""
FILES: Final = ("talk.mp4", "call.webm")


def import_seconds(module: str) -> float:
    """The fastest of several processes that import one module, less the fastest that import nothing."""
    quiet = {"PYANNOTE_METRICS_ENABLED": "0", "HF_HUB_OFFLINE": "1", "PYTHONWARNINGS": "ignore"}

    def fastest(code: str) -> float:
        times = []
        for _ in range(REPEATS):
            before = _spent()
            subprocess.run([sys.executable, "-c", code], env=os.environ | quiet, check=True)
            times.append(_spent() - before)
        return min(times)

    return round(fastest(f"import {module}") - fastest("pass"), 2)


def _spent() -> float:
    """Processor seconds of all processes that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def runs() -> dict[str, dict[str, Any]]:
    """One receipt per recording, from a real batch with one worker at a time."""
    with tempfile.TemporaryDirectory(prefix="ingest-bench-") as home, serving(packing.folder()) as base:
        run_batch(Path(home), [f"{base}/{file}" for file in FILES])
        return receipts(Path(home))


def table(result: dict[str, Any]) -> str:
    """The result as Markdown."""
    lines = [
        "| import | processor seconds |",
        "|---|---|",
        *(f"| `{module}` | {seconds} |" for module, seconds in result["imports"].items()),
        "",
    ]
    stages = sorted({stage for receipt in result["receipts"].values() for stage in receipt["stages"]})
    lines += [
        "| recording | media | all | not hidden | " + " | ".join(stages) + " | peak RSS |",
        "|---" * (5 + len(stages)) + "|",
    ]
    for file, receipt in result["receipts"].items():
        per = " | ".join(f"{receipt['stages'].get(stage, {}).get('seconds', 0):.1f}" for stage in stages)
        whole = f"{receipt['seconds']:.1f} s (RTF {receipt['seconds'] / receipt['mediaSeconds']:.3f})"
        memory = receipt["memory"]["peakRssMib"]
        lines.append(
            f"| {file} | {receipt['mediaSeconds']:.0f} s | {whole} | "
            f"{receipt['overheadSeconds']:.1f} | {per} | {memory} MiB |"
        )
    return "\n".join(lines)


def main() -> int:
    """Measure, keep, print."""
    result = {
        "machine": machine(),
        "repeats": REPEATS,
        "statistic": "imports: minimum; stages: single run",
        "imports": {module: import_seconds(module) for module in IMPORTS},
        "receipts": runs(),
    }
    keep("worker", result)
    print(table(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
