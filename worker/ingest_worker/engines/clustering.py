"""The pipeline's VBx clustering, with memory and speakers that do not grow with the recording's length.

VBx starts from agglomerative clustering, whose distances take 4 bytes x N^2, twice: 6 GB at eight hours. And
the number of speakers that it keeps grows with N: what a speaker costs it (`Fb`) stays the same, and what one
more explains grows with every vector. Up to `MAX_VECTORS` this is pyannote's own code. Of a longer recording
`SAMPLE_VECTORS`, evenly spread over it, say who is there, and every window is then given to the nearest of
them, as pyannote does at any length. Called by `diarization`. Never diarizes stretches separately: their
speakers cannot be matched afterwards (NeMo#5637).
"""

import logging
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from ingest_worker.engines.pyannote_parts import SlidingWindow, SlidingWindowFeature

MAX_VECTORS: Final = 6000
"""Vectors that pyannote clusters by itself: about 300 MB, an hour of conversation. NeMo takes 10,000."""

SAMPLE_VECTORS: Final = 3000
"""Vectors of a longer recording that say who is there: half an hour of conversation."""

ALIKE_COSINE: Final = 0.5
"""Cosine below which a vector is nobody's of the sample: strangers have 0.31 at most, one person in two
recordings 0.59 and more (`bench.identity_trials`)."""

FEWEST_VECTORS: Final = 10
"""Vectors of one voice that are nobody's of the sample, and make it somebody: ten seconds."""

FREE: Final[dict[str, Any]] = {"num_clusters": None, "min_clusters": 1, "max_clusters": np.inf}
"""As many speakers as there are."""

MIN_CLEAN_SHARE: Final = 0.2
"""Of a window: what a slot must say alone for its vector to be clustered by; `min_active_ratio` of
`BaseClustering.filter_embeddings` (pyannote.audio 4.0.7)."""

BLOCK: Final = 1024
"""Windows that are looked at at once."""

log = logging.getLogger(__name__)


class BoundedClustering:
    """Replaces the pipeline's `VBxClustering`, and does the same for all but long recordings."""

    def __init__(self, vbx: Any, *, limit: int = MAX_VECTORS, sample: int = SAMPLE_VECTORS) -> None:
        """`vbx` is the pipeline's instantiated `VBxClustering`."""
        self._vbx, self._limit, self._sample = vbx, limit, sample

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
        clean = clean_slots(embeddings, segmentations.data)
        vectors = int(clean.sum())
        if min_clusters > vectors:
            log.warning(
                "%d speakers were asked for, but only %d stretches of clean speech are there to tell by",
                min_clusters,
                vectors,
            )
            num_clusters, min_clusters = None, 1
        wanted = {"num_clusters": num_clusters, "min_clusters": min_clusters, "max_clusters": max_clusters}
        if vectors > self._limit:
            return self._long(clean, embeddings, segmentations, wanted)
        stock: tuple[NDArray[Any], NDArray[Any], NDArray[Any]] = self._vbx(
            embeddings=embeddings, segmentations=segmentations, **wanted
        )
        return stock

    def _long(
        self, clean: NDArray[np.bool_], embeddings: NDArray[Any], segmentations: Any, wanted: dict[str, Any]
    ) -> tuple[NDArray[Any], None, NDArray[Any]]:
        sample = evenly(clean, embeddings, self._sample)
        centroids = self._centroids(sample, FREE)
        whole = self._with_the_rare(centroids, clean, embeddings)
        if not _is_forced(len(whole), **wanted):
            centroids = whole  # otherwise who speaks seldom is the first to be left out
        forced = _is_forced(len(centroids), **wanted)
        if forced:
            centroids = self._centroids(sample, wanted)
        likeness = self._likeness(embeddings, centroids)
        if forced or not self._vbx.constrained_assignment:
            return np.argmax(likeness, axis=2), None, centroids
        # silent slots must not take a speaker from an active slot
        likeness[segmentations.data.sum(1) == 0] = np.nanmin(likeness) - 1
        return self._vbx.constrained_argmax(likeness), None, centroids

    def _with_the_rare(
        self, centroids: NDArray[Any], clean: NDArray[np.bool_], embeddings: NDArray[Any]
    ) -> NDArray[Any]:
        """The centroids, and those of voices that are like none of them: whoever speaks for a minute in eight
        hours has ten vectors in the sample. Of laughter and music VBx makes voices that nothing is like, the
        more the longer it lasts: a voice needs vectors of its own."""
        strangers = clean & (self._likeness(embeddings, centroids).max(2) < 1 + ALIKE_COSINE)
        if strangers.sum() < FEWEST_VECTORS:
            return centroids
        found = self._centroids(evenly(strangers, embeddings, self._sample), FREE)
        own = self._likeness(embeddings[strangers][:, None], found)[:, 0]
        nearest = own.argmax(1)[own.max(1) >= 1 + ALIKE_COSINE]
        heard = np.bincount(nearest, minlength=len(found)) >= FEWEST_VECTORS
        new = 1 - cdist(found, centroids, metric="cosine").min(1) < ALIKE_COSINE
        return np.vstack([centroids, found[heard & new]])

    def _likeness(self, embeddings: NDArray[Any], centroids: NDArray[Any]) -> NDArray[Any]:
        """(windows, slots, clusters) 2 less the distance, as pyannote's. By blocks, because scipy copies what
        it is given as float64, twice: 350 MB at eight hours."""
        windows, slots, dimension = embeddings.shape
        rows = embeddings.reshape(-1, dimension)
        distances = [
            cdist(rows[first : first + BLOCK], centroids, metric=self._vbx.metric)
            for first in range(0, len(rows), BLOCK)
        ]
        return (2 - np.concatenate(distances)).reshape(windows, slots, -1)

    def _centroids(self, sample: NDArray[Any], wanted: dict[str, Any]) -> NDArray[Any]:
        """(clusters, dimension) pyannote's own, of vectors that each have a window for themselves."""
        alone = SlidingWindowFeature(
            np.ones((len(sample), 1, 1), np.float32), SlidingWindow(start=0.0, duration=1.0, step=1.0)
        )
        _, _, centroids = self._vbx(embeddings=sample[:, None], segmentations=alone, **wanted)
        made: NDArray[Any] = centroids
        return made


def clean_slots(embeddings: NDArray[Any], active: NDArray[Any]) -> NDArray[np.bool_]:
    """(windows, slots) whether a slot's vector is one to cluster by: `BaseClustering.filter_embeddings`, by
    blocks, because its products are as large as all windows."""
    clean = np.empty(embeddings.shape[:2], np.bool_)
    for first in range(0, len(active), BLOCK):
        part = slice(first, first + BLOCK)
        alone = active[part].sum(2, keepdims=True) == 1
        enough = (active[part] * alone).sum(1) >= MIN_CLEAN_SHARE * active.shape[1]
        clean[part] = enough & ~np.isnan(embeddings[part]).any(2)
    return clean


def evenly(clean: NDArray[np.bool_], embeddings: NDArray[Any], count: int) -> NDArray[Any]:
    """(count, dimension) of the vectors that are clean, evenly spread over the recording; all of fewer."""
    windows, slots = np.nonzero(clean)
    count = min(count, len(windows))
    chosen = np.arange(count) * len(windows) // count
    sample: NDArray[Any] = embeddings[windows[chosen], slots[chosen]]
    return sample


def _is_forced(found: int, num_clusters: int | None, min_clusters: float, max_clusters: float) -> bool:
    """Whether `VBxClustering` makes another number of clusters than it found."""
    return not min_clusters <= found <= max_clusters or (num_clusters or found) != found
