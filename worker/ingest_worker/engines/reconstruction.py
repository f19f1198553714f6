"""From windows with clustered slots to one timeline.

The same as `SpeakerDiarization.reconstruct` (pyannote.audio 4.0.7), equal to the last bit, without its
(windows, frames, speakers) float64 array: that takes 1.7 GB for 21 speakers in 4.7 hours, twice, while the
sum over windows takes 20 MB. Called by the pipeline through `diarization`.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest_worker.engines.pyannote_parts import SlidingWindow, SlidingWindowFeature

BLOCK_FRAMES = 1 << 16
"""Frames that are decided at once: 18 minutes. Their order takes twice as much as the votes, and with all of
eight hours and 24 speakers at once these steps take 1 GB."""

IGNORED = -2
"""Cluster of a slot in which nobody speaks."""


def reconstruct(segmentations: Any, clusters: NDArray[Any], count: Any) -> Any:
    """Who is active in every frame: the `count` speakers that are active in most windows.

    Args:
        segmentations: `SlidingWindowFeature` of (windows, frames, slots) zeros and ones.
        clusters: (windows, slots) speaker of every slot, or `IGNORED`.
        count: `SlidingWindowFeature` of (frames, 1): how many speak at once.

    Returns:
        `SlidingWindowFeature` of (frames, speakers) zeros and ones.
    """
    speakers = max(int(clusters.max()) + 1, int(count.data.max()))
    votes = _votes(segmentations, clusters, count.sliding_window, speakers)
    extent = votes.extent & count.extent
    votes, count = votes.crop(extent, return_data=False), count.crop(extent, return_data=False)
    frames = min(len(votes.data), len(count.data))
    for first in range(0, len(votes.data), BLOCK_FRAMES):
        _choose(
            votes.data[first : first + BLOCK_FRAMES], count.data[first : min(first + BLOCK_FRAMES, frames)]
        )
    return votes


def _choose(votes: NDArray[Any], count: NDArray[Any]) -> None:
    """Write 1 in place of the most votes in each frame, as many as `count` says, and 0 elsewhere. `count` may
    have fewer frames: in those beyond it nobody speaks."""
    order = np.argsort(-votes, axis=-1)[: len(count)]
    votes[:] = 0
    chosen = (np.arange(votes.shape[1]) < count).astype(votes.dtype)
    np.put_along_axis(votes[: len(count)], order, chosen, axis=-1)


def _votes(segmentations: Any, clusters: NDArray[Any], resolution: Any, speakers: int) -> Any:
    """(frames, speakers) number of windows in which each speaker is active."""
    windows = segmentations.sliding_window
    frames = SlidingWindow(start=windows.start, duration=resolution.duration, step=resolution.step)
    half = 0.5 * frames.duration
    end = windows.start + windows.duration + (len(clusters) - 1) * windows.step
    votes = np.zeros((frames.closest_frame(end + half) + 1, speakers), np.float32)
    for slots, (window, active) in zip(clusters, segmentations, strict=True):
        first = frames.closest_frame(window.start + half)
        for speaker in np.unique(slots[slots != IGNORED]):
            votes[first : first + len(active), speaker] += active[:, slots == speaker].max(axis=1)
    return SlidingWindowFeature(votes, frames)
