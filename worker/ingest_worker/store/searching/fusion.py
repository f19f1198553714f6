"""One score from two, and near-duplicates in one place. Pure.

A sum of scores and not of reciprocal ranks: since any word of a question may be held, the list by words ends
in passages that hold a common one, whose ranks say nothing (docs/decisions/0050 has the figures).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from ingest_worker.store.searching.values import Folded, Hit

MEANING_SHARE: Final = 0.4
"""Of the score; the rest is the words': a passage that holds every word of the question comes before any that
is only near. Measured by `python -m bench.search`."""
SAME_WORDS_SHARE: Final = 0.85
"""Of the words of both passages together, for one of them to be folded into the other."""
_WORD: Final = re.compile(r"\w+")
_FEWEST_WORDS: Final = 4
"""Shorter passages are the same only if they say the same: "yes, right" and "yes, great" are not."""


def scores(found: Sequence[tuple[float | None, float | None]]) -> tuple[float, ...]:
    """Of each passage's similarity and word score, in the same order. Before hits are made of them: of
    hundreds that say the same, copies would cost more than all the rest."""
    similar = [similarity for similarity, _ in found if similarity is not None]
    low, high = (min(similar), max(similar)) if similar else (0.0, 0.0)
    return tuple(_score(similarity, words, low, high) for similarity, words in found)


def best_first(hits: Iterable[Hit]) -> list[Hit]:
    """By their scores."""
    return sorted(hits, key=lambda hit: (-hit.score, -(hit.similarity or 0), hit.segment))


def folded(hits: Iterable[Hit], limit: int) -> tuple[Hit, ...]:
    """The first `limit`, with what says nearly the same listed under the better one."""
    kept: list[Hit] = []
    said: list[frozenset[str]] = []
    under: Mapping[int, list[Folded]] = {}
    for hit in hits:
        words = frozenset(_WORD.findall(hit.text.lower()))
        same = next((i for i, other in enumerate(said) if _is_same(words, other)), None)
        if same is not None:
            under[same].append(_place(hit))
        elif len(kept) < limit:
            under = {**under, len(kept): []}
            kept.append(hit)
            said.append(words)
    return tuple(replace(hit, folded=tuple(under[i])) for i, hit in enumerate(kept))


def _score(similarity: float | None, word_score: float | None, low: float, high: float) -> float:
    words = 0.0 if word_score is None else word_score
    if similarity is None:
        return words
    near = (similarity - low) / (high - low) if high > low else 1.0
    if word_score is None:
        return near
    # Squared: who holds half of a question's words has said a quarter of it.
    return MEANING_SHARE * near + (1 - MEANING_SHARE) * words**2


def _is_same(words: frozenset[str], other: frozenset[str]) -> bool:
    fewer, more = sorted((len(words), len(other)))
    if fewer < _FEWEST_WORDS:
        return words == other
    if fewer < SAME_WORDS_SHARE * more:
        return False  # most pairs, and without making a set
    both = len(words & other)
    return both >= SAME_WORDS_SHARE * (fewer + more - both)


def _place(hit: Hit) -> Folded:
    return Folded(hit.segment, hit.recording, hit.title, hit.url, hit.speaker, hit.start, hit.end)
