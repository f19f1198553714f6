"""What is left of foreign captions: their words, on one line each, without markup. Pure.

Called by `reading` once, where captions come in. What nobody says goes: markup, and sounds that are described
in square brackets. Labels of speakers (`>> ANN:`) stay, as text: who speaks is diarization's to say.
"""

import re
from collections.abc import Iterable, Sequence
from html import unescape
from itertools import pairwise
from typing import Final

from ingest_contract.text import legible
from ingest_worker.captions.values import Cue

Raw = tuple[float, float, Sequence[str]]
"""Start and end in seconds, and the lines as they stand in the file."""

Shown = tuple[float, float, tuple[str, ...]]
"""The same with clean lines; no empty ones."""

_TAG: Final = re.compile(r"<[^<>]*>")
"""WebVTT's spans and timestamps, SubRip's HTML. Each `<` is looked at once, whatever follows it."""
_OVERRIDE: Final = re.compile(r"\{\\[^{}]*\}")
"""SubStation's overrides, which SubRip files have: `{\\an8}`."""
_SOUND: Final = re.compile(r"\[[^\[\]]*\]")

ROLLING_SHARE: Final = 0.5
"""Share of captions that repeat the end of the one before, above which all of them do: captions that roll up
by a line, as automatic ones, or grow by a word. Below it a repeat is what somebody said twice."""

_ADJACENT_SECONDS: Final = 0.1
"""Captions that roll follow each other without a gap."""

_LONGEST_REPEAT_WORDS: Final = 100
"""Words that are compared; two lines have a dozen."""


def cleaned(raw: Iterable[Raw]) -> tuple[Cue, ...]:
    """Captions in the order of their starts, each with text, none repeating the one before because of the way
    in which it is shown."""
    lines = ((start, end, tuple(filter(None, map(_line, text)))) for start, end, text in raw)
    shown = sorted((each for each in lines if _spoken(each[2])), key=lambda each: each[0])
    texts = [" ".join(each[2]) for each in shown]
    if _rolls(shown):
        texts = [texts[0], *(_new(before, after) for before, after in pairwise(texts))]
    return tuple(Cue(each[0], each[1], text) for each, text in zip(shown, texts, strict=True) if text)


def _line(text: str) -> str:
    bare = legible(unescape(_OVERRIDE.sub("", _TAG.sub("", text))))
    return "" if _SOUND.fullmatch(bare) else bare


def _spoken(lines: Sequence[str]) -> bool:
    """Whether there is a letter or a digit; `♪` alone is none, nor is a sound that is described in two
    lines."""
    text = " ".join(lines)
    return any(character.isalnum() for character in text) and not _SOUND.fullmatch(text)


def _rolls(shown: Sequence[Shown]) -> bool:
    """Whether these are captions that roll or grow."""
    pairs = list(pairwise(shown))
    repeats = sum(
        after[0] - before[1] <= _ADJACENT_SECONDS and _repeats(before[2], after[2]) for before, after in pairs
    )
    return repeats > 1 and repeats >= ROLLING_SHARE * len(pairs)


def _repeats(before: Sequence[str], after: Sequence[str]) -> bool:
    return after[0] == before[-1] or " ".join(after).startswith(" ".join(before) + " ")


def _new(before: str, after: str) -> str:
    """The words of a caption that were not shown in the one before."""
    old, words = before.split(), after.split()
    for count in range(min(len(old), len(words), _LONGEST_REPEAT_WORDS), 0, -1):
        if old[-count:] == words[:count]:
            return " ".join(words[count:])
    return after
