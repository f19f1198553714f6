"""Diarization three ways in one run: as shipped, with one trunk call per window, and with the trunk run once.
`make bench-diarization`.

Prints a table and writes `bench/results/diarization.json` after every recording. Seconds are of the whole
diarization without loading, on one thread: two that wait for each other on a machine with other work on it
measure that work (17.7 s instead of 1.5 s was seen). CPU seconds stand beside them for the same reason.
"""

import json
import statistics
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch

from ingest_worker.domain import Audio
from ingest_worker.engines.diarization import PyannoteDiarizer
from testkit.models import community1
from testkit.models.reference_diarization import (
    Run,
    cosine,
    once_per_window,
    pcm,
    run_product,
    run_reference,
    stock,
)
from testkit.results.machine import machine
from testkit.speech.catalogue import recordings
from testkit.speech.dialogue import Turn

RESULTS: Final = Path(__file__).with_name("results") / "diarization.json"

INPUTS: Final = (("sample", 30.0), ("dialogue", 64.0))
"""Recordings and how much of each, in seconds: stock takes about as long as it listens, on two cores."""

BATCH: Final = 32
THREADS: Final = 1
REPEATS: Final = 3
"""Of the trunk run once. The other two take long enough to be measured once."""


@dataclass(frozen=True, slots=True)
class Row:
    """One way on one recording."""

    recording: str
    audio_seconds: float
    way: str
    repeats: int
    seconds: float
    """Median."""
    cpu_seconds: float
    """Median."""
    times_faster: float
    """Stock's seconds over these."""
    times_less_cpu: float
    der: float
    speakers: int
    slot_cosine_mean: float
    """Voice vectors against stock's, over (window, slot)
    pairs with the clean speech that clustering asks for."""
    slot_cosine_p5: float
    centroid_cosine_min: float
    largest_difference: float
    """Of any number in these vectors from stock's."""


def measured(name: str, audio: Audio, truth: Sequence[Turn], folder: Path) -> list[Row]:
    """Three rows. The product runs before, between and after the others,
    so that a drift of the machine meets all."""
    diarizer, shared, shipped = (
        PyannoteDiarizer(folder, device="cpu", batch=BATCH),
        once_per_window(folder),
        stock(folder),
    )
    product: Callable[[], Run] = lambda: run_product(diarizer, audio)  # noqa: E731 - said three times below
    first = product()
    per_window = run_reference(shared, audio)
    second = product()
    base = run_reference(shipped, audio)
    once = [first, second, product()]
    ways = {"stock": [base], "one call per window": [per_window], "trunk once": once}
    return [compared(name, way, runs, base, (audio, truth)) for way, runs in ways.items()]


def compared(name: str, way: str, runs: Sequence[Run], base: Run, known: tuple[Audio, Sequence[Turn]]) -> Row:
    """The figures of one way, against stock's run."""
    audio, truth = known
    run = runs[-1]
    seconds, cpu = (
        statistics.median(values)
        for values in zip(*((each.seconds, each.cpu_seconds) for each in runs), strict=True)
    )
    slots = cosine(run.vectors, base.vectors)[base.heard()]
    mine, theirs = run.output.speaker_embeddings, base.output.speaker_embeddings
    return Row(
        recording=name,
        audio_seconds=audio.seconds,
        way=way,
        repeats=len(runs),
        seconds=round(seconds, 3),
        cpu_seconds=round(cpu, 3),
        times_faster=round(base.seconds / seconds, 2),
        times_less_cpu=round(base.cpu_seconds / cpu, 2),
        der=round(run.error_rate(truth), 4),
        speakers=len(mine),
        slot_cosine_mean=round(float(slots.mean()), 4),
        slot_cosine_p5=round(float(np.percentile(slots, 5)), 4),
        centroid_cosine_min=round(float(cosine(mine[:, None], theirs[None]).max(1).min()), 4),
        largest_difference=float(np.abs(run.vectors - base.vectors)[base.heard()].max()),
    )


def main() -> None:
    """Measure, print, write."""
    torch.set_num_threads(THREADS)
    folder, rows = community1.kit(), list[Row]()
    known = recordings()
    with tempfile.TemporaryDirectory() as scratch:
        for name, seconds in INPUTS:
            audio = pcm(known[name].path, Path(scratch) / f"{name}.pcm", seconds)
            truth = [
                Turn(t.start, min(t.end, seconds), t.speaker)
                for t in known[name].turns or ()
                if t.start < seconds
            ]
            rows += measured(name, audio, truth, folder)
            written(rows)
            for each in rows[-3:]:
                print(line(each), flush=True)


def line(row: Row) -> str:
    """A row for people."""
    return (
        f"{row.recording:9}{row.audio_seconds:6.1f} s  {row.way:18}{row.seconds:8.2f} s "
        f"({row.times_faster:5.1f}x)  CPU {row.cpu_seconds:8.2f} s ({row.times_less_cpu:5.1f}x)  "
        f"DER {row.der:.4f}  {row.speakers} speakers  cosine {row.slot_cosine_mean:.4f} centroids "
        f"{row.centroid_cosine_min:.4f}  difference {row.largest_difference:.2g}"
    )


def written(rows: Sequence[Row]) -> None:
    """What was measured so far, with what it was measured on."""
    RESULTS.parent.mkdir(exist_ok=True)
    about = {
        "command": "python -m bench.diarization",
        "machine": machine() | {"torch": torch.__version__, "threads": str(torch.get_num_threads())},
        "statistic": "median of `repeats` runs in one process; stock and one call per window once",
        "score": "pyannote.metrics DER, no collar, overlaps included; loading not included",
    }
    RESULTS.write_text(json.dumps(about | {"rows": [asdict(each) for each in rows]}, indent=2) + "\n")


if __name__ == "__main__":
    main()
