"""Words where nobody speaks: ten minutes each of silence, noise, hum, tones, music, applause and a crowd,
heard by this project's transcriber and, the first two minutes of them, by faster-whisper's sequential loop.

A word that is written is invented; a second in `dropped` is one in which voice activity heard a voice,
nothing could be written, and the Receipt tells it. Kept row by row: run it again to go on.

    python -m bench.invented [--again] [ROW ...]
"""

import sys
from functools import partial
from typing import Final

import numpy as np

from bench.hearing import HEARERS
from bench.rows import Figures, rows_main
from ingest_contract.stages import STAGE_VERSION, Stage
from ingest_worker.domain import SAMPLE_RATE
from testkit.speech import wordless

SECONDS: Final = 600
STOCK_SECONDS: Final = 120
"""The sequential loop decodes each window up to six times where it believes none of its texts."""
MODELS: Final = ("tiny.en", "base")
SHOWN: Final = 8
"""Words of a row that are kept, to look at."""


def measured(model: str, kind: str) -> Figures:
    """What each writes of a sound without words."""
    sound = np.round(wordless.of(kind, SECONDS) * 32_767).astype(np.int16)
    words, reported = HEARERS["ours"](model, sound)
    stock, _ = HEARERS["sequential"](model, sound[: STOCK_SECONDS * SAMPLE_RATE])
    return {
        "version": STAGE_VERSION[Stage.TRANSCRIBE],
        "words": len(words),
        "voice": reported["speech"],
        "dropped": reported["dropped"],
        "stock": len(stock),
        "shown": {"ours": " ".join(words[:SHOWN]), "stock": " ".join(stock[:SHOWN])},
    }


def table(rows: dict[str, Figures]) -> str:
    """A line for each sound."""
    head = "| model, ten minutes of | s with a voice | words written | s told as without words"
    lines = [
        head + " | words by the sequential loop in two minutes | the first of them |",
        "|---" * 6 + "|",
    ]
    for name, row in rows.items():
        shown = row["shown"]["ours"] or row["shown"]["stock"]
        lines.append(
            f"| {name} | {row['voice']} | {row['words']} | {row['dropped']} | {row['stock']} | {shown} |"
        )
    return "\n".join(lines)


def main() -> int:
    """Measure what has no result yet, print."""
    rows = {f"{model} {kind}": partial(measured, model, kind) for model in MODELS for kind in wordless.KINDS}
    return rows_main("invented", __doc__, rows, table)


if __name__ == "__main__":
    sys.exit(main())
