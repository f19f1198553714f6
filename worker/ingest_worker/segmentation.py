"""Passages to search, from words with speakers. Pure.

Called by the pipeline after attribution. A passage has one speaker, so that a search for a person is exact;
it ends at a sentence end or a pause, so that its vector is meaningful. Must not change, drop or repeat a
word.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from ingest_contract.profile import SegmentationProfile
from ingest_worker.domain import Segment, SpokenWord, Word

SENTENCE_END: Final = (".", "?", "!", "…", "。", "？", "！", '."', '?"', '!"', ".”", "?”", "!”")

SHORTEST_SHARE: Final = 0.5
"""Least length of a passage that is cut at a sentence end, as a share of the longest: a sentence of two
seconds is no passage if more would fit."""

Run = tuple[int, int]
"""First word and one past the last."""


def written(words: Iterable[Word]) -> str:
    """The words as running text, with the spaces that were between them."""
    return "".join(f" {word.text}" if word.spaced else word.text for word in words).strip()


def segment(words: Sequence[SpokenWord], profile: SegmentationProfile) -> tuple[Segment, ...]:
    """Every word in exactly one passage, in order; each passage starts before it ends.

    A passage longer than `max_seconds` is cut after the last sentence end in its second half, else at the
    longest pause there. Only a single word may be longer.

    Args:
        words: In time order.
        profile: `max_seconds` and `max_gap_seconds`.
    """
    runs = (
        part
        for run in _runs(words, profile.max_gap_seconds)
        for part in _short_enough(words, run, profile.max_seconds)
    )
    return tuple(_segment(words, run) for run in runs)


def _runs(words: Sequence[SpokenWord], max_gap: float) -> Iterator[Run]:
    """Stretches of one speaker without a long silence."""
    first = 0
    for i in range(1, len(words) + 1):
        if i == len(words) or words[i].speaker != words[first].speaker or _pause(words, i) > max_gap:
            yield first, i
            first = i


def _short_enough(words: Sequence[SpokenWord], run: Run, longest: float) -> Iterator[Run]:
    first, end = run
    while first < end:
        last = first + 1
        while last < end and words[last].word.end - words[first].word.start <= longest:
            last += 1
        if last < end:
            last = _cut(words, first, last, longest)
        yield first, last
        first = last


def _cut(words: Sequence[SpokenWord], first: int, last: int, longest: float) -> int:
    """Where to cut the words `first`..`last` that fit: the index of the first word of the next passage."""
    enough = words[first].word.start + SHORTEST_SHARE * longest
    late = [i for i in range(first + 1, last + 1) if words[i - 1].word.end >= enough] or [last]
    sentences = [i for i in late if words[i - 1].word.text.endswith(SENTENCE_END)]
    return sentences[-1] if sentences else max(late, key=lambda i: (_pause(words, i), i))


def _pause(words: Sequence[SpokenWord], i: int) -> float:
    """Seconds of silence before word `i`."""
    return words[i].word.start - words[i - 1].word.end


def _segment(words: Sequence[SpokenWord], run: Run) -> Segment:
    inside = [spoken.word for spoken in words[run[0] : run[1]]]
    return Segment(
        start=inside[0].start,
        end=max(word.end for word in inside),
        speaker=words[run[0]].speaker,
        text=written(inside),
        words=run,
    )
