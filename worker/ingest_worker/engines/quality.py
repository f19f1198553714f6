"""Whether a decoded piece of speech is credible.

Called by the Whisper adapter for every decoding. faster-whisper's batched mode ignores all of these gates
("Unused Arguments" in its `transcribe`); its sequential mode knows the first three. Pure.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from ingest_worker.engines.loops import loop_of

MAX_COMPRESSION_RATIO: Final = 2.4
"""Text with a higher zlib ratio than this repeats itself (Radford et al. 2022, 4.5;
openai/whisper `compression_ratio_threshold`)."""

MIN_LOGPROB: Final = -1.0
"""Mean log probability per token below which a decoding is doubtful (same place, `logprob_threshold`)."""

MAX_NO_SPEECH_PROBABILITY: Final = 0.6
"""Probability of "no speech" above which a doubtful decoding is silence
(same place, `no_speech_threshold`)."""

MAX_CHARACTERS_PER_SECOND: Final = 40.0
"""Characters a second that nobody can say: eight words of five letters, while fast English stays below six
words (Tauroza and Allison 1990: radio monologue 160, interviews 190 words a minute). Characters, because not
every language writes spaces."""

MIN_CHARACTERS_PER_SECOND: Final = 1.5
SPARSE_AFTER_SECONDS: Final = 10.0
"""Fewer characters a second over ten seconds of voice activity:
the decoder stopped early (faster-whisper#1179)."""


class Fault(StrEnum):
    """Why a decoding is not accepted."""

    REPETITIVE = "repetitive"
    LOOPING = "looping"
    TOO_FAST = "too fast"
    CUT_OFF = "cut off"
    """The decoder used all its tokens."""
    DOUBTFUL = "doubtful"
    SPARSE = "sparse"


DEGENERATE: Final = frozenset({Fault.REPETITIVE, Fault.LOOPING, Fault.TOO_FAST, Fault.CUT_OFF})
"""Text that nobody said: better none. The other faults only require a second decoding, and the best one is
kept, as upstream does."""

UNALIGNED: Final = frozenset({Fault.TOO_FAST, Fault.CUT_OFF})
"""Text that the sound cannot contain: it is not aligned, because times for its words would mean nothing."""

IN_CIRCLES: Final = frozenset({Fault.REPETITIVE, Fault.LOOPING})
"""Degenerate, unless another decoding has the same text: people do repeat themselves."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """One decoding of one piece of sound."""

    text: str
    seconds: float
    """Length of the sound."""
    logprob: float
    """Mean log probability per token."""
    no_speech: float
    """Probability that nobody speaks."""
    complete: bool
    """False where the decoder ran out of tokens."""
    language: str | None = None
    """The language in which it was decoded, if it is not the task's: the sound was sure of another."""
    ballot: Mapping[str, float] = field(default_factory=dict)
    """The probability of every language by the sound itself; empty if the model knows one only."""

    def spoken_in(self, language: str, ordinary: str, ballot: Mapping[str, float]) -> "Decoded":
        """The same decoding with its language, which is set if it is not the `ordinary` one, and the ballot
        behind it."""
        return replace(self, language=None if language == ordinary else language, ballot=ballot)


def fault_of(decoded: Decoded) -> Fault | None:
    """The first gate that the decoding fails, the most serious first; None if it is accepted."""
    # in less than a second a single word would seem too fast
    pace = len(decoded.text) / max(decoded.seconds, 1.0)
    gates = (
        (Fault.CUT_OFF, not decoded.complete),
        (Fault.REPETITIVE, compression_ratio(decoded.text) > MAX_COMPRESSION_RATIO),
        (Fault.LOOPING, is_loop(decoded.text)),
        (Fault.TOO_FAST, pace > MAX_CHARACTERS_PER_SECOND),
        (Fault.DOUBTFUL, decoded.logprob < MIN_LOGPROB),
        (Fault.SPARSE, decoded.seconds >= SPARSE_AFTER_SECONDS and pace < MIN_CHARACTERS_PER_SECOND),
    )
    return next((fault for fault, failed in gates if failed), None)


def is_silence(decoded: Decoded) -> bool:
    """Whether the model itself reports silence; then its text means nothing."""
    return decoded.no_speech > MAX_NO_SPEECH_PROBABILITY and decoded.logprob < MIN_LOGPROB


def compression_ratio(text: str) -> float:
    """Bytes of text per byte of its zlib form."""
    data = text.encode()
    return len(data) / len(zlib.compress(data))


def is_loop(text: str) -> bool:
    """Whether a phrase is repeated without a break."""
    return loop_of(text) is not None
