"""The voice of a recording in which one person speaks: the vector that enrolment stores.
Pure. Called by `diarization`."""

from typing import Final

from ingest_contract.failures import Reason
from ingest_worker.domain import Diarization, FloatArray
from ingest_worker.errors import StageError

MIN_SECONDS: Final = 5.0
"""Seconds of speech that a voice needs: vectors from two seconds or less differ within one person as much as
between two (macparakeet#682)."""

MAX_SECOND_VOICE_SHARE: Final = 0.1
"""Share of a recording's speech that one other person may have, for a question or an interruption; with more,
two people speak in it."""


def sole_voice(diarization: Diarization) -> FloatArray:
    """(dimension,) vector of the only speaker.

    Raises:
        StageError: `VOICE_UNUSABLE` if too little is said, a second person speaks, or there is no vector. The
            message says which.
    """
    seconds = sorted(
        ((diarization.seconds_of(speaker), -speaker) for speaker in range(diarization.speakers)), reverse=True
    )
    total = sum(length for length, _ in seconds)
    if total < MIN_SECONDS:
        raise StageError(
            Reason.VOICE_UNUSABLE, f"Only {total:.1f} s of speech; a voice needs {MIN_SECONDS:.0f} s."
        )
    if len(seconds) > 1 and seconds[1][0] > MAX_SECOND_VOICE_SHARE * total:
        raise StageError(
            Reason.VOICE_UNUSABLE, f"A second voice has {seconds[1][0]:.1f} s of {total:.1f} s of speech."
        )
    (longest, negative), *_ = seconds
    if longest < MIN_SECONDS:
        raise StageError(
            Reason.VOICE_UNUSABLE,
            f"No voice speaks for {MIN_SECONDS:.0f} s; the longest for {longest:.1f} s.",
        )
    if not diarization.has_vector(-negative):
        raise StageError(
            Reason.VOICE_UNUSABLE, "The voice network gave no vector: too little of the speech is clean."
        )
    voice: FloatArray = diarization.vectors[-negative]
    return voice
