"""How many people there are and who says what, in conversations of two to eight people, beside pyannote's own
pipeline on the same sound; `testkit.speech.conversations` makes them.

Stock is pyannote.audio's pipeline as it ships, but that the trunk runs once for the three slots of a window,
which are the same sound (`testkit.models.reference_diarization`: the same bits in a third of the time). The
third way is ours where a batch says how many people there are. All have the same weights, and their turns are
given the same words, by the demo's tiny.en. Kept row by row, and what was heard is kept beside: run it again
to go on.

    python -m bench.counts [--again] [ROW ...]
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib.metadata import version
from typing import Any, Final

import numpy as np

from bench.heard import diarizer, kept, transcript
from bench.rows import Figures, rows_main
from ingest_worker.attribution import attribute
from ingest_worker.domain import Audio, Diarization, Transcript
from ingest_worker.domain import Turn as Found
from ingest_worker.engines.turns import diarization_of
from ingest_worker.hashes import voice_hash
from testkit.models import community1
from testkit.models.reference_diarization import Run, once_per_window, run_product, run_reference
from testkit.speech import audio, conversations
from testkit.speech.accuracy import annotation, concatenated_error_rate, diarization_errors, right_person
from testkit.speech.dialogue import Turn

COUNTED: Final = "ours, count said"
WAYS: Final = ("ours", "stock", COUNTED)
Span = tuple[float, float, str]


@dataclass(frozen=True, slots=True)
class Speakers:
    """What a diarizer said."""

    exclusive: tuple[Found, ...]
    """At most one speaker at a time."""
    every: tuple[Span, ...]
    """With overlaps."""
    overlaps: tuple[tuple[float, float], ...]


def measured(name: str, way: str) -> Figures:
    """One conversation, one way."""
    sound, turns = conversations.conversation(name)
    seconds = sound.size / audio.RATE
    people = len({turn.speaker for turn in turns})
    figures: Figures = {
        "seconds": round(seconds),
        "overlapped": round(conversations.overlapped(turns), 1),
        "people": people,
    }
    return figures | scored(speakers(sound, way, people), transcript(sound), turns, seconds)


def speakers(sound: audio.Samples, way: str, people: int) -> Speakers:
    """What one way said of a sound in which so many people speak, kept."""
    pyannote, run = f"pyannote.audio {version('pyannote.audio')}", _stock if way == "stock" else _ours
    kit = community1.kit().name
    which = f"{pyannote} {kit}" if way == "stock" else voice_hash(kit)

    def made(heard: Audio) -> bytes:
        output = run(heard, people if way == COUNTED else None).output
        exclusive = diarization_of(output, heard.seconds)
        every = output.speaker_diarization.itertracks(yield_label=True)
        document = {
            "exclusive": [(turn.start, turn.end, turn.speaker) for turn in exclusive.turns],
            "every": [(segment.start, segment.end, label) for segment, _, label in every],
            "overlaps": exclusive.overlaps,
        }
        return json.dumps(document).encode()

    found = json.loads(kept(f"speakers-{way}", which, sound, made))
    return Speakers(
        tuple(Found(*turn) for turn in found["exclusive"]),
        tuple((start, end, label) for start, end, label in found["every"]),
        tuple((start, end) for start, end in found["overlaps"]),
    )


def _ours(heard: Audio, people: int | None) -> Run:
    return run_product(diarizer(), heard, people)


def _stock(heard: Audio, _: int | None) -> Run:
    return run_reference(_once_per_window(), heard)


@cache
def _once_per_window() -> Any:
    return once_per_window(community1.kit())


def scored(found: Speakers, said: Transcript, turns: Sequence[Turn], seconds: float) -> Figures:
    """Speakers, error rates of diarization, and what is with the right person of time and words."""
    reference = annotation((turn.start, turn.end, turn.speaker) for turn in turns)
    exclusive = annotation((turn.start, turn.end, str(turn.speaker)) for turn in found.exclusive)
    alone = diarization_errors(reference, exclusive, seconds, skip_overlap=True)
    overlapping = diarization_errors(reference, annotation(found.every), seconds, skip_overlap=False)
    count = len({turn.speaker for turn in found.exclusive})
    diarization = Diarization(found.exclusive, found.overlaps, np.ones((count, 1), np.float32))
    words = attribute(said.words, diarization)
    figures: Figures = {
        "speakers": count,
        "der": round(alone["diarization error rate"], 4),
        "der with overlaps": round(overlapping["diarization error rate"], 4),
        "time": round(alone["correct"] / alone["total"], 4),
        "words": round(right_person(turns, words), 4),
    }
    if turns[0].text is not None:
        figures["cpwer"] = round(concatenated_error_rate(turns, words), 4)
    return figures


def table(rows: dict[str, Figures]) -> str:
    """A line for each conversation and way, and each way's means of the conversations that all were asked."""
    head = "| conversation | two speak | way | speakers found | DER | DER with overlaps"
    lines = [
        head + " | time with the right person | words with the right person | cpWER |",
        "|---" * 9 + "|",
    ]
    for row, figures in rows.items():
        name, _, way = row.partition(", ")
        about = f"{name}, {figures['seconds']} s | {figures['overlapped']} s | {way} | {figures['speakers']}"
        lines.append(f"| {about} | {_cells([figures])} |")
    by_all = [name for name in conversations.NAMES if all(f"{name}, {way}" in rows for way in WAYS)]
    for way in WAYS if by_all else ():
        about = f"mean of the {len(by_all)} by all | | {way} | "
        lines.append(f"| {about} | {_cells([rows[f'{name}, {way}'] for name in by_all])} |")
    return "\n".join(lines)


def _cells(rows: Sequence[Figures]) -> str:
    """The mean of each figure; "-" where none has it."""
    cells = []
    for figure in ("der", "der with overlaps", "time", "words", "cpwer"):
        have = [row[figure] for row in rows if figure in row]
        cells.append(f"{np.mean(have):.3f}" if have else "-")
    return " | ".join(cells)


if __name__ == "__main__":
    rows = {f"{name}, {way}": partial(measured, name, way) for name in conversations.NAMES for way in WAYS}
    sys.exit(rows_main("counts", __doc__, rows, table))
