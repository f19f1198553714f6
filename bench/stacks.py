"""One worker beside what people would wire together instead: the same model files, the same audio, one cold
process each. `bench.stack` says what the ways are.

A row is one way on one recording: `sample` is thirty seconds of two people, `ten` ten minutes of dialogue
(the demo's, twice). Seconds are from the start of a process to its end; of `bare` they are the engines'
alone, with everything loaded. `worker` runs through its store, as `bench.short` has it. Rows of one recording
are ratios of one machine in one state only if they were measured together.

WhisperX itself cannot be installed beside this: 3.8.6 asks for torch 2.8, transformers 4 and tokenizers 0.22,
and its alignment for weights that no package has.

    python -m bench.stacks [--again] [ROW ...]
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
import wave
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from bench.rows import Figures, rows_main
from bench.short import place, whole_run
from ingest_worker.domain import SpokenWord, Turn, Word
from ingest_worker.store import reads
from ingest_worker.store.connect import connect
from testkit.speech import catalogue
from testkit.speech.accuracy import diarization_error_rate, right_person, word_error_rate
from testkit.speech.catalogue import Recording

WAYS: Final = ("worker", "bare", "batched", "sequential")
RECORDINGS: Final = ("sample", "ten")
GOALS: Final = (("sequential", 12.0), ("batched", 10.0))
"""How many times as long as the worker each should take, at least."""
MOST_AROUND: Final = 1.10
"""How many times as long as its bare engines the worker may take."""


def known(name: str, folder: Path) -> Recording:
    """The recording, as a WAV file in `folder`."""
    original = catalogue.recordings()["dialogue" if name == "ten" else name]
    with wave.open(str(original.path)) as file:
        sound, shape = file.readframes(file.getnframes()), file.getparams()
    times = 2 if name == "ten" else 1
    path = folder / f"{name}.wav"
    with wave.open(str(path), "wb") as into:
        into.setparams(shape)
        into.writeframes(sound * times)
    return replace(
        original,
        path=path,
        seconds=times * original.seconds,
        text=" ".join([original.text or ""] * times),
        turns=tuple(
            replace(turn, start=turn.start + k * original.seconds, end=turn.end + k * original.seconds)
            for k in range(times)
            for turn in original.turns or ()
        ),
    )


def row(name: str, way: str) -> Figures:
    """One way on one recording."""
    with tempfile.TemporaryDirectory(prefix="ingest-bench-") as scratch:
        recording = known(name, Path(scratch))
        figures, words, turns = (
            by_worker(recording) if way == "worker" else by_stack(recording, way, Path(scratch))
        )
        assert recording.text is not None
        assert recording.turns is not None
        return {
            "media": round(recording.seconds, 1),
            **figures,
            "wer": round(word_error_rate(recording.text, [each.word.text for each in words]), 4),
            "der": round(diarization_error_rate(recording.turns, turns, recording.seconds), 4),
            "right": round(right_person(recording.turns, words), 4),
            "speakers": len({turn.speaker for turn in turns}),
        }


def by_worker(recording: Recording) -> tuple[Figures, list[SpokenWord], list[Turn]]:
    """A worker that is started, from its order to its last commit. Its memory is what its Receipt says, which
    the others are asked in the same way (`ingest_worker.resident`)."""
    name = f"stacks-{recording.path.stem}-{time.time_ns()}"
    place()  # its store is there before anything is counted
    before = children_seconds()
    seconds, receipt = whole_run(name, None, lambda _: None, recording.path)
    spent = children_seconds() - before
    with connect(place()[1], application="bench") as connection:
        found = reads.transcript(connection, f"file:{name}")
    assert found is not None
    assert receipt.memory is not None
    taken = {"seconds": round(seconds, 2), "cpu": round(spent, 1), "rss": receipt.memory.peak_rss_mib}
    return taken, list(found.words), list(found.turns)


def children_seconds() -> float:
    """Processor seconds of all children of this process that have ended."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def by_stack(recording: Recording, way: str, scratch: Path) -> tuple[Figures, list[SpokenWord], list[Turn]]:
    """A process of `bench.stack`."""
    result = scratch / "result.json"
    began = time.monotonic()
    subprocess.run([sys.executable, "-m", "bench.stack", way, str(recording.path), str(result)], check=True)
    whole = time.monotonic() - began
    found = json.loads(result.read_text())
    seconds = found["seconds"] if way == "bare" else whole
    words = [SpokenWord(**each | {"word": Word(**each["word"])}) for each in found["words"]]
    turns = [Turn(**each) for each in found["turns"]]
    return {"seconds": round(seconds, 2), "cpu": round(found["cpu"], 1), "rss": found["rss"]}, words, turns


def table(rows: dict[str, Figures]) -> str:
    """Every row, and the ratios to the worker with their goals."""
    taken = ("recording", "way", "seconds", "processor", "to the worker's", "processor to the worker's")
    columns = (*taken, "WER", "DER", "right person", "speakers", "peak RSS")
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    for each, figures in rows.items():
        name, way = each.split("/")
        ours = rows.get(f"{name}/worker")
        ratios = [f"{figures[kind] / ours[kind]:.2f}" if ours else "" for kind in ("seconds", "cpu")]
        lines.append(
            f"| {name}, {figures['media']:.0f} s | {way} | {figures['seconds']:.1f} | {figures['cpu']:.0f} "
            f"| {' | '.join(ratios)} | {figures['wer']:.3f} | {figures['der']:.3f} | {figures['right']:.3f} "
            f"| {figures['speakers']} | {figures['rss']} MiB |"
        )
    return "\n".join([*lines, "", *goals(rows)])


def goals(rows: dict[str, Figures]) -> list[str]:
    """What was aimed at with ten minutes, as far as it is measured."""
    if (ours := rows.get("ten/worker")) is None:
        return []
    said = []
    for way, goal in GOALS:
        if other := rows.get(f"ten/{way}"):
            times = other["seconds"] / ours["seconds"]
            said.append(f"{way} takes {times:.1f} times as long; the goal is {goal:.0f} or more.")
    if alone := rows.get("ten/bare"):
        around = ours["seconds"] / alone["seconds"]
        said.append(
            f"The worker takes {around:.2f} times its bare engines; the goal is {MOST_AROUND} or less."
        )
    return said


def main() -> int:
    """Measure, keep, print."""
    rows = {f"{name}/{way}": partial(row, name, way) for name in RECORDINGS for way in WAYS}
    return rows_main("stacks", __doc__, rows, table)


if __name__ == "__main__":
    sys.exit(main())
