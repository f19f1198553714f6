"""One voice vector for each (window, speaker slot), from frames that were computed once for the whole
recording.

The speaker's mask enters the voice network only here, at its statistics pooling, which is why the frames
before it can be shared. Called by `diarization`; windows are pooled as the frames go by, so that no more than
one window and one block of them exist at a time.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ingest_worker.domain import FloatArray
from ingest_worker.engines.trunk import STRIDE_FRAMES

EPSILON: Final = 1e-8
"""As in `pyannote.audio.models.blocks.pooling`: keeps an empty slot from dividing by zero."""

MIN_DEGREES_OF_FREEDOM: Final = 1e-4
"""Degrees of freedom below which a deviation counts as zero: one frame has no spread, and rounding errors
divided by almost zero would invent one."""


def weighted_statistics(frames: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean and unbiased weighted deviation of every feature, as pyannote's `StatsPool` computes
    them.

    Matrix products instead of its (speakers, features, frames) intermediate. The frames are centred first,
    because a variance as the difference of two squares loses its digits where the mean is large.

    Args:
        frames: (features, frames).
        weights: (speakers, frames), 0 to 1.

    Returns:
        (speakers, 2 x features): means, then deviations; zeros for a speaker without weight.
    """
    centre = frames.mean(1, keepdim=True)
    around = (frames - centre).T
    weight = weights.sum(1, keepdim=True)
    total = weight + EPSILON
    first, second = weights @ around, weights @ (around * around)
    mean = first / total + centre.T * (weight / total)
    offset = mean - centre.T
    spread = second - 2 * offset * first + offset * offset * weight
    freedom = total - weights.square().sum(1, keepdim=True) / total
    variance = torch.where(
        freedom > MIN_DEGREES_OF_FREEDOM, spread / (freedom + EPSILON), torch.zeros_like(spread)
    )
    return torch.cat([mean, variance.clamp_min(0).sqrt()], 1)


def slot_masks(activity: NDArray[Any], least: int) -> FloatArray:
    """The mask of each slot of one window: its speech without overlap, or all of its speech if too little is
    clean.

    The rule of `SpeakerDiarization.get_embeddings` with `embedding_exclude_overlap` (pyannote.audio 4.0.7).

    Args:
        activity: (frames, slots) of 0 and 1.
        least: clean frames that are too few; -1 always takes all speech.

    Returns:
        (slots, frames).
    """
    if least < 0:
        return np.ascontiguousarray(activity.T, np.float32)
    clean = activity * (activity.sum(1, keepdims=True) < 2)  # noqa: PLR2004 - two speak at once
    enough = clean.sum(0) > least
    masks: FloatArray = np.where(enough, clean, activity).T.astype(np.float32)
    return masks


@dataclass(frozen=True, slots=True)
class Windows:
    """Where the segmentation network's windows lie, in steps of the filterbank (10 ms)."""

    step: int
    """From one window's start to the next."""
    width: int
    """Filterbank frames of a window."""

    def span(self, window: int) -> tuple[int, int]:
        """First trunk frame whose centre is inside a window, and one past the last."""
        start = window * self.step
        return -(-start // STRIDE_FRAMES), (start + self.width - 1) // STRIDE_FRAMES + 1

    def mask_columns(self, window: int, count: int, mask_frames: int) -> Tensor:
        """(count,) index into a mask for each trunk frame of a window: the nearest, as
        `interpolate(mode="nearest")` takes it.

        A window may start between two trunk frames (its start is not a multiple of 80 ms); the half step is
        accounted for.
        """
        first, _ = self.span(window)
        offset = first - window * self.step / STRIDE_FRAMES
        per_frame = mask_frames / -(-self.width // STRIDE_FRAMES)
        return ((torch.arange(count) + offset) * per_frame).long().clamp_max(mask_frames - 1)


def window_statistics(
    blocks: Iterable[Tensor], count: int, windows: Windows, masks_of: Callable[[int], FloatArray]
) -> Iterator[tuple[int, Tensor]]:
    """The pooled statistics of every window, as soon as its frames are there.

    Args:
        blocks: (features, frames) each, one after the other, together the whole recording.
        count: number of windows.
        windows: where they lie.
        masks_of: (slots, mask frames) of a window.

    Yields:
        (window, (slots, 2 x features)); windows without a single frame are left out.
    """
    held, offset, window = None, 0, 0
    for block in blocks:
        held = block if held is None else torch.cat([held, block], 1)
        while window < count and windows.span(window)[1] <= offset + held.shape[1]:
            yield window, _pooled(held, offset, window, windows, masks_of(window))
            window += 1
        drop = min(max(0, windows.span(window)[0] - offset), held.shape[1])
        held, offset = held[:, drop:], offset + drop
    while (
        held is not None and window < count and windows.span(window)[0] < offset + held.shape[1]
    ):  # windows that extend beyond the end
        yield window, _pooled(held, offset, window, windows, masks_of(window))
        window += 1


def _pooled(held: Tensor, offset: int, window: int, windows: Windows, masks: FloatArray) -> Tensor:
    first, last = windows.span(window)
    frames = held[:, first - offset : last - offset]
    columns = windows.mask_columns(window, frames.shape[1], masks.shape[1])
    weights = torch.from_numpy(masks)[:, columns].to(frames.device)
    return weighted_statistics(frames, weights)
