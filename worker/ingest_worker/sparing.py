"""Keeps a voice that was forgotten out of what a new run found. Pure; called by the store before it commits.

What was forgotten is known by the times at which it spoke, because no vector of it is kept: a speaker most of
whose seconds lie there has no vector and no name, and if its passages were to go, they go again.
"""

from dataclasses import dataclass, replace

import numpy as np

from ingest_worker.domain import Decision, Diarization, Identity, Segment, SpokenWord
from ingest_worker.placing import MOSTLY_SHARE, speakers_of
from ingest_worker.spans import Spans, joined, share
from ingest_worker.store.records import Content


@dataclass(frozen=True, slots=True)
class Spared:
    """A run's content without what was forgotten."""

    content: Content
    speakers: frozenset[int]
    """Those whose voice was."""


def spared(content: Content, kept: Spans, cut: Spans, names: frozenset[str]) -> Spared:
    """The content as it may be stored.

    Args:
        content: what the run found.
        kept: times whose voice was forgotten, and whose passages stay.
        cut: times whose passages go.
        names: voices that were forgotten: nobody is named so, or compared with them.
    """
    away = joined((*kept, *cut))
    heard = speakers_of(content.diarization, content.identities)
    gone = {each.speaker for each in heard if away and share(each.spans, away) >= MOSTLY_SHARE}
    gone |= {each.speaker for each in content.identities if each.name in names}
    vectors = content.diarization.vectors.copy()
    vectors[sorted(gone)] = np.nan
    found = replace(
        content,
        diarization=replace(content.diarization, vectors=vectors),
        identities=tuple(_anonymous(each, names, gone=each.speaker in gone) for each in content.identities),
    )
    silent = {each.speaker for each in heard if cut and share(each.spans, cut) >= MOSTLY_SHARE}
    return Spared(_without(found, cut, silent) if cut else found, frozenset(gone))


def _anonymous(identity: Identity, names: frozenset[str], *, gone: bool) -> Identity:
    if gone:
        return Identity(identity.speaker, Decision.NO_VECTOR, None, None, None, None, identity.threshold)
    if identity.runner_up in names:
        identity = replace(identity, runner_up=None, runner_up_score=None)
    won = identity.evidence.won if identity.evidence else ()
    return replace(identity, evidence=None) if any(each.voice in names for each in won) else identity


def _without(content: Content, cut: Spans, silent: set[int]) -> Content:
    """Without these passages, their words and their turns."""
    rows = [
        i for i, each in enumerate(content.segments)
        if each.speaker not in silent and share(((each.start, each.end),), cut) < MOSTLY_SHARE
    ]  # fmt: skip
    words, segments = drop_words(content.words, [content.segments[i] for i in rows], cut, silent)
    turns = tuple(
        each for each in content.diarization.turns
        if each.speaker not in silent and share(((each.start, each.end),), cut) < MOSTLY_SHARE
    )  # fmt: skip
    diarization: Diarization = replace(content.diarization, turns=turns)
    vectors = replace(content.vectors, values=content.vectors.values[rows])
    return replace(content, words=words, segments=segments, vectors=vectors, diarization=diarization)


def drop_words(
    words: tuple[SpokenWord, ...], segments: list[Segment], cut: Spans, silent: set[int]
) -> tuple[tuple[SpokenWord, ...], tuple[Segment, ...]]:
    """The words without those of passages that go, and the other passages with their words' new places."""
    inside = {i for each in segments for i in range(*each.words)}
    kept = [
        i
        for i, each in enumerate(words)
        if i in inside
        or (each.speaker not in silent and share(((each.word.start, each.word.end),), cut) < MOSTLY_SHARE)
    ]
    place = {old: new for new, old in enumerate(kept)}
    moved = tuple(
        replace(each, words=(place[each.words[0]], place[each.words[1] - 1] + 1)) for each in segments
    )
    return tuple(words[i] for i in kept), moved
