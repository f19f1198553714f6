"""Corrects word times from Whisper's cross-attention: no word over a pause, none backwards, none empty, none
beyond its sound.

Called by the Whisper adapter with the words of one chunk. Pure. Times are seconds of the chunk's sound until
`placed` brings them into the recording.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from math import ceil
from statistics import median
from typing import Final

from ingest_contract.text import legible
from ingest_worker.domain import UNSPACED, Word
from ingest_worker.engines.chunks import Chunk
from ingest_worker.engines.quality import MAX_CHARACTERS_PER_SECOND

SHORTEST_SECONDS: Final = 0.02
"""The shortest word in seconds: one frame of Whisper's encoder, the resolution of its alignment."""

LONGEST_MEDIAN_SECONDS: Final = 0.7
"""The largest plausible median word length, in seconds (openai/whisper `timing.py`)."""

WORD_SECONDS: Final = 0.8
CHARACTER_SECONDS: Final = 0.1
DIGIT_SECONDS: Final = 0.4
"""The longest plausible time for a word of so many characters: a letter takes 0.07 s (Tauroza and Allison
1990: 170 words a minute), and "1984" is read as three words. Chunks contain no longer pauses than their
padding, so a longer word lies over speech that the decoder left out: one "am" over 18 s."""

STRETCHED_FACTOR: Final = 3
"""Such a word was said in a third of that at its start."""

PUNCTUATION: Final = ".,!?;:…\"'。，！？、"
"""Marks around a word that are ignored when repeats are compared."""

SENTENCE_END: Final = tuple(".?!。？！")


LETTER: Final = re.compile(r"[0-9A-Za-z\u00c0-\u052f]")
"""Digits and letters of scripts with spaces between words (Latin, Greek, Cyrillic): in Chinese text, a name
in such a script comes in parts of a word."""


def joined(words: Sequence[Word], language: str) -> list[Word]:
    """Pieces joined to the word they belong to ("50" and "%"), the spaces taken off, and for each word
    whether it had one before it. Marks alone are no words: Whisper writes full stops over a hum."""
    whole: list[Word] = []
    space = False
    for word in words:
        text = legible(word.text)
        space = space or word.text[:1].isspace()
        if whole and text and not space and _continues(whole[-1].text, text, language):
            before = whole[-1]
            probability = min(before.probability, word.probability)
            whole[-1] = Word(
                before.start, max(before.end, word.end), before.text + text, probability, before.spaced
            )
        elif text:
            whole.append(
                replace(word, text=text, spaced=space or (not whole and _begins_apart(text, language)))
            )
        space = word.text[-1:].isspace() or (space and not text)
    return whole if any(character.isalnum() for word in whole for character in word.text) else []


def _continues(before: str, text: str, language: str) -> bool:
    """Whether two pieces without a space between them are one word. A mark (a vowel of Thai) is written over
    the letter before it."""
    if language not in UNSPACED or unicodedata.category(text[0]).startswith("M"):
        return True
    return bool(LETTER.match(before[-1]) and LETTER.match(text))


def _begins_apart(text: str, language: str) -> bool:
    """Whether a space belongs between a pause and the word after it: always, except in full-width scripts."""
    return language not in UNSPACED or unicodedata.east_asian_width(text[0]) not in "WF"


def timed(words: Sequence[Word], seconds: float) -> list[Word]:
    """The same words in order, at least `SHORTEST_SECONDS` long, disjoint, within 0..`seconds`.

    A word next to a sentence's end that is more than twice as long as the median loses the pause
    (openai/whisper `timing.py`). Of a sound that is too short for so many words (the gate on pace takes no
    sound for shorter than a second) each has its part.
    """
    shorter = _without_pauses(words)
    shortest = min(SHORTEST_SECONDS, seconds / max(1, len(words)))
    forwards: list[Word] = []
    free = 0.0
    for word in shorter:
        start = max(word.start, free)
        free = max(word.end, start + shortest)
        forwards.append(replace(word, start=start, end=free))
    limit = seconds
    for i in range(len(forwards) - 1, -1, -1):
        end = min(forwards[i].end, limit)
        limit = min(forwards[i].start, end - shortest)
        forwards[i] = replace(forwards[i], start=limit, end=end)
    return forwards


def placed(words: Sequence[Word], chunk: Chunk) -> list[Word]:
    """The words of a chunk's sound at their times in the recording."""
    moved = []
    for word in words:
        start, end = chunk.original(word.start, word.end)
        moved.append(replace(word, start=start, end=end))
    return moved


