"""Whether a decoded piece of speech can be believed.

Called by the Whisper adapter for every decoding. faster-whisper's batched mode ignores all of these gates ("Unused Arguments" in its
`transcribe`); its sequential mode knows the first three. Pure.
"""

import zlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

MAX_COMPRESSION: Final = 2.4
"""Text that zlib shrinks more than this repeats itself (Radford et al. 2022, 4.5; openai/whisper `compression_ratio_threshold`)."""

MIN_LOGPROB: Final = -1.0
"""Mean log probability per token below which a decoding is doubtful (same place, `logprob_threshold`)."""

MAX_NO_SPEECH: Final = 0.6
"""Probability of "no speech" above which a doubtful decoding is silence (same place, `no_speech_threshold`)."""

MIN_LOOP_WORDS: Final = 10
MIN_LOOP_TURNS: Final = 4
LONGEST_PHRASE: Final = 10
"""A phrase of up to ten words said four times running and filling ten words is a loop. zlib's overhead hides it in a short text."""

MAX_PACE: Final = 40.0
"""Characters a second that nobody says: eight words of five letters, where fast English stays below six words (Tauroza and Allison 1990:
radio monologue 160, interviews 190 words a minute). Characters, because not every language writes spaces."""

MIN_PACE: Final = 1.5
SPARSE_AFTER: Final = 10.0
"""Fewer characters a second over ten seconds that voice activity calls speech: the decoder stopped early (faster-whisper#1179)."""


class Fault(StrEnum):
    """Why a decoding is not believed."""

    REPETITIVE = "repetitive"
    LOOPING = "looping"
    TOO_FAST = "too fast"
    CUT_OFF = "cut off"
    """The decoder used all its tokens."""
    DOUBTFUL = "doubtful"
    SPARSE = "sparse"


DEGENERATE: Final = frozenset({Fault.REPETITIVE, Fault.LOOPING, Fault.TOO_FAST, Fault.CUT_OFF})
"""Text that nobody said: better none. The other faults only ask for a second opinion, and the best decoding is kept, as upstream does."""


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


def fault_of(decoded: Decoded) -> Fault | None:
    """The first gate that the decoding fails, the gravest first; None if it may be believed."""
    pace = len(decoded.text) / max(decoded.seconds, 1.0)  # in less than a second a single word would look fast
    gates = (
        (Fault.CUT_OFF, not decoded.complete),
        (Fault.REPETITIVE, compression_ratio(decoded.text) > MAX_COMPRESSION),
        (Fault.LOOPING, is_loop(decoded.text)),
        (Fault.TOO_FAST, pace > MAX_PACE),
        (Fault.DOUBTFUL, decoded.logprob < MIN_LOGPROB),
        (Fault.SPARSE, decoded.seconds >= SPARSE_AFTER and pace < MIN_PACE),
    )
    return next((fault for fault, failed in gates if failed), None)


def is_silence(decoded: Decoded) -> bool:
    """Whether the model itself says that nobody speaks; then what it wrote means nothing."""
    return decoded.no_speech > MAX_NO_SPEECH and decoded.logprob < MIN_LOGPROB


def compression_ratio(text: str) -> float:
    """Bytes of text per byte of its zlib form."""
    data = text.encode()
    return len(data) / len(zlib.compress(data))


def is_loop(text: str) -> bool:
    """Whether a phrase is said over and over, without a break."""
    words = text.lower().split()
    return any(
        turns * length >= MIN_LOOP_WORDS and turns >= MIN_LOOP_TURNS
        for length in range(1, LONGEST_PHRASE + 1)
        for turns in _turns(words, length)
    )


def _turns(words: list[str], length: int) -> list[int]:
    """How often each run of one phrase of `length` words is said without a break."""
    run, turns = 0, [1]
    for here, there in zip(words, words[length:], strict=False):
        run = run + 1 if here == there else 0
        turns.append(1 + run // length)
    return turns
