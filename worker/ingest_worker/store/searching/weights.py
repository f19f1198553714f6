"""What each word of a question is worth, and which of them choose the passages that are looked at. Pure.

The weight is BM25's inverse document frequency (Robertson and Zaragoza, "The Probabilistic Relevance
Framework: BM25 and Beyond", 2009), in Lucene's form, which is never negative.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ingest_worker.store.searching.terms import Term, TermKind

MOST_COMPARED_PASSAGES: Final = 4_000
"""Passages whose words are compared. Each costs about 4 microseconds of the server (decision 0056)."""
MOST_SAMPLED_PASSAGES: Final = 500
"""Passages whose words are compared because they hold the rarest of words that are all common: which of many
they are is chance, and what holds two of the words is compared already."""
ENOUGH_PASSAGES: Final = 1_000
"""Passages that words should be in together, so that all of them are compared."""
MOST_COMMON_SHARE: Final = 0.5
"""Of all passages: a word in more of them tells few apart, and its list takes the longest to read."""
MOST_COMPARED_WORDS: Final = 32
"""Words of a question that are compared: the rarest."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A term, as the store has it."""

    term: Term
    queries: dict[str, str]
    """Language to tsquery; a language in which the term says nothing is left out."""
    passages: int
    """In how many passages it is, at most `MOST_COMPARED_PASSAGES` and one if it was counted."""

    @property
    def is_asked(self) -> bool:
        """Whether it counts for a passage, rather than against."""
        return self.term.kind is not TermKind.EXCLUDED


@dataclass(frozen=True, slots=True)
class Choice:
    """How the passages that are looked at are chosen."""

    any_of: tuple[Counted, ...]
    """Every passage that holds one of these; the others of the question's words count in these passages."""
    all_of: tuple[Counted, ...]
    """Where even the rarest word is in too many passages: those that hold all of these, and of the others
    `MOST_SAMPLED_PASSAGES`."""

    @property
    def has_others(self) -> bool:
        """Whether a passage can hold one of `any_of` and not all of `all_of`. Of one word none can, and
        Postgres would read the word's whole list, or the table, to find that out."""
        return self.any_of != self.all_of


def weight(passages: int, of: int) -> float:
    """`ln(1 + (N - n + 0.5) / (n + 0.5))`."""
    held = min(passages, of)
    return math.log1p((of - held + 0.5) / (held + 0.5))


def chosen(counted: Sequence[Counted], of: int) -> Choice:
    """The rarest words as long as they are in at most `MOST_COMPARED_PASSAGES` passages together (as MaxScore
    leaves out the lists that cannot bring a new document to the top: Turtle and Flood, 1995).

    A phrase must occur, so one alone chooses: the rarest.
    """
    words = sorted((each for each in counted if each.is_asked), key=lambda each: each.passages)
    if phrases := [each for each in words if each.term.kind is TermKind.PHRASE]:
        words = phrases[:1]
    total = 0
    few: list[Counted] = []
    for each in words:
        total += each.passages
        if total > MOST_COMPARED_PASSAGES and few:
            break
        few.append(each)
    too_many = bool(few) and few[0].passages > MOST_COMPARED_PASSAGES
    return Choice(tuple(few), _together(words, of) if too_many else ())


def _together(words: Sequence[Counted], of: int) -> tuple[Counted, ...]:
    """The fewest of the rarest words that are in few enough passages together, if none makes another one
    likelier."""
    found: list[Counted] = []
    expected = float(of)
    for each in words:
        if found and each.passages > MOST_COMMON_SHARE * of:
            break
        found.append(each)
        expected *= each.passages / of
        if len(found) > 1 and expected <= ENOUGH_PASSAGES:
            break
    return tuple(found)


def rarest(counted: Sequence[Counted]) -> tuple[tuple[Counted, ...], tuple[Counted, ...]]:
    """The terms that are compared, in their order, and those beyond `MOST_COMPARED_WORDS`. What is excluded
    and what must occur always counts; what no passage has takes the place of no word that finds one."""
    words = sorted(
        (each for each in counted if each.term.kind is TermKind.WORD),
        key=lambda each: (each.passages == 0, each.passages),
    )
    left_out = {each.term for each in words[MOST_COMPARED_WORDS:]}
    return (
        tuple(each for each in counted if each.term not in left_out),
        tuple(each for each in counted if each.term in left_out),
    )
