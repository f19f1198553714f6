"""Memory and time of a diarization at any length, by steps, each length in a process of its own.

The diarizer, its clustering and its files are real. What its two networks say is played: the answers to five
minutes of the demo's dialogue, over and over, with noise on the voice network's frames, so that eight hours
take minutes. What the networks take themselves does not depend on the length: they see one batch at a time.

    python -m bench.lengths [--again] [ROW ...]
"""

import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

from bench.rows import Figures, rows_main

HOURS: Final = {"10 min": 1 / 6, "1 h": 1.0, "4 h": 4.0, "8 h": 8.0}
HEARD_SECONDS: Final = 299.0
BATCH: Final = 32
PERIOD_SECONDS: Final = 0.02
NOISE: Final = 0.3
"""On the frames, in deviations of a block: the same five minutes must not be the same vectors each time."""


class Peaks:
    """The most resident memory of this process in each step, sampled."""

    def __init__(self) -> None:
        self.step, self.found = "loaded", dict[str, int]()
        self._look()  # now: the first step may be over before the thread runs
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            time.sleep(PERIOD_SECONDS)
            self._look()

    def _look(self) -> None:
        status = Path("/proc/self/status").read_text()
        resident = int(status.partition("VmRSS:")[2].split()[0]) >> 10
        self.found[self.step] = max(self.found.get(self.step, 0), resident)

    def around(self, step: str, do: Callable[..., Any]) -> Callable[..., Any]:
        """`do`, as a step of its own."""

        def stepped(*arguments: Any, **named: Any) -> Any:
            self.step = step
            made = do(*arguments, **named)
            self.step = "between"
            return made

        return stepped


def measured(hours: float) -> Figures:
    """One length, in this process."""
    from ingest_worker.surroundings import settle

    settle(2)
    from ingest_contract.order import SpeakerCount
    from ingest_worker.domain import SAMPLE_RATE, Audio
    from ingest_worker.engines.diarization import PyannoteDiarizer
    from testkit.models.demo_set import model
    from testkit.models.reference_diarization import pcm
    from testkit.speech.catalogue import recordings

    diarizer = PyannoteDiarizer(model("community-1"), device="cpu", batch=BATCH)
    with tempfile.TemporaryDirectory(prefix="ingest-bench-") as scratch:
        known = pcm(recordings()["dialogue"].path, Path(scratch) / "known.pcm", HEARD_SECONDS)
        _play(diarizer, known)
        long = Path(scratch) / "long.pcm"
        samples = round(hours * 3600 * SAMPLE_RATE)
        with long.open("wb") as file:
            file.truncate(2 * samples)
        peaks = Peaks()
        pipeline: Any = diarizer._pipeline  # noqa: SLF001 -- its steps are what is measured
        pipeline.get_segmentations = peaks.around("segmentation", pipeline.get_segmentations)
        pipeline.get_embeddings = peaks.around("pooling", pipeline.get_embeddings)
        pipeline.clustering = _Stepped(pipeline.clustering, peaks)
        began = time.process_time()
        found = diarizer.diarize(Audio(long, samples), SpeakerCount(), lambda _: None)
    return {
        "hours": round(hours, 2),
        "processor": round(time.process_time() - began, 1),
        "turns": len(found.turns),
        "peaks": peaks.found,
    }


class _Stepped:
    """The clustering, as a step; whatever else is asked of it is its own."""

    def __init__(self, inner: Any, peaks: Peaks) -> None:
        self._inner, self._call = inner, peaks.around("clustering", inner)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self._call(*arguments, **named)


def _play(diarizer: Any, known: Any) -> None:
    """Replace the networks' answers by those to a recording, over and over."""
    import numpy as np
    import torch

    active = diarizer.activity.of(known, lambda _: None)
    blocks = list(diarizer.trunk.blocks(known))[:-1]
    windows, turn = count(), count()
    chance = torch.Generator().manual_seed(1)
    width = blocks[0].shape[1]
    inference = diarizer.activity._inference  # noqa: SLF001 -- it stands in for it below

    class Played:
        def __getattr__(self, name: str) -> Any:
            return getattr(inference, name)

        def infer(self, batch: Sequence[Any]) -> Any:
            return np.stack([active[next(windows) % len(active)] for _ in batch])

    def frames(_: Any, starts: Sequence[int], total: int) -> list[Any]:
        made = []
        for start in starts:
            block = blocks[next(turn) % len(blocks)]
            noisy = block + NOISE * block.std() * torch.randn(block.shape, generator=chance)
            made.append(noisy[:, : min(width, -(-(total - start) // 8))].contiguous())
        return made

    diarizer.activity._inference = Played()  # noqa: SLF001 -- played in its place
    diarizer.trunk._frames = frames  # noqa: SLF001 -- likewise


def row(hours: float) -> Figures:
    """One length, in a process that is gone afterwards."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as processes:
        return processes.submit(measured, hours).result()


def table(rows: dict[str, Figures]) -> str:
    """Peaks by step, and the processor seconds of an hour."""
    steps = ("loaded", "segmentation", "pooling", "clustering", "between")
    lines = [
        f"| length | {' | '.join(f'{step}, MiB' for step in steps)} | processor seconds per hour |",
        "|---" * (len(steps) + 2) + "|",
    ]
    for name, figures in rows.items():
        peaks = " | ".join(str(figures["peaks"].get(step, "")) for step in steps)
        lines.append(f"| {name} | {peaks} | {figures['processor'] / figures['hours']:.1f} |")
    return "\n".join(lines)


def main() -> int:
    """Measure, keep, print."""
    return rows_main("lengths", __doc__, {name: partial(row, hours) for name, hours in HOURS.items()}, table)


if __name__ == "__main__":
    sys.exit(main())
