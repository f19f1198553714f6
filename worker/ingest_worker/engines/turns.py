"""From pyannote's output to ours: turns, overlaps and one unit vector per speaker, numbered by who speaks
first.

Pure but for the two types of pyannote.core that it reads. Called by `diarization`.
"""

from typing import Any

import numpy as np

from ingest_worker.domain import Diarization, FloatArray, Turn


def diarization_of(output: Any, seconds: float) -> Diarization:
    """Our form of a `DiarizeOutput`, cut at the recording's end (the last window is padded beyond it).

    Rows of zeros (a speaker whom pyannote added without a vector) and of NaN (one who spoke too little)
    become NaN.
    """
    labels = output.speaker_diarization.labels()
    order = _by_first_word(output)
    number = {labels[row]: speaker for speaker, row in enumerate(order)}
    tracks = output.exclusive_speaker_diarization.itertracks(yield_label=True)
    turns = [
        Turn(segment.start, min(segment.end, seconds), number[label])
        for segment, _, label in tracks
        if segment.start < seconds
    ]
    overlaps = [
        (segment.start, min(segment.end, seconds))
        for segment in output.speaker_diarization.get_overlap()
        if segment.start < seconds
    ]
    turns.sort(key=lambda turn: (turn.start, turn.end))
    return Diarization(tuple(turns), tuple(overlaps), unit_rows(np.asarray(output.speaker_embeddings)[order]))


def numbers_of(output: Any) -> dict[int, int]:
    """Speaker by the number in pyannote's label: `SPEAKER_02` was the third of the clusters that speak."""
    labels = output.speaker_diarization.labels()
    return {
        int(labels[row].rpartition("_")[2]): speaker for speaker, row in enumerate(_by_first_word(output))
    }


def _by_first_word(output: Any) -> list[int]:
    """The labels' rows, in the order in which they first speak."""
    annotation = output.speaker_diarization
    labels = annotation.labels()
    first = {label: annotation.label_timeline(label)[0].start for label in labels}
    return sorted(range(len(labels)), key=lambda row: (first[labels[row]], labels[row]))


def unit_rows(vectors: Any) -> FloatArray:
    """(n, dimension) float32 rows of length 1; NaN where a row is zero or not finite."""
    rows = np.asarray(vectors, np.float64)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    usable = np.isfinite(length) & (length > 0)
    unit: FloatArray = np.where(usable, rows / np.where(usable, length, 1), np.nan).astype(np.float32)
    return unit
