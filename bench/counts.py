"""How many people there are and who says what, in conversations of two to eight people, beside pyannote's own
pipeline on the same sound; `testkit.speech.conversations` makes them.

Stock is pyannote.audio's pipeline as it ships, but that the trunk runs once for the three slots of a window,
which are the same sound (`testkit.models.reference_diarization`: the same bits in a third of the time). Both
have the same weights, and their turns are given the same words, by the demo's tiny.en. Kept row by row, and
what was heard is kept beside: run it again to go on.

    python -m bench.counts [--again] [ROW ...]
"""

import json
import sys
from collections.abc import Callable, Sequence
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
    figures: Figures = {
        "seconds": round(seconds),
        "overlapped": round(conversations.overlapped(turns), 1),
        "people": len({turn.speaker for turn in turns}),
    }
    return figures | scored(speakers(sound, way), transcript(sound), turns, seconds)


def speakers(sound: audio.Samples, way: str) -> Speakers:
    """What one way said of a sound, kept."""
    pyannote, run = f"pyannote.audio {version('pyannote.audio')}", WAYS[way]
    kit = community1.kit().name
    which = voice_hash(kit) if way == "ours" else f"{pyannote} {kit}"

    def made(heard: Audio) -> bytes:
        output = run(heard).output
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


def _ours(heard: Audio) -> Run:
    return run_product(diarizer(), heard)


def _stock(heard: Audio) -> Run:
    return run_reference(_once_per_window(), heard)


@cache
def _once_per_window() -> Any:
    return once_per_window(community1.kit())


WAYS: Final[dict[str, Callable[[Audio], Run]]] = {"ours": _ours, "stock": _stock}


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
    """A line for each conversation, ours before stock, and the means of those that both were asked."""
    head = "| conversation | two speak | found: ours, stock | DER ours, stock | DER with overlaps"
    lines = [
        head + " | time with the right person | words with the right person | cpWER |",
        "|---" * 8 + "|",
    ]
    names = [name for name in conversations.NAMES if f"{name}, ours" in rows]
    for name in names:
        pair = [rows.get(f"{name}, {way}", {}) for way in WAYS]
        found = ", ".join(str(row.get("speakers", "-")) for row in pair)
        about = f"{name}, {pair[0]['seconds']} s | {pair[0]['overlapped']} s"
        lines.append(f"| {about} | {found} | {_cells([[row] for row in pair])} |")
    both = [name for name in names if f"{name}, stock" in rows]
    if both:
        ways = [[rows[f"{name}, {way}"] for name in both] for way in WAYS]
        lines.append(f"| mean of the {len(both)} by both | | | {_cells(ways)} |")
    return "\n".join(lines)


def _cells(ways: Sequence[Sequence[Figures]]) -> str:
    """The mean of each figure, ours and stock's; "-" where one is missing."""
    cells = []
    for figure in ("der", "der with overlaps", "time", "words", "cpwer"):
        have = [[row[figure] for row in rows if figure in row] for rows in ways]
        cells.append(", ".join(f"{np.mean(each):.3f}" if each else "-" for each in have))
    return " | ".join(cells)


if __name__ == "__main__":
    rows = {f"{name}, {way}": partial(measured, name, way) for name in conversations.NAMES for way in WAYS}
    sys.exit(rows_main("counts", __doc__, rows, table))
