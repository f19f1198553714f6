"""Which speaker each slot of a window is, so that no two slots of one window are the same. Pure.

The rule of pyannote's `constrained_argmax`: of all assignments the one with the highest sum of likenesses.
Its solver is scipy's; with at most three slots in a window all assignments that can be best are few.
"""

from collections.abc import Iterator
from itertools import product

import numpy as np

from ingest_worker.domain import FloatArray
from ingest_worker.identification.scores import Reals, unit
from ingest_worker.voice_windows import NOBODY, Bits, Numbers, VoiceWindows


def reassigned(windows: VoiceWindows, centroids: FloatArray, which: Bits) -> Numbers:
    """(windows, slots) speakers, anew in the windows of `which` and otherwise as they were.

    A slot without a vector is nobody's in those: it has at most a few frames, and others vote on them.

    Args:
        windows: The diarizer's.
        centroids: (speakers, dimension); NaN for a speaker without a vector, who gets no slot.
        which: (windows,) whether to assign a window anew.
    """
    speakers = windows.speakers.copy()
    heard = windows.heard() & windows.active.any(1)
    usable = np.flatnonzero(np.isfinite(centroids).all(1))
    directions = unit(centroids[usable])
    for window in np.flatnonzero(which):
        slots = np.flatnonzero(heard[window])
        speakers[window] = NOBODY
        if slots.size and usable.size:
            chosen = best_assignment(unit(windows.vectors[window, slots]) @ directions.T)
            speakers[window, slots] = [NOBODY if row == NOBODY else usable[row] for row in chosen]
    return speakers


def best_assignment(likeness: Reals) -> tuple[int, ...]:
    """(slots,) the speaker of each slot, all different, with the highest sum; `NOBODY` for slots beyond the
    number of speakers.

    Of n slots each has one of its own n best speakers in a best assignment: of those n, the others take at
    most n - 1.
    """
    slots, speakers = likeness.shape
    order = np.argsort(-likeness, axis=1, kind="stable")[:, :slots].tolist()
    idle = [NOBODY] if speakers < slots else []
    return max(
        _distinct(product(*(row + idle for row in order)), min(slots, speakers)),
        key=lambda chosen: sum(
            likeness[slot, speaker] for slot, speaker in enumerate(chosen) if speaker != NOBODY
        ),
    )


def _distinct(assignments: Iterator[tuple[int, ...]], taken: int) -> Iterator[tuple[int, ...]]:
    """Those in which `taken` slots have a speaker, and no two the same."""
    for chosen in assignments:
        speakers = [speaker for speaker in chosen if speaker != NOBODY]
        if len(speakers) == taken == len(set(speakers)):
            yield chosen
