"""Finds the speakers of a new run that people's decisions about an earlier one were about. Pure; called by
the store when a recording is processed again.

A run may number speakers otherwise, divide one into two or take two for one. So a decision is not about a
number but about the times at which somebody speaks, and about a voice. Where these cannot say, nothing is
decided, and the reason is kept: a guess in a person's name would be worse than none.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ingest_worker.domain import Diarization, FloatArray, Identity
from ingest_worker.spans import Spans, common, joined, length, share, without

MOSTLY_SHARE: Final = 0.5
"""Share of a speaker's seconds that must lie where a person has said who speaks."""

PARTLY_SHARE: Final = 0.25
"""Share of a speaker's seconds from which on other decisions contradict, or a decision is about this speaker
at all. A diarizer's own errors at the edges of turns are below it (10 to 20 % of DER in docs/accuracy.md)."""

LEAD_CORRELATION: Final = 0.05
"""How much more alike than every other a voice must be where times say nothing: the profile's default
margin."""

TWO_IN_ONE: Final = "one speaker now speaks where several were told apart"
OTHER_VOICE: Final = "somebody speaks at these times with another voice"
NOBODY: Final = "nobody speaks at these times, and no voice is like this one"


@dataclass(frozen=True, slots=True)
class HeardSpeaker:
    """A speaker of the new run."""

    speaker: int
    spans: Spans
    vector: FloatArray | None
    """(dimension,), of the model of the new run; None if there is none."""
    threshold: float
    """Cosine below which two voices are different."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What a person has said of a speaker of an earlier run."""

    key: int
    spans: Spans
    vector: FloatArray | None
    """(dimension,); None if there is none, or of another model."""
    effect: str
    """Who it is: decisions with the same effect do not contradict each other."""


@dataclass(frozen=True, slots=True)
class Placed:
    """Where decisions hold."""

    speakers: dict[int, tuple[int, ...]]
    """Decision to the speakers for which it holds."""
    open: dict[int, str]
    """Decision to why it holds for nobody."""
    confused: frozenset[int]
    """Speakers of whom decisions say different things."""


def speakers_of(diarization: Diarization, identities: Iterable[Identity]) -> tuple[HeardSpeaker, ...]:
    """The speakers of a run, as they are compared."""
    spans: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for turn in diarization.turns:
        spans[turn.speaker].append((turn.start, turn.end))
    return tuple(
        HeardSpeaker(
            each.speaker,
            joined(spans[each.speaker]),
            diarization.vectors[each.speaker] if diarization.has_vector(each.speaker) else None,
            each.threshold,
        )
        for each in identities
    )


def place(heard: Sequence[HeardSpeaker], statements: Sequence[Statement]) -> Placed:
    """Where each decision holds; `statements` in order: a later one outweighs an earlier one."""
    clear, confused = dict[int, str](), set[int]()
    for speaker in heard:
        painted = _painted(speaker.spans, statements)
        best = max(painted, key=lambda effect: painted[effect], default=None)
        others = sum(seconds for effect, seconds in painted.items() if effect != best)
        whole = length(speaker.spans)
        if best is not None and others >= PARTLY_SHARE * whole:
            confused.add(speaker.speaker)
        elif best is not None and painted[best] >= MOSTLY_SHARE * whole:
            clear[speaker.speaker] = best
    by_time: dict[int, list[int]] = {each.key: [] for each in statements}
    why: dict[int, str] = {}
    for each in statements:
        for speaker in heard:
            if (
                share(speaker.spans, each.spans) < PARTLY_SHARE
                and share(each.spans, speaker.spans) < MOSTLY_SHARE
            ):
                continue
            if speaker.speaker not in clear:
                why[each.key] = TWO_IN_ONE if speaker.speaker in confused else why.get(each.key, NOBODY)
            elif share(speaker.spans, each.spans) >= PARTLY_SHARE:
                if _alike(each.vector, speaker.vector) < speaker.threshold:
                    why[each.key] = OTHER_VOICE
                else:
                    by_time[each.key].append(speaker.speaker)
    _by_voice(heard, statements, by_time, confused)
    missing = {each.key: why.get(each.key, NOBODY) for each in statements if not by_time[each.key]}
    found = {key: tuple(speakers) for key, speakers in by_time.items() if speakers}
    return Placed(found, missing, frozenset(confused))


def _painted(spans: Spans, statements: Sequence[Statement]) -> dict[str, float]:
    """Seconds of a speaker by what was said last of them."""
    painted: dict[str, float] = defaultdict(float)
    for each in reversed(statements):
        part = common(spans, each.spans)
        if part:
            painted[each.effect] += length(part)
            spans = without(spans, part)
    return painted


def _alike(one: FloatArray | None, other: FloatArray | None) -> float:
    """Cosine, or 1 where there is nothing to compare: then the times alone say it."""
    return 1.0 if one is None or other is None else cosine(one, other)


def _by_voice(
    heard: Sequence[HeardSpeaker],
    statements: Sequence[Statement],
    found: dict[int, list[int]],
    confused: set[int],
) -> None:
    """Decisions that no times have placed go to who speaks with that voice: a recording may have a new
    beginning. Only to speakers of whom nothing else is decided, and only with a lead over all others."""
    taken = {speaker for speakers in found.values() for speaker in speakers} | confused
    free = [each for each in heard if each.speaker not in taken and each.vector is not None]
    for each in statements:
        if found[each.key] or each.vector is None:
            continue
        ranked = sorted(
            ((_alike(each.vector, speaker.vector), speaker.speaker) for speaker in free), reverse=True
        )
        thresholds = {speaker.speaker: speaker.threshold for speaker in free}
        if not ranked or ranked[0][0] < thresholds[ranked[0][1]]:
            continue
        if len(ranked) == 1 or ranked[0][0] - ranked[1][0] >= LEAD_CORRELATION:
            found[each.key] = [ranked[0][1]]


def same_speakers(heard: Sequence[HeardSpeaker], before: Sequence[HeardSpeaker]) -> dict[int, int]:
    """Speakers of a new run, each with who it was in the run before: {new: old}, one to one, by the times at
    which they speak. Most seconds first; each must be most of the other, and not have another voice."""
    pairs = sorted(
        (-length(common(new.spans, old.spans)), new.speaker, old.speaker)
        for new in heard
        for old in before
        if share(new.spans, old.spans) >= MOSTLY_SHARE
        and share(old.spans, new.spans) >= MOSTLY_SHARE
        and _alike(new.vector, old.vector) >= new.threshold
    )
    found: dict[int, int] = {}
    for _, new, old in pairs:
        if new not in found and old not in found.values():
            found[new] = old
    return found


def cosine(one: FloatArray, other: FloatArray) -> float:
    """-1 to 1."""
    a, b = one.astype(np.float64), other.astype(np.float64)
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))
