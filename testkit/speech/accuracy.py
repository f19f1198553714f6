"""How right a transcript is, against recordings whose words and turns are known.

WER is jiwer's, twice: over lower-cased words without punctuation, and over words as Whisper's own
`EnglishTextNormalizer` leaves them, which leaderboards score by: numbers in digits, contractions written out,
titles and fillers. Its table of British spellings comes with model files and is left empty: the references
are in American spelling, which Whisper writes. DER is pyannote.metrics' without a collar,
outside speech that overlaps: stored turns are exclusive, at most one speaker at a time (with overlaps:
`bench/diarization.py`). The share of words given to the right person counts every word that was heard, by the
person whose turn its middle lies in.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import jiwer
from pyannote.core import Annotation, Segment, Timeline
from pyannote.metrics.diarization import DiarizationErrorRate
from scipy.optimize import linear_sum_assignment

from ingest_worker.domain import SpokenWord, Turn
from ingest_worker.store.reads import StoredTranscript
from testkit.speech.catalogue import Recording
from testkit.speech.dialogue import Turn as Reference


@dataclass(frozen=True, slots=True)
class Accuracy:
    """The figures of one recording."""

    wer: float
    english_wer: float
    """By Whisper's `EnglishTextNormalizer`."""
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
    words = [spoken.word.text for spoken in found.words]
    return Accuracy(
        wer=round(word_error_rate(known.text, words), 4),
        english_wer=round(english_word_error_rate(known.text, words), 4),
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


def english_word_error_rate(reference: str, words: Iterable[str]) -> float:
    """Edit distance over reference words, both by Whisper's `EnglishTextNormalizer`."""
    english = _english()
    return float(jiwer.wer(english(reference), english(" ".join(words))))


@cache
def _english() -> Callable[[str], str]:
    """openai/whisper `normalizers/english.py` as transformers has it."""
    from transformers.models.whisper.english_normalizer import EnglishTextNormalizer

    normalizer: Callable[[str], str] = EnglishTextNormalizer({})  # type: ignore[no-untyped-call]  # it has no types
    return normalizer


def diarization_error_rate(reference: Sequence[Reference], turns: Sequence[Turn], seconds: float) -> float:
    """Missed, false and confused speech over reference speech, where one person speaks."""
    said = annotation((turn.start, turn.end, turn.speaker) for turn in reference)
    found = annotation((turn.start, turn.end, str(turn.speaker)) for turn in turns)
    return diarization_errors(said, found, seconds, skip_overlap=True)["diarization error rate"]


def diarization_errors(
    reference: Annotation, found: Annotation, seconds: float, *, skip_overlap: bool
) -> dict[str, float]:
    """The parts of the error rate and the rate, as pyannote.metrics names them, without a collar."""
    metric = DiarizationErrorRate(collar=0.0, skip_overlap=skip_overlap)
    whole = Timeline([Segment(0.0, seconds)])
    return dict(metric(reference, found, uem=whole, detailed=True))


def annotation(spans: Iterable[tuple[float, float, str]]) -> Annotation:
    """Start, end and speaker of each turn, as pyannote.metrics takes them."""
    made = Annotation(uri="recording")
    for number, (start, end, who) in enumerate(spans):
        made[Segment(start, end), number] = who
    return made


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


def concatenated_error_rate(reference: Sequence[Reference], words: Sequence[SpokenWord]) -> float:
    """cpWER, the concatenated minimum-permutation word error rate (Watanabe et al. 2020, "CHiME-6 Challenge",
    section 4.2; MeetEval computes the same): each person's words in one string, against each speaker's, under
    the naming with the fewest edits. Words of nobody are a speaker's of their own; a person or a speaker who
    has no partner counts with all of his words.

    Args:
        reference: Utterances with their text, by start.
        words: In time order.
    """
    said, found = defaultdict[str, list[str]](list), defaultdict[int | None, list[str]](list)
    for turn in sorted(reference, key=lambda turn: turn.start):
        said[turn.speaker] += normalised(turn.text or "").split()
    for spoken in words:
        found[spoken.speaker] += normalised(spoken.word.text).split()
    people, speakers = list(said.values()), list(found.values())
    size = max(len(people), len(speakers), 1)
    people += [[]] * (size - len(people))
    speakers += [[]] * (size - len(speakers))
    edits = [[_edits(person, speaker) for speaker in speakers] for person in people]
    rows, columns = linear_sum_assignment(edits)
    least: int = sum(edits[row][column] for row, column in zip(rows, columns, strict=True))
    return least / max(1, sum(map(len, people)))


def _edits(reference: Sequence[str], words: Sequence[str]) -> int:
    if not reference or not words:
        return len(reference) + len(words)
    found = jiwer.process_words(" ".join(reference), " ".join(words))
    return int(found.substitutions + found.deletions + found.insertions)


def _best_naming(pairs: Counter[tuple[int | None, str]]) -> int:
    """Words that agree under the assignment of speakers to people that agrees most (the Hungarian method)."""
    speakers = sorted({speaker for speaker, _ in pairs if speaker is not None})
    people = sorted({person for _, person in pairs})
    if not speakers:
        return 0
    table = [[pairs[speaker, person] for person in people] for speaker in speakers]
    rows, columns = linear_sum_assignment(table, maximize=True)
    return sum(table[row][column] for row, column in zip(rows, columns, strict=True))
