"""Where inside the diarizer's windows a divided speaker's people change. Pure.

A window of ten seconds in which two people speak whom the segmentation took for one has one vector of both,
and gives all of its frames to the better. But a vector pools the frames of its window, so its likeness to a
voice is about the mean of what each moment of it is like. Windows follow each other by a second: which
likeness of each quarter of a second explains all of them is a linear problem, and says who speaks when.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ingest_worker.domain import FloatArray, Turn
from ingest_worker.identification.evidence import Judged
from ingest_worker.identification.scores import Reals, unit
from ingest_worker.voice_windows import Bits, Numbers

MOMENT_SECONDS: Final = 0.25
"""How finely people are told apart: less than a short word takes."""

SMOOTHNESS_FACTOR: Final = 0.03
"""How much less a change from one moment to the next is believed than a window's likeness (Tikhonov's
regularisation). From 0.003 to 0.1 the panels of `bench.panels` differ by less than 0.02."""

_LEAST_FACTOR: Final = 1e-6
"""Keeps moments that no window covers from being anything."""

MOST_ROUNDS: Final = 200
_EXACT_SHARE: Final = 1e-8
"""Of the first residual's square: below that, no sign changes any more."""

Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class _Windows:
    """The slots of one speaker, as means over moments."""

    shares: Reals
    """(slots, moments of a window) of each slot's clean speech, which moment holds how much."""
    moments: Places
    """(slots, moments of a window) which moments of the recording those are."""
    total: int

    def means(self, likeness: Reals) -> Reals:
        """(slots, people) of (moments, people)."""
        means: Reals = (self.shares[:, :, None] * likeness[self.moments]).sum(1)
        return means

    def spread(self, means: Reals) -> Reals:
        """(moments, people) the transpose of `means`."""
        spread = np.zeros((self.total, means.shape[1]))
        np.add.at(spread, self.moments, self.shares[:, :, None] * means[:, None, :])
        return spread


def slots_of(found: Judged, speaker: int, now: Numbers, people: Iterable[int]) -> Bits:
    """(windows, slots) what a divided speaker's people are heard in: the slots that were his, and those that
    are one of them `now`, which clustering had to give to somebody else.

    Args:
        found: Every window against the enrolled voices, before the speaker was divided.
        speaker: Who was divided.
        now: (windows, slots) who each slot is since then.
        people: The new numbers.
    """
    mine: Bits = found.judged & ((found.windows.speakers == speaker) | np.isin(now, list(people)))
    return mine


def unmixed(
    turns: Sequence[Turn], found: Judged, slots: Bits, people: Mapping[int, FloatArray]
) -> Iterator[Turn]:
    """The turns, those of a divided speaker's people cut where one of them follows the other.

    Args:
        turns: As the windows' votes divide them.
        found: Every window against the enrolled voices.
        slots: `slots_of`.
        people: (dimension,) unit vectors of those he is, by their new numbers.
    """
    size = max(1, round(MOMENT_SECONDS / found.windows.frame))
    windows = _windows_of(found, slots, size)
    seen = unit(found.windows.vectors[slots]) @ unit(np.stack(list(people.values()))).T
    who = np.array(list(people))[_explained(windows, seen).argmax(1)]
    for turn in turns:
        if turn.speaker in people:
            yield from _pieces(turn, found, who, size)
        else:
            yield turn


def _windows_of(found: Judged, slots: Bits, size: int) -> _Windows:
    windows, places = found.windows, np.argwhere(slots)
    length = windows.active.shape[1] // size + 2
    shares = np.zeros((len(places), length))
    first = np.array([windows.first_frame(window) for window in places[:, 0].tolist()])
    for row, (window, slot) in enumerate(places.tolist()):
        frames = first[row] + np.flatnonzero(found.clean[window, :, slot])
        np.add.at(shares[row], frames // size - first[row] // size, 1.0)
    shares /= shares.sum(1, keepdims=True)
    moments = (first // size)[:, None] + np.arange(length)[None]
    return _Windows(shares, moments, windows.frames // size + length)


def _explained(windows: _Windows, seen: Reals) -> Reals:
    """(moments, people) likeness of each moment, by conjugate gradients (Hestenes and Stiefel, 1952) on the
    normal equations."""
    likeness = np.zeros((windows.total, seen.shape[1]))
    rest = windows.spread(seen)
    way, left = rest.copy(), (rest * rest).sum(0)
    enough = _EXACT_SHARE * left
    for _ in range(MOST_ROUNDS):
        if np.all(left <= enough):
            break
        image = windows.spread(windows.means(way)) + SMOOTHNESS_FACTOR * _rough(way) + _LEAST_FACTOR * way
        step = left / np.maximum((way * image).sum(0), np.finfo(float).tiny)
        likeness += step * way
        rest -= step * image
        now = (rest * rest).sum(0)
        way = rest + now / np.maximum(left, np.finfo(float).tiny) * way
        left = now
    return likeness


def _rough(likeness: Reals) -> Reals:
    """The gradient of half the sum of squared differences between neighbours."""
    rough, steps = np.zeros_like(likeness), np.diff(likeness, axis=0)
    rough[:-1] -= steps
    rough[1:] += steps
    return rough


def _pieces(turn: Turn, found: Judged, who: Places, size: int) -> Iterator[Turn]:
    windows = found.windows
    first = windows.frame_at(turn.start) // size
    last = max(first + 1, -(-windows.frame_at(turn.end) // size))
    here = who[first:last]
    if not here.size:
        yield turn
        return
    cuts = (np.flatnonzero(np.diff(here)) + 1).tolist()
    times = [(first + cut) * size * windows.frame + windows.offset for cut in cuts]
    edges = [turn.start, *(min(max(time, turn.start), turn.end) for time in times), turn.end]
    for start, end, place in zip(edges[:-1], edges[1:], [0, *cuts], strict=True):
        yield Turn(start, end, int(here[place]))
