"""Word times from Whisper's cross-attention, made fit to use: no word over a pause, none backwards, none empty, none beyond its sound.

Called by the Whisper adapter with the words of one chunk. Pure. Times are seconds of the chunk's sound until `placed` brings them into
the recording.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from statistics import median
from typing import Final

from ingest_contract.text import legible
from ingest_worker.domain import UNSPACED, Word
from ingest_worker.engines.chunks import Chunk

SHORTEST: Final = 0.02
"""Seconds of a word at least: one frame of Whisper's encoder, the resolution of its alignment."""

LONGEST_MEDIAN: Final = 0.7
"""The median word length that is believed at most, in seconds (openai/whisper `timing.py`)."""

LONGEST: Final = 5.0
"""Seconds of any word at most. The alignment gives a whole pause to a word beside it (openai/whisper `timing.py`, the same repair)."""

SENTENCE_END: Final = tuple(".?!。？！")


LETTER: Final = re.compile(r"[0-9A-Za-z\u00c0-\u052f]")
"""Digits and letters of scripts with spaces between words (Latin, Greek, Cyrillic): a name among Chinese words comes in parts of a word."""


def joined(words: Sequence[Word], language: str) -> list[Word]:
    """Pieces joined to the word they belong to ("50" and "%"), the spaces taken off, and for each word whether it had one before it."""
    whole: list[Word] = []
    space = False
    for word in words:
        text = legible(word.text)
        space = space or word.text[:1].isspace()
        if whole and text and not space and _continues(whole[-1].text, text, language):
            before = whole[-1]
            probability = min(before.probability, word.probability)
            whole[-1] = Word(before.start, max(before.end, word.end), before.text + text, probability, before.spaced)
        elif text:
            whole.append(replace(word, text=text, spaced=space or (not whole and _begins_apart(text, language))))
        space = word.text[-1:].isspace() or (space and not text)
    return whole


def _continues(before: str, text: str, language: str) -> bool:
    """Whether two pieces without a space between them are one word. A mark (a vowel of Thai) is written over the letter before it."""
    if language not in UNSPACED or unicodedata.category(text[0]).startswith("M"):
        return True
    return bool(LETTER.match(before[-1]) and LETTER.match(text))


def _begins_apart(text: str, language: str) -> bool:
    """Whether a space belongs between a pause and what is said behind it: everywhere but in the scripts that are as wide as high."""
    return language not in UNSPACED or unicodedata.east_asian_width(text[0]) not in "WF"


def timed(words: Sequence[Word], seconds: float) -> list[Word]:
    """The same words in order, at least `SHORTEST` long, disjoint, within 0..`seconds`.

    A word beside a sentence's end that is more than twice as long as the median gives the pause back (openai/whisper `timing.py`).
    Needs `len(words) * SHORTEST <= seconds`, which the gate on pace sees to.
    """
    shorter = _without_pauses(words)
    forwards: list[Word] = []
    free = 0.0
    for word in shorter:
        start = max(word.start, free)
        free = max(word.end, start + SHORTEST)
        forwards.append(replace(word, start=start, end=free))
    limit = seconds
    for i in range(len(forwards) - 1, -1, -1):
        end = min(forwards[i].end, limit)
        limit = min(forwards[i].start, end - SHORTEST)
        forwards[i] = replace(forwards[i], start=limit, end=end)
    return forwards


def placed(words: Sequence[Word], chunk: Chunk) -> list[Word]:
    """The words of a chunk's sound at their times in the recording."""
    moved = []
    for word in words:
        start, end = chunk.original(word.start, word.end)
        moved.append(replace(word, start=start, end=end))
    return moved


def collapsed(words: Sequence[Word], *, turns: int = 4, phrase: int = 10) -> list[Word]:
    """Without the repeats of a phrase of two to `phrase` words that is said `turns` times running or more: the first is kept.

    A loop can begin in one chunk and go on in the next, where no gate sees it whole. A single word may be said often ("no, no, no").
    """
    kept = list(words)
    for length in range(2, phrase + 1):
        texts = [word.text.lower() for word in kept]
        first = 0
        while first + length * turns <= len(kept):
            last = first + length
            while texts[last : last + length] == texts[first : first + length]:
                last += length
            if last - first >= length * turns and len(set(texts[first : first + length])) > 1:
                del kept[first + length : last], texts[first + length : last]
            first += 1
    return kept


def _without_pauses(words: Sequence[Word]) -> list[Word]:
    lengths = [word.end - word.start for word in words if word.end > word.start]
    longest = 2 * min(LONGEST_MEDIAN, median(lengths)) if lengths else LONGEST
    shorter: list[Word] = []
    begins = True
    for word in words:
        ends = word.text.endswith(SENTENCE_END)
        room = longest if begins or ends else LONGEST
        if word.end - word.start > room:
            pause_before = begins and not ends
            shorter.append(replace(word, start=word.end - room) if pause_before else replace(word, end=word.start + room))
        else:
            shorter.append(word)
        begins = ends
    return shorter
