"""Phrases that are repeated: a decoder failure, and also how people talk ("come on, come on"; a code that is
read out four times).

Called by the gates and when a piece is decoded again. Text alone cannot distinguish the two; two decodings of
differently cut sound can, because a looping decoder fills whatever sound it is given. Pure.
"""

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final

UNSPACED_SCRIPT: Final = re.compile(
    "([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u9fff\uf900-\ufaff])"
)
"""Letters of scripts without spaces between words: Thai, Lao, Burmese, Khmer, kana and Han (Unicode blocks).
Each counts as a word."""

MIN_WORDS: Final = 10
MIN_TURNS: Final = 4
LONGEST_PHRASE_WORDS: Final = 10
"""A phrase of up to ten words that is repeated four times in a row and fills ten words is a loop. zlib's
overhead hides it in a short text."""

SAID_TURNS: Final = 12
"""How often in a row a phrase may really have been said. More is a loop, whatever another decoding says."""

MAX_MISCOUNT_RATIO: Final = 1.75
"""How far two counts of one real repetition differ: of six and eight turns of the demo's shortest sentence
tiny.en hears seven and six in the whole, nine and ten in the halves. A looping decoder fills each half as it
fills the whole: twice as many."""

MIN_LIKENESS_SHARE: Final = 0.75
"""Share of words that two decodings of one sound have in common, in order, if both are right."""


@dataclass(frozen=True, slots=True)
class Loop:
    """The phrase that is repeated most often in a row."""

    phrase: tuple[str, ...]
    turns: int


def units(text: str) -> list[str]:
    """Words in lower case without punctuation around them; single letters where a script writes no spaces."""
    spread = UNSPACED_SCRIPT.sub(r" \1 ", text.lower())
    return [word for part in spread.split() if (word := part.strip(".,!?;:…\"'()[]-—。，！？、：；「」"))]


def loop_of(text: str) -> Loop | None:
    """The longest run of one phrase that is a loop by its length; None where nothing is."""
    words = units(text)
    found = [loop for length in range(1, LONGEST_PHRASE_WORDS + 1) for loop in _runs(words, length)]
    loops = [loop for loop in found if loop.turns >= MIN_TURNS and loop.turns * len(loop.phrase) >= MIN_WORDS]
    return max(loops, key=lambda loop: loop.turns * len(loop.phrase), default=None)


def may_be_said(text: str) -> bool:
    """Whether a person may really have repeated a phrase as often as a text does."""
    loop = loop_of(text)
    return loop is None or loop.turns <= SAID_TURNS


def heard_alike(whole: str, parts: str) -> bool:
    """Whether a text with a loop came out again, as often and with the same words around it, from the same
    sound cut elsewhere."""
    loop, again = loop_of(whole), loop_of(parts)
    if not may_be_said(whole) or (loop is not None and (again is None or not _same(loop, again))):
        return False
    return SequenceMatcher(None, units(whole), units(parts), autojunk=False).ratio() >= MIN_LIKENESS_SHARE


def _same(loop: Loop, again: Loop) -> bool:
    """Whether two runs are of one phrase, wherever it begins, and about as long."""
    fewer, more = sorted((loop.turns, again.turns))
    return sorted(loop.phrase) == sorted(again.phrase) and more <= MAX_MISCOUNT_RATIO * fewer


def _runs(words: list[str], length: int) -> list[Loop]:
    """Each run of one phrase of `length` words: the phrase and how often it is said without a break."""
    runs: list[Loop] = []
    run = 0
    for place, (here, there) in enumerate(zip(words, words[length:], strict=False)):
        run = run + 1 if here == there else 0
        if run and run % length == 0:
            first = place - run + 1
            runs.append(Loop(tuple(words[first : first + length]), 1 + run // length))
    return runs
