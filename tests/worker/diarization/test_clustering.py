import logging
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pyannote.core import SlidingWindow, SlidingWindowFeature

from ingest_worker.engines import clustering
from ingest_worker.engines.clustering import BoundedClustering, clean_slots
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


@pytest.mark.parametrize("windows", [299, 300])
def test_up_to_the_limit_clustering_is_pyannotes_own(vbx: Any, windows: int) -> None:
    vectors, active, _ = people(4, windows)
    expected = vbx(embeddings=vectors, segmentations=active, min_clusters=1, max_clusters=np.inf)
    clusters, _, centroids = BoundedClustering(vbx, limit=300)(embeddings=vectors, segmentations=active)
    assert np.array_equal(clusters, expected[0])
    assert np.array_equal(centroids, expected[2])


def test_above_the_limit_everybody_is_who_he_was(vbx: Any) -> None:
    vectors, active, who = people(5, 900)
    whole, _, _ = BoundedClustering(vbx, limit=900)(embeddings=vectors, segmentations=active)
    clusters, _, centroids = BoundedClustering(vbx, limit=200, sample=200)(
        embeddings=vectors, segmentations=active
    )
    assert same_partition(clusters[:, 0], who)
    assert same_partition(clusters[:, 0], whole[:, 0])
    assert centroids.shape == (5, 256)


@pytest.mark.parametrize("windows", [301, 900, 1800])
def test_however_long_a_recording_is_as_many_vectors_say_who_is_there(vbx: Any, windows: int) -> None:
    """The speakers that VBx keeps grow with the vectors that it is asked of."""
    asked: list[int] = []

    class Counting:
        def __getattr__(self, name: str) -> Any:
            return getattr(vbx, name)

        def __call__(self, embeddings: NDArray[Any], **named: Any) -> Any:
            asked.append(int((~np.isnan(embeddings).any(2)).sum()))
            return vbx(embeddings=embeddings, **named)

    vectors, active, who = people(4, windows)
    clusters, _, _ = BoundedClustering(Counting(), limit=300, sample=150)(
        embeddings=vectors, segmentations=active
    )
    assert asked == [150]
    assert same_partition(clusters[:, 0], who)


@pytest.mark.parametrize(("seldom", "found"), [(20, 3), (9, 2)])
def test_somebody_whom_the_sample_misses_is_found_if_he_is_heard_ten_times(
    vbx: Any, seldom: int, found: int
) -> None:
    vectors, active, _ = people(2, 900)
    sampled = set((np.arange(200) * 900 // 200).tolist())
    his = [window for window in range(900) if window not in sampled][:seldom]
    random = np.random.default_rng(5)
    vectors[his, 0] = random.standard_normal(256) + 0.35 * random.standard_normal((seldom, 256))
    clusters, _, centroids = BoundedClustering(vbx, limit=200, sample=200)(
        embeddings=vectors, segmentations=active
    )
    assert len(centroids) == found
    if found > 2:
        others = np.setdiff1d(np.arange(900), his)
        assert set(clusters[his, 0]).isdisjoint(clusters[others, 0])


def test_sounds_that_are_like_nobody_and_not_like_each_other_are_no_speaker(vbx: Any) -> None:
    vectors, active, _ = people(2, 900)
    random = np.random.default_rng(7)
    noises = random.choice(900, 60, replace=False)
    vectors[noises, 0] = random.standard_normal((60, 256))
    _, _, centroids = BoundedClustering(vbx, limit=200, sample=200)(embeddings=vectors, segmentations=active)
    assert len(centroids) == 2


def test_who_speaks_seldom_is_left_out_where_fewer_speakers_are_allowed(vbx: Any) -> None:
    """And two who speak at once stay two, as they do where the number found is allowed."""
    vectors, active, _ = people(2, 900)
    sampled = set((np.arange(200) * 900 // 200).tolist())
    his = [window for window in range(900) if window not in sampled][:20]
    random = np.random.default_rng(5)
    vectors[his, 0] = random.standard_normal(256) + 0.35 * random.standard_normal((20, 256))
    vectors[500, 1] = vectors[500, 0]
    active.data[500, 17:] = [0, 1, 0]  # too little to be clustered by
    clusters, _, centroids = BoundedClustering(vbx, limit=200, sample=200)(
        embeddings=vectors, segmentations=active, max_clusters=2
    )
    assert len(centroids) == 2
    assert sorted(clusters[500, :2]) == [0, 1]


@given(
    seed=st.integers(0, 10_000),
    windows=st.integers(1, 12),
    frames=st.integers(1, 30),
    block=st.integers(1, 6),
)
def test_vectors_are_clustered_by_as_pyannote_chooses_them(
    vbx: Any, seed: int, windows: int, frames: int, block: int
) -> None:
    random = np.random.default_rng(seed)
    active = (random.random((windows, frames, 3)) < random.choice([0.1, 0.3, 0.9])).astype(np.uint8)
    vectors = random.standard_normal((windows, 3, 4)).astype(np.float32)
    vectors[random.random((windows, 3)) < 0.2] = np.nan
    segmentations = SlidingWindowFeature(
        active.astype(np.float32), SlidingWindow(start=0.0, duration=10.0, step=1.0)
    )
    _, chosen, slots = vbx.filter_embeddings(vectors, segmentations=segmentations)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clustering, "BLOCK", block)
        clean = clean_slots(vectors, active)
    assert np.array_equal(np.argwhere(clean), np.stack([chosen, slots], 1))


def test_memory_does_not_grow_with_the_square_of_the_length(vbx: Any) -> None:
    vectors, active, _ = people(4, 3000)

    def peak(limit: int) -> float:
        tracemalloc.start()
        BoundedClustering(vbx, limit=limit, sample=limit)(embeddings=vectors, segmentations=active)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found / MEGABYTE

    assert peak(3000) > 4 * 3000**2 / MEGABYTE  # the distances alone: what is to be bounded
    assert peak(300) < 15


@pytest.mark.parametrize(
    "bounds",
    [
        {"min_clusters": 6},
        {"max_clusters": 2},
        {"min_clusters": 4, "max_clusters": 4},
        {"num_clusters": 3, "min_clusters": 3, "max_clusters": 3},
    ],
)
def test_a_number_of_speakers_is_kept_to_above_the_limit_as_below_it(
    vbx: Any, bounds: dict[str, int]
) -> None:
    vectors, active, _ = people(4, 300)
    _, _, below = BoundedClustering(vbx, limit=300)(embeddings=vectors, segmentations=active, **bounds)
    clusters, _, above = BoundedClustering(vbx, limit=100, sample=100)(
        embeddings=vectors, segmentations=active, **bounds
    )
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
        _, _, centroids = BoundedClustering(vbx, limit=limit, sample=limit)(
            embeddings=vectors, segmentations=active, num_clusters=4, min_clusters=4, max_clusters=4
        )
    assert 1 <= len(centroids) <= 3
    assert "4 speakers were asked for, but only 3 stretches" in caplog.text
