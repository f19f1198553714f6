"""What hearing again costs: CPU seconds of this tree's transcriber against the one before speech without a
word was looked for.

Both hear the same sound with the same model, one after the other, `ROUNDS` times, each in a process of its
own; the least of each counts, because a busy machine only adds. The earlier tree is taken out of Git's
history. Kept row by row: run it again to go on.

    python -m bench.rehearing [--again] [ROW ...]
"""

import subprocess
import sys
import tempfile
from functools import cache, partial
from pathlib import Path
from typing import Final

import numpy as np

from bench.hearing import BATCH, BEAM, source
from bench.rows import Figures, rows_main
from ingest_worker.domain import SAMPLE_RATE
from testkit.models.demo_set import model

BEFORE: Final = "e8d5996"
"""The last commit that looked again only at what a gate of the whole chunk had refused."""
ROOT: Final = Path(__file__).parents[1]
SOUNDS: Final = {"dialogue": 0, "dialogue-114ms": 114, "apart": 0, "two_cities": 0, "sample": 0}
"""Recording (see `bench.hearing`) and milliseconds of silence in front of it: behind 114 the earlier tree
lost 61 of 927 words."""
ROUNDS: Final = 2

LISTENER: Final = """
import sys, time
from pathlib import Path
from ingest_contract.order import Settings
from ingest_contract.profile import (
    DiarizationProfile, EmbeddingProfile, IdentificationProfile, SegmentationProfile, TranscriptionProfile,
)
from ingest_worker.domain import Audio
from ingest_worker.engines.whisper import WhisperTranscriber
folder, sound, beam, batch = sys.argv[1:]
settings = Settings(
    model_set="demo", transcription=TranscriptionProfile(model="tiny.en", beam_size=int(beam)),
    language="en", vocabulary=(), diarization=DiarizationProfile(), identification=IdentificationProfile(),
    segmentation=SegmentationProfile(), embedding=EmbeddingProfile(),
)
hearing = WhisperTranscriber(
    Path(folder), device="cpu", compute_type="int8", threads=2, batch=int(batch), settings=settings
)
audio = Audio(Path(sound), Path(sound).stat().st_size // 2)
start = time.process_time()
words = hearing.transcribe(audio, lambda _: None).words
print(time.process_time() - start, len(words))
"""

_folder = tempfile.TemporaryDirectory(prefix="before-")


@cache
def earlier() -> Path:
    """The packages of the earlier tree, in a folder that lives as long as this process."""
    folder = Path(_folder.name)
    archive = subprocess.run(
        ["git", "archive", BEFORE, "worker", "crds"], cwd=ROOT, check=True, capture_output=True
    ).stdout
    subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
    return folder


def measured(name: str) -> Figures:
    """CPU seconds and words, before and now."""
    _, sound = source(name.partition("-")[0])
    trees = {"before": earlier(), "now": ROOT}
    seconds: dict[str, list[float]] = {tree: [] for tree in trees}
    words: dict[str, int] = {}
    with tempfile.NamedTemporaryFile(suffix=".pcm") as file:
        file.write(
            np.concatenate([np.zeros(SOUNDS[name] * SAMPLE_RATE // 1000, np.int16), sound])
            .astype("<i2")
            .tobytes()
        )
        file.flush()
        for _ in range(ROUNDS):
            for tree, folder in trees.items():
                spent, words[tree] = _heard(folder, file.name)
                seconds[tree].append(spent)
    return {"seconds": {tree: round(min(spent), 2) for tree, spent in seconds.items()}, "words": words}


def _heard(tree: Path, sound: str) -> tuple[float, int]:
    command = [sys.executable, "-c", LISTENER, str(model("tiny.en")), sound, str(BEAM), str(BATCH)]
    paths = {"PYTHONPATH": f"{tree}/worker:{tree}/crds", "PATH": "/usr/bin:/bin"}
    output = subprocess.run(command, env=paths, check=True, capture_output=True, text=True).stdout
    spent, words = output.split()
    return float(spent), int(words)


def table(rows: dict[str, Figures]) -> str:
    """Seconds before and now, their ratio, and the words."""
    lines = ["| recording | CPU s before | now | ratio | words before | now |", "|---" * 6 + "|"]
    for name, row in rows.items():
        before, now = row["seconds"]["before"], row["seconds"]["now"]
        lines.append(
            f"| {name} | {before} | {now} | {now / before:.2f} | "
            f"{row['words']['before']} | {row['words']['now']} |"
        )
    before, now = (sum(row["seconds"][tree] for row in rows.values()) for tree in ("before", "now"))
    return "\n".join([*lines, f"| all | {before:.1f} | {now:.1f} | {now / before:.2f} | | |"])


def main() -> int:
    """Measure what has no result yet, print."""
    return rows_main("rehearing", __doc__, {name: partial(measured, name) for name in SOUNDS}, table)


if __name__ == "__main__":
    sys.exit(main())
