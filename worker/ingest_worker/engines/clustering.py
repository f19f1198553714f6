"""The pipeline's VBx clustering, with memory that does not grow with the square of the recording's length.

VBx starts from agglomerative clustering, whose distances take about 4 bytes x N^2 (and their copies as much
again): 6 GB at eight hours. Up to `MAX_VECTORS` this is pyannote's own code. Above it only that start is
computed differently, as NeMo does for long recordings (NeMo#7737): stretches of the recording are cut into
sub-clusters, then the sub-clusters are clustered; VBx itself sees every vector, as always. Called by
`diarization`. Never diarizes stretches separately: their speakers cannot be matched afterwards (NeMo#5637).
"""

import logging
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import cdist

from ingest_worker.engines.pyannote_parts import cluster_vbx

MAX_VECTORS: Final = 6000
"""Vectors that are clustered at once: about 300 MB, an hour and a half of conversation. NeMo takes 10,000."""

SUB_CLUSTERS: Final = 200
"""The most sub-clusters of a stretch. More than people in a room, because VBx drops superfluous clusters and
cannot add missing ones."""

ITERATIONS: Final = 20
"""Of VBx, as in `VBxClustering` (pyannote.audio 4.0.7)."""

KEPT_PRIOR: Final = 1e-7
"""Prior above which VBx keeps a speaker, as there."""

Labels = NDArray[np.int64]
Matrix = NDArray[np.float64]

log = logging.getLogger(__name__)


def initial_labels(vectors: Matrix, threshold: float, limit: int = MAX_VECTORS) -> Labels:
    """An initial assignment of vectors to speakers, in bounded memory.

    Args:
        vectors: (n, dimension) L2-normalised, in time order.
        threshold: distance of centroids at which merging ends.
        limit: vectors that are clustered at once.

    Returns:
        (n,) cluster of every vector, numbered from 0 without gaps. Up to `limit` vectors exactly what
        pyannote starts from.
    """
    if len(vectors) <= limit:
        return _cut(vectors, threshold)
    labels = np.empty(len(vectors), np.int64)
    centres: list[Matrix] = []
    for part in np.array_split(np.arange(len(vectors)), -(-len(vectors) // limit)):
        inside = _cut(vectors[part], threshold, at_most=min(SUB_CLUSTERS, limit // 2))
        labels[part] = inside + len(centres)
        centres += [vectors[part][inside == k].mean(0) for k in range(int(inside.max()) + 1)]
    above = np.array(centres)
    top = (
        _cut(above, threshold, at_most=SUB_CLUSTERS)
        if len(above) <= limit
        else initial_labels(above, threshold, limit)
    )
    return top[labels]


def _cut(vectors: Matrix, threshold: float, at_most: int | None = None) -> Labels:
    if len(vectors) == 1:
        return np.zeros(1, np.int64)
    tree = linkage(vectors, method="centroid", metric="euclidean")
    labels = fcluster(tree, threshold, criterion="distance")
    if at_most is not None and len(np.unique(labels)) > at_most:
        labels = fcluster(tree, at_most, criterion="maxclust")
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)


class BoundedClustering:
    """Replaces the pipeline's `VBxClustering`, and does the same for all but long recordings."""

    def __init__(self, vbx: Any, *, limit: int = MAX_VECTORS) -> None:
        """`vbx` is the pipeline's instantiated `VBxClustering`."""
        self._vbx, self._limit = vbx, limit

    def __call__(
        self,
        embeddings: NDArray[Any],
        segmentations: Any,
        num_clusters: int | None = None,
        min_clusters: float = 1,
        max_clusters: float = np.inf,
        **_: object,
    ) -> tuple[NDArray[Any], NDArray[Any] | None, NDArray[Any]]:
        """As `VBxClustering.__call__`: (windows, slots) clusters, (windows, slots, clusters) similarities or
        None, (clusters, dimension).

        If more speakers are wanted than there are vectors to tell them apart, scikit-learn's KMeans raises
        `ValueError: n_samples=3 should be >= n_clusters=4`; such a lower bound is ignored, and the log says
        so.
        """
        train, _, _ = self._vbx.filter_embeddings(embeddings, segmentations=segmentations)
        if min_clusters > len(train):
            log.warning(
                "%d speakers were asked for, but only %d stretches of clean speech are there to tell by",
                min_clusters,
                len(train),
            )
            num_clusters, min_clusters = None, 1
        if len(train) > self._limit:
            wanted = num_clusters, min_clusters, max_clusters
            return self._long(train, embeddings, segmentations, wanted)
        stock: tuple[NDArray[Any], NDArray[Any], NDArray[Any]] = self._vbx(
            embeddings=embeddings,
            segmentations=segmentations,
            num_clusters=num_clusters,
            min_clusters=min_clusters,
            max_clusters=max_clusters,
        )
        return stock

    def _long(
        self,
        train: NDArray[Any],
        embeddings: NDArray[Any],
        segmentations: Any,
        wanted: tuple[int | None, float, float],
    ) -> tuple[NDArray[Any], None, NDArray[Any]]:
        centroids = self._centroids(train)
        forced = _forced(len(centroids), *wanted)
        if forced is not None:
            centroids = _k_means(train, forced)
        windows, slots, dimension = embeddings.shape
        # by blocks, because scipy copies what it is given as float64, twice: 350 MB at eight hours
        rows = embeddings.reshape(-1, dimension)
        distances = [
            cdist(rows[first : first + self._limit], centroids, metric=self._vbx.metric)
            for first in range(0, len(rows), self._limit)
        ]
        likeness = (2 - np.concatenate(distances)).reshape(windows, slots, -1)
        if forced is not None or not self._vbx.constrained_assignment:
            return np.argmax(likeness, axis=2), None, centroids
        # silent slots must not take a speaker from an active slot
        likeness[segmentations.data.sum(1) == 0] = np.nanmin(likeness) - 1
        return self._vbx.constrained_argmax(likeness), None, centroids

    def _centroids(self, train: NDArray[Any]) -> NDArray[Any]:
        vbx = self._vbx
        unit = train / np.linalg.norm(train, axis=1, keepdims=True)
        labels = initial_labels(unit, vbx.threshold, self._limit)
        shares, priors = cluster_vbx(
            labels, vbx.plda(train), vbx.plda.phi, Fa=vbx.Fa, Fb=vbx.Fb, maxIters=ITERATIONS
        )
        kept = shares[:, priors > KEPT_PRIOR]
        centroids: NDArray[Any] = kept.T @ train / kept.sum(0)[:, None]
        return centroids


def _forced(found: int, wanted: int | None, least: float, most: float) -> int | None:
    """The number of speakers to force if the number found is not allowed; None if it is."""
    if found < least:
        wanted = int(least)
    elif found > most:
        wanted = int(most)
    return wanted if wanted is not None and wanted != found else None


def _k_means(train: NDArray[Any], clusters: int) -> NDArray[Any]:
    """(clusters, dimension) centroids, as `VBxClustering` makes them when the number is given."""
    from sklearn.cluster import KMeans

    unit = train / np.linalg.norm(train, axis=1, keepdims=True)
    labels = KMeans(n_clusters=clusters, n_init=3, random_state=42, copy_x=False).fit_predict(unit)
    return np.vstack([train[labels == k].mean(0) for k in range(clusters)])