def apart(words: Sequence[Word]) -> list[Word]:
    """Words in order of their starts, none overlapping the next: where two decodings meet, the earlier word
    is shortened."""
    ordered = sorted(words, key=lambda word: (word.start, word.end))
    kept: list[Word] = []
    for word in ordered:
        if kept and kept[-1].end > word.start:
            before = kept[-1]
            edge = max(word.start, before.start + SHORTEST_SECONDS)
            kept[-1] = replace(before, end=edge)
            word = replace(word, start=edge, end=max(word.end, edge + SHORTEST_SECONDS))  # noqa: PLW2901 - the same word, moved
        kept.append(word)
    return kept


def collapsed(
    words: Sequence[Word], joints: Sequence[float] = (), *, turns: int = 4, phrase: int = 10
) -> list[Word]:
    """Removes repeats of a phrase that the sound cannot contain; the first of each run is kept. The caller
    counts the removed words.

    A phrase of one to `phrase` words, repeated `turns` times in a row or more, loses the repeats that are too
    fast to be said, and those without a time of their own: an alignment crowds a decoder's loop into the end
    of its sound. One of two words or more
    that crosses a joint, the second at which a chunk ends and the next begins, loses all repeats: it is a
    loop of which each gate saw a half. Digits stay as they are: numbers do repeat themselves.
    """
    kept = list(words)
    for length in range(1, phrase + 1):
        texts = [word.text.lower().strip(PUNCTUATION) for word in kept]
        first = 0
        while first + length * turns <= len(kept):
            last = first + length
            while texts[last : last + length] == texts[first : first + length]:
                last += length
            if last - first >= length * turns:
                held = _held(kept[first:last], length, joints)
                kept[first:last] = held
                texts[first:last] = [word.text.lower().strip(PUNCTUATION) for word in held]
                first += max(1, len(held) - length)
            else:
                first += 1
    return kept


def _held(run: Sequence[Word], length: int, joints: Sequence[float]) -> list[Word]:
    """The part of a run of one phrase that the sound can contain."""
    phrase = {word.text.lower().strip(PUNCTUATION) for word in run[:length]}
    if any(character.isdigit() for text in phrase for character in text):
        return list(run)
    if len(phrase) > 1 and any(run[0].end <= joint <= run[-1].start for joint in joints):
        return list(run[:length])
    said = [run[i : i + length] for i in range(0, len(run), length)]
    fits = [
        turn
        for turn in said[1:]
        if sum(len(word.text) for word in turn) <= MAX_CHARACTERS_PER_SECOND * (turn[-1].end - turn[0].start)
    ]
    turns = [said[0], *fits]
    for _ in range(_without_time(turns)):
        turns.remove(max(reversed(turns), key=lambda turn: sum(_is_bare(word) for word in turn)))
    return [word for turn in turns for word in turn]


def _without_time(turns: Sequence[Sequence[Word]]) -> int:
    """How many turns the alignment gave no time of their own, and the rhythm of the others leaves none: a
    decoder that writes one turn more than was said shares the last one's time between two."""
    if len(turns) < 2:  # noqa: PLR2004 - one turn has no rhythm
        return 0
    starts = [turn[0].start for turn in turns]
    held = ceil((turns[-1][-1].end - starts[0]) / median(later - here for here, later in pairwise(starts)))
    bare = sum(_is_bare(word) for turn in turns for word in turn)
    return max(0, min(bare // len(turns[0]), len(turns) - held))


def _is_bare(word: Word) -> bool:
    """Whether the alignment found no time for a word."""
    return word.end - word.start < 1.5 * SHORTEST_SECONDS


def longest_said(text: str) -> float:
    """The longest plausible time for a word, in seconds."""
    digits = sum(character.isdigit() for character in text)
    return WORD_SECONDS + CHARACTER_SECONDS * len(text) + DIGIT_SECONDS * digits


def _without_pauses(words: Sequence[Word]) -> list[Word]:
    lengths = [word.end - word.start for word in words if word.end > word.start]
    longest = 2 * min(LONGEST_MEDIAN_SECONDS, median(lengths) if lengths else LONGEST_MEDIAN_SECONDS)
    shorter: list[Word] = []
    begins = True
    for word in words:
        ends = word.text.endswith(SENTENCE_END)
        seconds, most = word.end - word.start, longest_said(word.text)
        if seconds > longest and begins and not ends:
            shorter.append(replace(word, start=word.end - longest))
        elif seconds > longest and ends:
            shorter.append(replace(word, end=word.start + longest))
        elif seconds > most:
            shorter.append(replace(word, end=word.start + most / STRETCHED_FACTOR))
        else:
            shorter.append(word)
        begins = ends
    return shorter
