import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyannote.core import SlidingWindow, SlidingWindowFeature

from ingest_worker.engines import reconstruction
from ingest_worker.engines.reconstruction import reconstruct
from testkit.models.reference_diarization import stock

pytestmark = pytest.mark.models
FRAMES = SlidingWindow(start=0.0, duration=0.0619375, step=0.016875)


@pytest.fixture(scope="module")
def pipeline(folder: Path) -> Any:
    return stock(folder)


@given(
    seed=st.integers(0, 10_000),
    windows=st.integers(1, 8),
    speakers=st.integers(1, 5),
    most=st.integers(1, 3),
    block=st.sampled_from([1, 100, 589, reconstruction.BLOCK_FRAMES]),
)
def test_reconstruction_is_pyannotes_to_the_last_bit(
    pipeline: Any, seed: int, windows: int, speakers: int, most: int, block: int
) -> None:
    random = np.random.default_rng(seed)
    active = (random.random((windows, 589, 3)) < 0.3).astype(np.float32)
    segmentations = SlidingWindowFeature(active, SlidingWindow(start=0.0, duration=10.0, step=1.0))
    count = pipeline.speaker_count(segmentations, FRAMES, warm_up=(0.0, 0.0))
    count.data = np.minimum(count.data, most).astype(np.int8)
    clusters = random.integers(0, speakers, (windows, 3))
    clusters[random.random((windows, 3)) < 0.2] = -2
    clusters[0, 0] = speakers - 1
    expected = pipeline.reconstruct(segmentations, clusters, count)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reconstruction, "BLOCK_FRAMES", block)
        ours = reconstruct(segmentations, clusters, count)
    assert np.array_equal(ours.data, expected.data)
    assert vars(ours.sliding_window) == vars(expected.sliding_window)


def test_memory_above_the_votes_does_not_grow_with_the_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconstruction, "BLOCK_FRAMES", 1000)
    windows, speakers = 400, 12
    active = np.ones((windows, 589, 3), np.float32)
    segmentations = SlidingWindowFeature(active, SlidingWindow(start=0.0, duration=10.0, step=1.0))
    clusters = np.random.default_rng(1).integers(0, speakers, (windows, 3))
    clusters[0] = speakers - 1
    count = SlidingWindowFeature(np.ones((24_000, 1), np.int8), FRAMES)
    tracemalloc.start()
    made = reconstruct(segmentations, clusters, count)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2.8 * made.data.nbytes, peak / made.data.nbytes
