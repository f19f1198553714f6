"""The old system's own four tests, on this machine: a short, a medium and a long recording, and a batch of
thirty.

Each row is one batch by `ingestctl run`, with the demo's models, from HTTP to the store. What is told comes
from the status and the receipts; nothing is asserted about seconds. Rows are kept as they finish, so an
interrupted run goes on.

    python -m bench.seed [--again] [ROW ...]
"""

import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import psutil

from bench.batches import run_batch
from bench.rows import rows_main
from testkit.cache import key, once
from testkit.media.server import serving
from testkit.speech import audio, catalogue, dialogue

PORT: Final = 18_081

OLD: Final = {
    "short": "RTF 0.427 (target 0.15-0.22), voice vectors missing after CUDA OOM",
    "medium": "34 min: RTF 0.107, 34 % of voices",
    "long": "114 min: RTF 0.144, 34 % of voices, 63 % of segments Unknown",
    "batch": "30 videos, 16.6 h: 1.7 h/h, RTF 0.59, GPU 2 %; 5 of 50 succeeded at worst",
}
"""What the pipeline that this one replaces reported, on an RTX 5080:
another machine, so only the shape compares."""


@dataclass(frozen=True, slots=True)
class Row:
    """One test: which recordings, made how."""

    name: str
    dialogues: Sequence[int]
    """For each recording, how many dialogues long it is; 0 for a clip of half a minute."""


THIRTY: Final = Row("batch", (0,) * 30)
ROWS: Final = (Row("short", (1,)), Row("medium", (7,)), Row("long", (13,)), THIRTY)


def _record(row: Row, folder: Path) -> None:
    """Write the row's recordings as WAV files."""
    spoken = audio.read(catalogue.recordings()["dialogue"].path)
    for number, dialogues in enumerate(row.dialogues):
        if dialogues:
            samples = np.concatenate([np.roll(spoken, part * 7 * audio.RATE) for part in range(dialogues)])
        else:
            start = number * 9 * audio.RATE
            samples = spoken[start : start + 30 * audio.RATE]
        audio.write(folder / f"{row.name}-{number:02}.wav", samples)


def recordings(row: Row) -> Path:
    """The folder with the row's recordings."""
    return once(
        f"seed-{row.name}", key(dialogue.version(), row.name, str(row.dialogues)), partial(_record, row)
    )


def measured(row: Row) -> dict[str, Any]:
    """Run one row; its figures."""
    content = recordings(row)
    names = sorted(path.name for path in content.iterdir())
    with tempfile.TemporaryDirectory(prefix="ingest-seed-") as folder, serving(content, PORT) as base:
        home = Path(folder)
        status = run_batch(home, [f"{base}/{name}" for name in names])
        return figures(status, home / "batches" / "default" / "demo")


def figures(status: dict[str, Any], folder: Path) -> dict[str, Any]:
    """A row's figures, from the status and the receipts."""
    sums, counts = status["sums"], status["counts"]
    receipts = [json.loads(path.read_text()) for path in folder.glob("runs/*/receipt.json")]
    pids = [json.loads(path.read_text())["pid"] for path in folder.glob("runs/*/started.json")]
    media = float(sums["mediaSeconds"])
    return {
        "succeeded": f"{counts['succeeded']} of {counts['total']}",
        "out_of_memory": sum(
            receipt.get("reason") in ("GpuOutOfMemory", "HostOutOfMemory") for receipt in receipts
        ),
        "media_seconds": round(media),
        "rtf": round(float(sums["processingSeconds"]) / media, 3),
        "hours_per_hour": status["audioHoursPerHour"],
        "overhead_seconds_per_recording": round(
            float(sums["overheadSeconds"]) / max(1, counts["succeeded"]), 1
        ),
        "rtf_by_stage": {
            entry["stage"]: round(float(entry["seconds"]) / media, 4) for entry in sums["stages"]
        },
        "voice_coverage": round(float(sums["voicedSeconds"]) / float(sums["speechSeconds"]), 4),
        "text_coverage": sums["vectors"] / sums["segments"],
        "peak_rss_mib": max(receipt["memory"]["peakRssMib"] for receipt in receipts),
        "processes_left": sum(psutil.pid_exists(pid) for pid in pids),
    }


def table(rows: dict[str, dict[str, Any]]) -> str:
    """The rows as Markdown, beside the old system's."""
    columns = (
        "test",
        "recordings",
        "media",
        "OOM",
        "RTF",
        "h/h",
        "voice",
        "text",
        "peak RSS",
        "left in memory",
        "the old system",
    )
    head = f"| {' | '.join(columns)} |\n{'|---' * len(columns)}|\n"
    lines = (
        f"| {name} | {row['succeeded']} | {row['media_seconds']} s | {row['out_of_memory']} | {row['rtf']} | "
        f"{row['hours_per_hour']} | {row['voice_coverage']:.1%} | {row['text_coverage']:.0%} | "
        f"{row['peak_rss_mib']} MiB | {row['processes_left']} processes | {OLD[name]} |"
        for name, row in rows.items()
    )
    return head + "\n".join(lines)


if __name__ == "__main__":
    sys.exit(rows_main("seed", __doc__, {row.name: partial(measured, row) for row in ROWS}, table))
