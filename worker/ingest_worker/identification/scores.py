"""How like an enrolled voice a vector is. Pure."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ingest_contract.failures import Reason
from ingest_worker.domain import Diarization, EnrolledVoice, FloatArray
from ingest_worker.errors import StageError

TOP_RECORDINGS: Final = 3
"""How many recordings of a voice count: those most similar to this speaker.
A mean over all blurs rooms and microphones into one that fits none (macparakeet#682);
with only the best, one bad recording could name strangers."""

Reals = NDArray[np.float64]

Scores = Sequence[tuple[float, str]]
"""(similarity, name), the best first."""


def check(voice: EnrolledVoice, diarization: Diarization) -> None:
    """Nothing, if a voice can be compared with a recording's speakers. Raises
    `StageError(IDENTIFICATION_FAILED)`, which names the voice."""
    vectors = voice.vectors
    if vectors.ndim != 2 or len(vectors) == 0:  # noqa: PLR2004 - a table
        raise StageError(Reason.IDENTIFICATION_FAILED, f"The enrolled voice {voice.name} has no vectors.")
    if diarization.speakers and vectors.shape[1] != diarization.vectors.shape[1]:
        sizes = f"{vectors.shape[1]} numbers, not {diarization.vectors.shape[1]}"
        raise StageError(
            Reason.IDENTIFICATION_FAILED, f"The enrolled voice {voice.name} is of another network: {sizes}."
        )
    if not np.isfinite(vectors).all() or not vectors.any(1).all():
        raise StageError(
            Reason.IDENTIFICATION_FAILED,
            f"The enrolled voice {voice.name} has a vector that is zero or not finite.",
        )


def ranked(vector: FloatArray, voices: Sequence[EnrolledVoice]) -> Scores:
    """Every voice's score; equal ones sorted by name, so that the order of enrolment decides nothing."""
    return sorted(
        ((similarity(vector, voice.vectors), voice.name) for voice in voices),
        key=lambda pair: (-pair[0], pair[1]),
    )


def similarity(vector: FloatArray, references: FloatArray) -> float:
    """Mean of the `TOP_RECORDINGS` highest cosines to (recordings, dimension) references, -1 to 1."""
    return float(similarities(vector[None], references)[0])


def similarities(vectors: NDArray[Any], references: FloatArray) -> Reals:
    """(n,) `similarity` of each of (n, dimension) vectors, none of them zero."""
    cosines = unit(vectors) @ unit(references).T
    best = np.sort(cosines, axis=1)[:, -TOP_RECORDINGS:]
    means: Reals = np.clip(best.mean(1), -1, 1)
    return means


def unit(rows: NDArray[Any]) -> Reals:
    """(n, dimension) float64 rows of length 1, of rows that are not zero."""
    exact = rows.astype(np.float64)
    of_one: Reals = exact / np.linalg.norm(exact, axis=1, keepdims=True)
    return of_one
