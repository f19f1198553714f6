from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ingest_worker.engines.pooling import Windows, slot_masks, weighted_statistics, window_statistics

if TYPE_CHECKING:
    from ingest_worker.engines.diarization import PyannoteDiarizer

WINDOWS = Windows(step=100, width=998)


Pool = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


@pytest.fixture(scope="session")
def statspool(diarizer: "PyannoteDiarizer") -> Pool:
    """The pooling that the voice network itself holds."""

    def pool(frames: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        pooled: torch.Tensor = diarizer._network.resnet.pool.stats_pool(frames[None], weights[None])[0]
        return pooled

    return pool


@pytest.mark.models
@given(seed=st.integers(0, 10_000), kind=st.sampled_from(["soft", "binary"]), mean=st.floats(0, 30))
def test_pooling_is_the_networks_own(statspool: Pool, seed: int, kind: str, mean: float) -> None:
    random = torch.Generator().manual_seed(seed)
    frames = torch.randn(64, 125, generator=random) + mean
    weights = torch.rand(3, 125, generator=random)
    weights = weights.round() if kind == "binary" else weights
    assert torch.allclose(
        weighted_statistics(frames, weights), statspool(frames, weights), rtol=1e-5, atol=1e-5
    )


@pytest.mark.models
@pytest.mark.parametrize("weight", [1.0, 0.3])
@pytest.mark.parametrize("frames_spoken", [0, 1, 2])
def test_pooling_is_the_networks_own_for_speakers_with_next_to_no_speech(
    statspool: Pool, frames_spoken: int, weight: float
) -> None:
    frames = torch.randn(64, 125, generator=torch.Generator().manual_seed(1)).abs() * 7
    weights = torch.zeros(1, 125)
    weights[0, 40 : 40 + frames_spoken] = weight
    # One frame at weight 0.3 has no deviation; the network's own rounding makes 0.004 of it.
    assert torch.allclose(
        weighted_statistics(frames, weights),
        statspool(frames, weights),
        rtol=1e-4,
        atol=2e-2 if weight < 1 else 1e-4,
    )


def test_overlapped_speech_is_left_out_where_enough_is_clean() -> None:
    activity = np.zeros((10, 3), np.float32)
    activity[:8, 0] = 1
    activity[6:, 1] = 1
    masks = slot_masks(activity, least=2)
    assert masks[0].tolist() == [1, 1, 1, 1, 1, 1, 0, 0, 0, 0]
    # two clean frames are not more than two: all of it is heard
    assert masks[1].tolist() == [
        0,
        0,
        0,
        0,
        0,
        0,
        1,
        1,
        1,
        1,
    ]
    assert masks[2].sum() == 0


def test_without_a_least_everything_is_heard() -> None:
    activity = np.ones((10, 3), np.float32)
    assert (slot_masks(activity, least=-1) == 1).all()


def test_a_window_on_a_trunk_frame_takes_the_mask_as_the_network_does() -> None:
    mask = torch.arange(589.0)[None, None]
    assert WINDOWS.span(2) == (25, 150)
    expected = torch.nn.functional.interpolate(mask, size=125, mode="nearest")[0, 0]
    assert torch.equal(mask[0, 0][WINDOWS.mask_columns(2, 125, 589)], expected)


def test_a_window_between_two_trunk_frames_takes_the_mask_half_a_frame_later() -> None:
    first, last = WINDOWS.span(1)
    assert (first, last) == (13, 138)
    assert WINDOWS.mask_columns(1, 125, 589)[:3].tolist() == [2, 7, 11]  # 0.5, 1.5, 2.5 frames of 589 / 125


@given(st.integers(1, 700), st.integers(1, 60), st.integers(1, 200))
def test_windows_are_pooled_from_the_same_frames_however_these_arrive(
    total: int, count: int, block: int
) -> None:
    frames = torch.arange(total, dtype=torch.float32)[None]
    spans = {window: WINDOWS.span(window) for window in range(count)}
    expected = {w: frames[0, a : min(b, total)].mean().item() for w, (a, b) in spans.items() if a < total}
    ones = np.ones((1, 589), np.float32)
    pooled = window_statistics(torch.split(frames, block, 1), count, WINDOWS, lambda _: ones)
    assert {window: statistics[0, 0].item() for window, statistics in pooled} == pytest.approx(
        expected, rel=1e-5
    )
