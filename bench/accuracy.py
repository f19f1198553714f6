"""How right the result is, against recordings whose words and turns are known: what `docs/accuracy.md` says
and the tests hold to.

WER is jiwer's over lower-cased words without punctuation. DER is pyannote.metrics' without a collar,
outside speech that overlaps: stored turns are exclusive, at most one speaker at a time (with overlaps:
`bench/diarization.py`). The share of words given to the right person counts every word that was heard, by the
person whose turn its middle lies in.

    python -m bench.accuracy
"""

import json
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import jiwer
from pyannote.core import Annotation, Segment, Timeline
from pyannote.metrics.diarization import DiarizationErrorRate

from bench.batches import keep, run_batch
from bench.machine import machine
from demo import media, speech
from demo.dialogue import Turn as Reference
from demo.server import serving
from demo.speech import Recording
from ingest_worker.domain import SpokenWord, Turn
from ingest_worker.store.connect import connect
from ingest_worker.store.embedded import embedded
from ingest_worker.store.reads import StoredTranscript, transcript

FILES: Final = {"call.webm": "sample", "talk.mp4": "dialogue"}
"""Media file -> the recording in it."""


@dataclass(frozen=True, slots=True)
class Accuracy:
    """The figures of one recording."""

    wer: float
    der: float
    speakers_found: int
    speakers: int
    right_person: float
    """Share of words that went to the right person, 0 to 1."""
    voice_coverage: float
    """Share of speech seconds whose speaker has a voice vector, 0 to 1."""
    labels: tuple[str, ...]


def accuracy(known: Recording, found: StoredTranscript) -> Accuracy:
    """The figures of one recording, from what the store has of it."""
    assert known.text is not None
    assert known.turns is not None
    coverage = found.run.figures["coverage"]
    return Accuracy(
        wer=round(word_error_rate(known.text, (spoken.word.text for spoken in found.words)), 4),
        der=round(diarization_error_rate(known.turns, found.turns, known.seconds), 4),
        speakers_found=len(found.speakers),
        speakers=len({turn.speaker for turn in known.turns}),
        right_person=round(right_person(known.turns, found.words), 4),
        voice_coverage=round(coverage["voicedSeconds"] / coverage["speechSeconds"], 4),
        labels=tuple(sorted(speaker.label for speaker in found.speakers)),
    )


def normalised(text: str) -> str:
    """Lower case, letters, digits and apostrophes only: the words and nothing else."""
    return " ".join(re.findall(r"[a-z0-9']+", text.lower().replace("’", "'")))


def word_error_rate(reference: str, words: Iterable[str]) -> float:
    """Edit distance over reference words."""
    return float(jiwer.wer(normalised(reference), normalised(" ".join(words))))


def diarization_error_rate(reference: Sequence[Reference], turns: Sequence[Turn], seconds: float) -> float:
    """Missed, false and confused speech over reference speech, where one person speaks."""
    whole = Timeline([Segment(0.0, seconds)])
    return float(
        DiarizationErrorRate(collar=0.0, skip_overlap=True)(
            _reference(reference), _hypothesis(turns), uem=whole
        )
    )


def _reference(turns: Sequence[Reference]) -> Annotation:
    annotation = Annotation(uri="recording")
    for number, turn in enumerate(turns):
        annotation[Segment(turn.start, turn.end), number] = turn.speaker
    return annotation


def _hypothesis(turns: Sequence[Turn]) -> Annotation:
    annotation = Annotation(uri="recording")
    for number, turn in enumerate(turns):
        annotation[Segment(turn.start, turn.end), number] = str(turn.speaker)
    return annotation


def right_person(reference: Sequence[Reference], words: Sequence[SpokenWord]) -> float:
    """Share of words, among those that lie in exactly one reference turn, that went to its person under the
    best one-to-one naming."""
    pairs: Counter[tuple[int | None, str]] = Counter()
    for spoken in words:
        middle = (spoken.word.start + spoken.word.end) / 2
        present = {turn.speaker for turn in reference if turn.start <= middle <= turn.end}
        if len(present) == 1:
            pairs[spoken.speaker, present.pop()] += 1
    return _best_naming(pairs) / max(1, pairs.total())


def _best_naming(pairs: Counter[tuple[int | None, str]]) -> int:
    """Words that agree under the assignment of speakers to people that agrees most (the Hungarian method)."""
    from scipy.optimize import linear_sum_assignment

    speakers = sorted({speaker for speaker, _ in pairs if speaker is not None})
    people = sorted({person for _, person in pairs})
    if not speakers:
        return 0
    table = [[pairs[speaker, person] for person in people] for speaker in speakers]
    rows, columns = linear_sum_assignment(table, maximize=True)
    return sum(table[row][column] for row, column in zip(rows, columns, strict=True))


def measured(home: Path) -> dict[str, Accuracy]:
    """Ingest the recordings and read them back from the store."""
    with serving(media.folder()) as base:
        status = run_batch(home, [f"{base}/{file}" for file in FILES])
    plan = json.loads((home / "batches" / "default" / "demo" / "plan-0.json").read_text())["document"][
        "items"
    ]
    names = {item["id"]: item["url"].rsplit("/", 1)[-1] for item in plan}
    found: dict[str, Accuracy] = {}
    with embedded(home / "postgres") as dsn, connect(dsn, application="bench") as connection:
        for row in status["recordings"]:
            stored = transcript(connection, row["id"])
            assert stored is not None
            found[names[row["id"]]] = accuracy(speech.recordings()[FILES[names[row["id"]]]], stored)
    return found


def main() -> int:
    """Measure, keep, print."""
    with tempfile.TemporaryDirectory(prefix="ingest-accuracy-") as home:
        rows = {name: asdict(figures) for name, figures in measured(Path(home)).items()}
    keep("accuracy", {"machine": machine(), "models": "demo", "rows": rows})
    columns = tuple(next(iter(rows.values())))
    print(f"| recording | {' | '.join(columns)} |", "|---" * (1 + len(columns)) + "|", sep="\n")
    for name, row in rows.items():
        print(f"| {name} | {' | '.join(str(row[column]) for column in columns)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
