"""Whether the recordings that a voice is enrolled from sound like one person. Pure. Called by `enrolment`.

A recording of somebody else, among those of one person, would give that person's name to a stranger. So each
is compared with the others, without itself, exactly as a speaker is compared with a voice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ingest_worker.domain import FloatArray
from ingest_worker.identification.scores import similarity

_MAJORITY_DIVISOR: Final = 2
"""More than one in this many must agree: of two that differ nobody can say which is whose."""

_EQUAL_SHARE: Final = 1e-6
"""Scores this near to each other are equal: which of two comes first decides nothing."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """What the recordings say about each other."""

    used: frozenset[int]
    """Positions of those that sound like one person; empty if these are no majority."""
    scores: tuple[float | None, ...]
    """Of each: likeness to the used ones without itself, or to all others if none is used; None if there is
    no other."""


def agreement(vectors: Sequence[FloatArray], threshold: float) -> Agreement:
    """Judge (dimension,) vectors of recordings that are meant to be of one person.

    Recordings belong together if a chain of them is alike (cosine of `threshold` or more); of the largest
    such group, the least alike leave it until each reaches the threshold by the rest.
    """
    if len(vectors) <= 1:
        return Agreement(frozenset(range(len(vectors))), (None,) * len(vectors))
    used = _largest_group(vectors, threshold)
    while used:
        scores = {each: _without_itself(vectors, used, each) for each in used}
        worst = min(_number(score) for score in scores.values())
        if worst >= threshold:
            break
        used = frozenset(each for each in used if _number(scores[each]) > worst + _EQUAL_SHARE)
    if len(used) * _MAJORITY_DIVISOR <= len(vectors):
        used = frozenset()
    compared = used or frozenset(range(len(vectors)))
    return Agreement(used, tuple(_without_itself(vectors, compared, each) for each in range(len(vectors))))


def _largest_group(vectors: Sequence[FloatArray], threshold: float) -> frozenset[int]:
    rows = np.stack(vectors).astype(np.float64)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    alike = rows @ rows.T >= threshold
    groups: list[frozenset[int]] = []
    left = set(range(len(vectors)))
    while left:
        group, reached = set[int](), {min(left)}
        while reached:
            group |= reached
            reached = {int(other) for each in reached for other in np.flatnonzero(alike[each])} - group
        groups.append(frozenset(group))
        left -= group
    return max(groups, key=lambda group: (len(group), -min(group)), default=frozenset())


def _without_itself(vectors: Sequence[FloatArray], among: frozenset[int], which: int) -> float | None:
    others = [vectors[each] for each in sorted(among - {which})]
    return similarity(vectors[which], np.stack(others)) if others else None


def _number(score: float | None) -> float:
    """Alone among the used ones, a recording is like nothing."""
    return -1.0 if score is None else score
