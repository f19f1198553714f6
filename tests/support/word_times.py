"""What holds of the words of every recording, whatever its engines say: who reads a transcript jumps to a
word, follows the words while they are played, and cuts them by speaker."""

from collections.abc import Sequence
from itertools import pairwise

from ingest_worker.attribution import NEAR_SECONDS
from ingest_worker.domain import Segment, SpokenWord, Turn, Word

ROUNDING_SECONDS = 1e-6


def faults_of_times(words: Sequence[Word], seconds: float) -> list[str]:
    """Each word that goes backwards, is empty, reaches into the next one or lies outside the recording."""
    empty = [f"{word} takes no time" for word in words if word.end <= word.start]
    outside = [
        f"{word} is outside 0..{seconds}"
        for word in words
        if word.start < 0 or word.end > seconds + ROUNDING_SECONDS
    ]
    crossing = [
        f"{here} reaches into {there}"
        for here, there in pairwise(words)
        if here.end > there.start + ROUNDING_SECONDS
    ]
    return [*empty, *outside, *crossing]


def faults_of_speakers(words: Sequence[SpokenWord], turns: Sequence[Turn]) -> list[str]:
    """Each word that is not its speaker's: one whose middle is in a turn belongs to that, every other one to
    a turn that is near, or, where none is, to nobody."""
    found = []
    for spoken in words:
        start, end = spoken.word.start, spoken.word.end
        gaps = [(max(turn.start - end, start - turn.end), turn.speaker) for turn in turns]
        possible: set[int | None] = {
            turn.speaker for turn in turns if turn.start <= (start + end) / 2 < turn.end
        }
        if not possible:
            possible |= {who for gap, who in gaps if gap <= NEAR_SECONDS + ROUNDING_SECONDS}
            if all(gap >= NEAR_SECONDS - ROUNDING_SECONDS for gap, _ in gaps):
                possible.add(None)
        if spoken.speaker not in possible:
            found.append(f"{spoken} of {possible}")
    return found


def faults_of_passages(segments: Sequence[Segment], words: Sequence[SpokenWord]) -> list[str]:
    """Each passage that does not begin and end with its words, and words that are in no passage."""
    found = [
        f"{segment} of {inside}"
        for segment in segments
        if (inside := words[slice(*segment.words)])
        and (
            segment.start != inside[0].word.start
            or segment.end != inside[-1].word.end
            or {spoken.speaker for spoken in inside} != {segment.speaker}
        )
    ]
    places = [0, *(edge for segment in segments for edge in segment.words), len(words)]
    if any(here != there for here, there in zip(places[::2], places[1::2], strict=True)):
        found.append(f"words in no passage, or in two: {places}")
    return found
