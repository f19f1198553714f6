"""Captions from words: short stretches of one speaker that a person can read while they are shown. Pure; VTT
and SRT are made of them.

Called by `formats`. Every word is in exactly one cue, cues do not overlap, and none has two speakers.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from rich.cells import cell_len

from ingest_contract.text import legible
from ingest_worker.domain import SpokenWord
from ingest_worker.segmentation import SENTENCE_END

LINE_COLUMNS: Final = 42
"""Columns per line, at most two lines, at most seven seconds and at least five sixths of one, if nobody else
speaks meanwhile: Netflix Timed Text Style Guide, General Requirements and English. Columns as displayed: a
Chinese, Japanese or Korean character takes two, a combining mark none."""
MAX_LINES: Final = 2
LONGEST_MILLISECONDS: Final = 7_000
"""Milliseconds."""
SHORTEST_MILLISECONDS: Final = 833
"""Milliseconds."""

PAUSE_SECONDS: Final = 2.0
"""Seconds of silence after which a new cue begins:
a cue across the silence would show the next words too early."""

CLAUSE_END: Final = (",", ";", ":", "，", "；", "：", "、")


@dataclass(frozen=True, slots=True)
class Cue:
    """Text that is shown at once. Times are whole milliseconds, the resolution of VTT and SRT."""

    start: int
    end: int
    speaker: int | None
    lines: tuple[str, ...]
    words: tuple[int, int]
    """First word and one past the last, as indexes into the transcript."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How text is divided into lines."""

    leads: dict[int | None, str] = field(default_factory=dict)
    """Text before the first word of a speaker's cue; SRT writes names there, VTT does not."""

    def lines(self, words: Sequence[SpokenWord]) -> tuple[str, ...]:
        """Words of one speaker in lines of at most `LINE_COLUMNS`; a longer word gets its own line."""
        lines = [self.leads.get(words[0].speaker, "") + plain(words[0].word.text)]
        for each in words[1:]:
            text = plain(each.word.text)
            longer = f"{lines[-1]} {text}" if each.word.spaced else lines[-1] + text
            if cell_len(longer) <= LINE_COLUMNS:
                lines[-1] = longer
            else:
                lines.append(text)
        return tuple(lines)


def plain(text: str) -> str:
    """Text on one line, without control characters:
    an empty line would end a cue, and text is shown on terminals."""
    return legible(text)


def cues(words: Sequence[SpokenWord], layout: Layout) -> tuple[Cue, ...]:
    """Cues in order. `words` are in time order."""
    words = tuple(words)  # a store's are made as they are asked for, and each is asked for several times
    spans = [part for run in _runs(words) for part in _readable(words, run, layout)]
    starts = [round(words[first].word.start * 1000) for first, _ in spans]
    made: list[Cue] = []
    for i, (first, end) in enumerate(spans):
        start = max(starts[i], made[-1].end if made else 0)
        following = max(starts[i + 1], start + 1) if i + 1 < len(spans) else start + LONGEST_MILLISECONDS
        spoken = max(round(each.word.end * 1000) for each in words[first:end])
        until = min(max(spoken, start + SHORTEST_MILLISECONDS), start + LONGEST_MILLISECONDS, following)
        made.append(Cue(start, until, words[first].speaker, layout.lines(words[first:end]), (first, end)))
    return tuple(made)


def _runs(words: Sequence[SpokenWord]) -> Iterator[tuple[int, int]]:
    """Stretches of one speaker without a long silence."""
    first = 0
    for i in range(1, len(words) + 1):
        if (
            i == len(words)
            or words[i].speaker != words[first].speaker
            or words[i].word.start - words[i - 1].word.end > PAUSE_SECONDS
        ):
            yield first, i
            first = i


def _readable(words: Sequence[SpokenWord], run: tuple[int, int], layout: Layout) -> Iterator[tuple[int, int]]:
    first, end = run
    while first < end:
        last = first + 1
        while last < end and _fits(words[first : last + 1], layout):
            last += 1
        if last < end:
            last = _cut(words, first, last)
        yield first, last
        first = last


def _fits(words: Sequence[SpokenWord], layout: Layout) -> bool:
    seconds = words[-1].word.end - words[0].word.start
    return seconds * 1000 <= LONGEST_MILLISECONDS and len(layout.lines(words)) <= MAX_LINES


def _cut(words: Sequence[SpokenWord], first: int, last: int) -> int:
    """After the last sentence, else the last clause, that ends in the second half of what fits; else where
    the cue is full."""
    half = first + (last - first + 1) // 2
    for marks in (SENTENCE_END, CLAUSE_END):
        for i in range(last, half, -1):
            if words[i - 1].word.text.endswith(marks):
                return i
    return last
