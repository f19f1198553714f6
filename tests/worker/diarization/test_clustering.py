import logging
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pyannote.core import SlidingWindow, SlidingWindowFeature

from ingest_worker.engines.clustering import BoundedClustering, initial_labels
from testkit.models.reference_diarization import stock

pytestmark = pytest.mark.models
MEGABYTE = 2**20


@pytest.fixture(scope="module")
def vbx(folder: Path) -> Any:
    return stock(folder).clustering


def people(count: int, windows: int, seed: int = 0) -> tuple[NDArray[Any], Any, NDArray[np.int64]]:
    """Voice vectors of windows in which one of `count` people speaks, their activity, and who it was."""
    random = np.random.default_rng(seed)
    voices = random.standard_normal((count, 256))
    who = np.repeat(random.integers(0, count, windows // 10 + 1), 10)[:windows]
    vectors = np.full((windows, 3, 256), np.nan)
    vectors[:, 0] = voices[who] + 0.35 * random.standard_normal((windows, 256))
    active = np.zeros((windows, 20, 3), np.float32)
    active[:, :, 0] = 1
    return vectors, SlidingWindowFeature(active, SlidingWindow(start=0.0, duration=10.0, step=1.0)), who


def same_partition(a: NDArray[Any], b: NDArray[Any]) -> bool:
    pairs = set(zip(a.tolist(), b.tolist(), strict=True))
    return len(pairs) == len(set(a.tolist())) == len(set(b.tolist()))


def test_below_the_limit_clustering_is_pyannotes_own(vbx: Any) -> None:
    vectors, active, _ = people(4, 300)
    expected = vbx(embeddings=vectors, segmentations=active, min_clusters=1, max_clusters=np.inf)
    clusters, _, centroids = BoundedClustering(vbx, limit=300)(embeddings=vectors, segmentations=active)
    assert np.array_equal(clusters, expected[0])
    assert np.array_equal(centroids, expected[2])


def test_at_the_limit_the_start_is_the_same_and_above_it_the_result_is(vbx: Any) -> None:
    vectors, active, who = people(5, 900)
    stock_clusters, _, stock_centroids = BoundedClustering(vbx, limit=900)(
        embeddings=vectors, segmentations=active
    )
    clusters, _, centroids = BoundedClustering(vbx, limit=200)(embeddings=vectors, segmentations=active)
    assert same_partition(clusters[:, 0], who)
    assert same_partition(clusters[:, 0], stock_clusters[:, 0])
    assert np.allclose(np.sort(centroids, axis=0), np.sort(stock_centroids, axis=0), atol=1e-3)


def test_memory_does_not_grow_with_the_square_of_the_length() -> None:
    random = np.random.default_rng(1)
    voices = random.standard_normal((6, 64))
    vectors = voices[random.integers(0, 6, 6000)] + 0.4 * random.standard_normal((6000, 64))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)

    def peak(limit: int) -> float:
        tracemalloc.start()
        initial_labels(vectors, 0.6, limit)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found / MEGABYTE

    assert peak(6000) > 4 * 6000**2 / MEGABYTE  # the distances alone: what is to be bounded
    assert peak(1000) < 25


def test_noise_is_cut_into_no_more_clusters_than_fit(vbx: Any) -> None:
    noise = np.random.default_rng(2).standard_normal((3000, 64))
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    labels = initial_labels(noise, vbx.threshold, 500)
    assert 1 < len(np.unique(labels)) <= 200
    assert labels.min() == 0
    assert labels.max() == len(np.unique(labels)) - 1


@pytest.mark.parametrize(
    "bounds",
    [{"min_clusters": 6}, {"max_clusters": 2}, {"num_clusters": 3, "min_clusters": 3, "max_clusters": 3}],
)
def test_a_number_of_speakers_is_kept_to_above_the_limit_as_below_it(
    vbx: Any, bounds: dict[str, int]
) -> None:
    vectors, active, _ = people(4, 300)
    _, _, below = BoundedClustering(vbx, limit=300)(embeddings=vectors, segmentations=active, **bounds)
    clusters, _, above = BoundedClustering(vbx, limit=100)(embeddings=vectors, segmentations=active, **bounds)
    assert len(above) == len(below)
    assert len(np.unique(clusters[:, 0])) == len(above)


@pytest.mark.parametrize("limit", [6000, 2])
def test_more_speakers_than_there_are_vectors_are_not_forced_and_the_log_says_so(
    vbx: Any, limit: int, caplog: pytest.LogCaptureFixture
) -> None:
    vectors, active, _ = people(2, 3)
    with pytest.raises(ValueError, match="n_samples=3 should be >= n_clusters=4"):
        vbx(embeddings=vectors, segmentations=active, num_clusters=4, min_clusters=4, max_clusters=4)
    with caplog.at_level(logging.WARNING):
        _, _, centroids = BoundedClustering(vbx, limit=limit)(
            embeddings=vectors, segmentations=active, num_clusters=4, min_clusters=4, max_clusters=4
        )
    assert 1 <= len(centroids) <= 3
    assert "4 speakers were asked for, but only 3 stretches" in caplog.text
