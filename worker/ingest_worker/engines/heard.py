"""What the pipeline heard by window, as the rest of the worker keeps it: `voice_windows`. Called by
`diarization`.

pyannote gives its vectors and clusters to nobody: its hook shows the steps, and `reconstruct`, which is ours,
receives the clusters.
"""

import logging
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ingest_worker.engines.reconstruction import reconstruct
from ingest_worker.engines.turns import numbers_of
from ingest_worker.voice_windows import MAX_WINDOWS, NOBODY, Bits, Small, VoiceWindows, scaled

BLOCK: Final = 1024
"""Windows whose vectors are rounded at once."""

log = logging.getLogger(__name__)


class WindowRecorder:
    """The windows of one recording, seen while it is diarized."""

    def __init__(self) -> None:
        """Nothing is heard yet."""
        self._steps: dict[str, Any] = {}
        self._clusters: NDArray[Any] | None = None
        self._present: NDArray[np.int64] | None = None

    def hook(self, step: str, artifact: Any, **_: object) -> None:
        """Called by the pipeline after each step, and with None for progress."""
        if artifact is not None and step in {"segmentation", "embeddings"}:
            self._steps[step] = artifact

    def reconstruct(self, segmentations: Any, clusters: NDArray[Any], count: Any) -> Any:
        """`reconstruction.reconstruct`. The pipeline calls it with overlaps first; the labels are those of
        the clusters that have a frame then."""
        made = reconstruct(segmentations, clusters, count)
        if self._clusters is None:
            self._clusters, self._present = clusters.copy(), np.flatnonzero(made.data.any(0))
        return made

    def windows(self, output: Any, frames: Any) -> VoiceWindows | None:
        """The windows with the speakers of `turns.diarization_of`; None if nobody speaks or there are more
        than `MAX_WINDOWS`.

        Args:
            output: The pipeline's `DiarizeOutput`.
            frames: The segmentation network's receptive field, a `SlidingWindow`.
        """
        if self._clusters is None or self._present is None:
            return None
        if len(self._clusters) > MAX_WINDOWS:
            log.warning(
                "voices are judged by speaker: of %d windows none are kept, %d would be",
                len(self._clusters),
                MAX_WINDOWS,
            )
            return None
        segmentation = self._steps["segmentation"]
        table = np.full(int(self._present.max(initial=0)) + 1, NOBODY, np.int16)
        for row, number in numbers_of(output).items():
            table[self._present[row]] = number
        known = np.isin(self._clusters, self._present)
        speakers = np.where(known, table[np.where(known, self._clusters, 0)], NOBODY).astype(np.int16)
        active = segmentation.data > 0
        return VoiceWindows(
            active,
            _vectors(active, self._steps["embeddings"]),
            speakers,
            step=segmentation.sliding_window.step,
            frame=frames.step,
            offset=0.5 * frames.duration,
        )


def _vectors(active: Bits, embeddings: NDArray[Any]) -> Small:
    """(windows, slots, dimension) of those who are active; by block, because a copy of all is 90 MB in eight
    hours."""
    vectors = np.zeros(embeddings.shape, np.int8)
    for first in range(0, len(active), BLOCK):
        part = slice(first, first + BLOCK)
        heard: Bits = np.any(active[part], axis=1)
        vectors[part] = scaled(np.where(heard[:, :, None], embeddings[part], 0))
    return vectors
