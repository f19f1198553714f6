"""The noise of a word error rate: one sound behind several leads, heard by this project and by stock loops.

A lead of some hundredths of a second changes nothing that is said, but every window: what a loop's error rate
does then is chance, and a difference of two loops at one lead says no more than that. The sounds are those of
`bench.hearing` in which this project was worse than a stock loop by more than 0.005, and the loops those that
were better there. Kept row by row: run it again to go on.

    python -m bench.spread [--again] [ROW ...]
"""

import sys
from functools import partial
from typing import Final

import numpy as np

from bench.hearing import Row, measured
from bench.rows import Figures, known, rows_main

LEADS: Final = (0, 100, 200, 50, 150, 250)
"""Milliseconds of silence beyond the sound's own lead."""
SOUNDS: Final = {
    Row("tiny.en", "sample", 50, 0, "mp3"): "batched",
    Row("base", "sample", 100, -30, "pcm"): "batched",
    Row("base", "sample", 667, -12, "opus"): "batched",
}
"""Sound, and the loop that was better."""


def behind(sound: Row, lead: int) -> Row:
    """The sound after more silence."""
    return Row(sound.model, sound.recording, sound.lead + lead, sound.gain, sound.codec)


def table(found: dict[str, Figures]) -> str:
    """By sound: mean, least and largest word error rate over its leads, and the mean of the differences with
    its standard error."""
    lines = [
        "| sound | stock loop | leads | ours, mean (least to most) | stock | ours - stock (standard error) |",
        "|---" * 6 + "|",
    ]
    for sound, loop in SOUNDS.items():
        rates = [found[name]["wer"] for lead in LEADS if (name := behind(sound, lead).name) in found]
        if len(rates) > 1:
            ours, stock = (np.array([each[who] for each in rates]) for who in ("ours", loop))
            cells = [f"{np.mean(each):.4f} ({min(each):.4f} to {max(each):.4f})" for each in (ours, stock)]
            more = ours - stock
            error = np.std(more, ddof=1) / np.sqrt(len(more))
            cells.append(f"{np.mean(more):+.4f} ({error:.4f})")
            lines.append(f"| {sound.name} | {loop} | {len(rates)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> int:
    """Measure what has no result yet, print."""
    before = known("spread")
    rows = {
        row.name: partial(measured, row, before.get(row.name), ("ours", loop))
        for sound, loop in SOUNDS.items()
        for row in (behind(sound, lead) for lead in LEADS)
    }
    return rows_main("spread", __doc__, rows, table)


if __name__ == "__main__":
    sys.exit(main())
