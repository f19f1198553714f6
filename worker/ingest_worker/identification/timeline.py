"""The turns of a recording after the speakers of some windows have changed. Pure.

Who speaks in a frame is decided as in the diarizer's reconstruction, by the most windows. When somebody
speaks does not change, so turns are divided and given to others, never made longer or shorter.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ingest_worker.domain import Turn
from ingest_worker.voice_windows import NOBODY, Bits, Numbers, VoiceWindows


def regrouped_turns(
    turns: Sequence[Turn], windows: VoiceWindows, speakers: Numbers, which: Bits
) -> tuple[Turn, ...]:
    """The turns with the speakers of `speakers` where windows of `which` lie over them.

    Args:
        turns: Exclusive and in time order.
        windows: The diarizer's.
        speakers: (windows, slots) who each slot is now.
        which: (windows,) the windows in which that has changed.
    """
    votes = _votes(windows, speakers)
    changed = _frames_under(windows, which)
    made: list[Turn] = []
    for turn in turns:
        first, last = windows.frame_at(turn.start), windows.frame_at(turn.end)
        first, last = min(first, len(changed)), min(last, len(changed))
        if not changed[first:last].any():
            made.append(turn)
        else:
            made.extend(_pieces(turn, windows, first, _speakers(votes, changed, first, last, turn.speaker)))
    return tuple(with_touching_joined(made))


def _votes(windows: VoiceWindows, speakers: Numbers) -> NDArray[np.int16]:
    """(frames, speakers) number of windows in which each is active."""
    size = windows.active.shape[1]
    votes = np.zeros((windows.frames, int(speakers.max(initial=0)) + 1), np.int16)
    for window, slot in np.argwhere(speakers != NOBODY).tolist():
        first = windows.first_frame(window)
        votes[first : first + size, speakers[window, slot]] += windows.active[window, :, slot]
    return votes


def _frames_under(windows: VoiceWindows, which: Bits) -> Bits:
    """(frames,) whether one of these windows lies over a frame."""
    edges = np.zeros(windows.frames + 1, np.int64)
    for window in np.flatnonzero(which).tolist():
        first = windows.first_frame(window)
        edges[first] += 1
        edges[first + windows.active.shape[1]] -= 1
    under: Bits = np.cumsum(edges[:-1]) > 0
    return under


def _speakers(
    votes: NDArray[np.int16], changed: Bits, first: int, last: int, before: int
) -> NDArray[np.int64]:
    """(frames,) who speaks in a turn that was `before`'s. A frame for which nobody votes goes with the one
    before it, the first ones with the next."""
    here = votes[first:last]
    who = np.where(changed[first:last], here.argmax(1), before)
    known = ~changed[first:last] | (here.max(1) > 0)
    if not known.any():
        return np.full(who.size, before)
    latest = np.maximum.accumulate(np.where(known, np.arange(who.size), -1))
    latest[latest < 0] = np.flatnonzero(known)[0]
    filled: NDArray[np.int64] = who[latest]
    return filled


def _pieces(turn: Turn, windows: VoiceWindows, first: int, who: NDArray[np.int64]) -> Iterator[Turn]:
    cuts = np.flatnonzero(np.diff(who)) + 1
    times = [(first + cut) * windows.frame + windows.offset for cut in cuts.tolist()]
    edges = [turn.start, *(min(max(time, turn.start), turn.end) for time in times), turn.end]
    for start, end, place in zip(edges[:-1], edges[1:], [0, *cuts.tolist()], strict=True):
        yield Turn(start, end, int(who[place]))


def with_touching_joined(turns: Sequence[Turn]) -> Iterator[Turn]:
    """Pieces of no length left out, and neighbours that touch and have one speaker as one turn."""
    held: Turn | None = None
    for turn in turns:
        if turn.end <= turn.start:
            continue
        if held is not None and held.speaker == turn.speaker and turn.start <= held.end:
            held = Turn(held.start, turn.end, held.speaker)
            continue
        if held is not None:
            yield held
        held = turn
    if held is not None:
        yield held
