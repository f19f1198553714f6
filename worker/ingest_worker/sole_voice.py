"""The voice of a recording in which one person speaks: the vector that enrolment stores.
Pure. Called by `enrolment`."""

from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class SoleVoice:
    """The one person of a recording."""

    vector: FloatArray
    """(dimension,) L2-normalised."""
    seconds: float
    """Their speech."""


def sole_voice(diarization: Diarization) -> SoleVoice:
    """The only speaker.

    Raises:
        StageError: `TOO_LITTLE_SPEECH`, also where there is no vector because too little of it is clean;
            `SEVERAL_PEOPLE`. The message has the seconds.
    """
    seconds = sorted(
        ((diarization.seconds_of(speaker), -speaker) for speaker in range(diarization.speakers)), reverse=True
    )
    total = sum(length for length, _ in seconds)
    if total < MIN_SECONDS:
        raise StageError(
            Reason.TOO_LITTLE_SPEECH, f"Only {total:.1f} s of speech; a voice needs {MIN_SECONDS:.0f} s."
        )
    if len(seconds) > 1 and seconds[1][0] > MAX_SECOND_VOICE_SHARE * total:
        raise StageError(
            Reason.SEVERAL_PEOPLE, f"A second voice has {seconds[1][0]:.1f} s of {total:.1f} s of speech."
        )
    (longest, negative), *_ = seconds
    if longest < MIN_SECONDS:
        raise StageError(
            Reason.TOO_LITTLE_SPEECH,
            f"No voice speaks for {MIN_SECONDS:.0f} s; the longest for {longest:.1f} s.",
        )
    if not diarization.has_vector(-negative):
        raise StageError(
            Reason.TOO_LITTLE_SPEECH, "The voice network gave no vector: too little of the speech is clean."
        )
    return SoleVoice(diarization.vectors[-negative], longest)
