"""How right the result is, against recordings whose words and turns are known: what `docs/accuracy.md` says and the tests hold to.

WER is jiwer's over lower-cased words without punctuation. DER is pyannote.metrics' without a collar, overlapping speech included.
The share of words given to the right person counts every word that was heard, by the person whose turn its middle lies in.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import jiwer
from pyannote.core import Annotation, Segment
from pyannote.metrics.diarization import DiarizationErrorRate

from demo.dialogue import Turn as Reference
from ingest_worker.domain import SpokenWord, Turn


@dataclass(frozen=True, slots=True)
class Accuracy:
    """The figures of one recording."""

    wer: float
    der: float
    speakers: int
    speakers_wanted: int
    right_person: float
    """Share of attributed words that went to the right person, 0 to 1."""


def normalised(text: str) -> str:
    """Lower case, letters, digits and apostrophes only: the words and nothing else."""
    return " ".join(re.findall(r"[a-z0-9']+", text.lower().replace("’", "'")))


def word_error_rate(reference: str, words: Iterable[str]) -> float:
    """Edit distance over reference words."""
    return float(jiwer.wer(normalised(reference), normalised(" ".join(words))))


def diarization_error_rate(reference: Sequence[Reference], turns: Sequence[Turn]) -> float:
    """Missed, false and confused speech over reference speech."""
    return float(DiarizationErrorRate(collar=0.0, skip_overlap=False)(_reference(reference), _hypothesis(turns)))


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
    """Share of words, among those that lie in exactly one reference turn, that went to its person under the best one-to-one naming."""
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
