"""The sums in a status: real-time factors, and where time and GPUs were spent. Each recording, or process,
counts once."""

from typing import Annotated, Final

from pydantic import Field, StringConstraints

from ingest_contract.base import ContractModel, Count, Decimal, SumOfMany
from ingest_contract.captions import CaptionsProblem, ProblemCount, SourceCount, TranscriptSource
from ingest_contract.stages import Stage

MAX_LANGUAGE_ENTRIES: Final = 16
"""Languages that are counted one by one."""

OTHER_LANGUAGES: Final = "mul"
"""What any further ones are counted under: ISO 639's code for several."""

Heard = Annotated[str, StringConstraints(max_length=8)]
"""A language as the worker reports it."""


class LanguageCount(ContractModel):
    """How many recordings sound like one language."""

    language: Heard
    """The language."""

    count: Count
    """How many."""


class StageSeconds(ContractModel):
    """Time spent in one stage."""

    stage: Stage
    """The stage."""

    seconds: Decimal
    """Summed over all succeeded recordings."""

    computing_seconds: Decimal = "0"
    """Those in which the device computed."""


class Rtf(ContractModel):
    """Real-time factors of the succeeded recordings."""

    p50: Decimal
    """Median, read from the histogram."""

    p95: Decimal
    """95th percentile, read from the histogram."""

    histogram: Annotated[tuple[Count, ...], Field(max_length=32)]
    """Recordings per bucket. The reference documents the bounds; the last bucket is open."""


class Sums(ContractModel):
    """Totals over the succeeded recordings; from `queuedSeconds` on, over every process that ended: what it
    waited for and held.

    Added by the write that records the end, so each counts exactly once.
    """

    media_seconds: Decimal = "0"
    """Length of the media."""

    processing_seconds: Decimal = "0"
    """From process start to commit."""

    overhead_seconds: Decimal = "0"
    """Time outside every stage: start, imports, model loads."""

    speech_seconds: Decimal = "0"
    """Time in which someone speaks."""

    voiced_seconds: Decimal = "0"
    """Speech of speakers that have a voice vector."""

    dropped_seconds: Decimal = "0"
    """Speech, by voice activity detection, that gave no words."""

    wordless_seconds: Decimal = "0"
    """Time in speaker turns without a word, by diarization: an independent check of `droppedSeconds`."""

    speakerless_seconds: Decimal = "0"
    """Length of the words that are in no speaker's turn: they are stored without a speaker."""

    cut_words: SumOfMany = 0
    """Words left out as repeats, too many for the length of the sound."""

    words: SumOfMany = 0
    """Words."""

    doubtful_words: SumOfMany = 0
    """Those of them that the model itself holds for less likely than not. More than a quarter: a bad room, or
    a language that the model was not trained for."""

    sounds_like: Annotated[tuple[LanguageCount, ...], Field(max_length=MAX_LANGUAGE_ENTRIES + 1)] = ()
    """Recordings that are surely in another language than the one ordered, by the language that they sound
    like: what is stored of them is translated or invented."""

    transcripts: Annotated[tuple[SourceCount, ...], Field(max_length=len(TranscriptSource))] = ()
    """Recordings by where their words are from, if the profile prefers captions."""

    captions_not_taken: Annotated[tuple[ProblemCount, ...], Field(max_length=len(CaptionsProblem))] = ()
    """Why those were transcribed whose captions were preferred."""

    segments: SumOfMany = 0
    """Passages."""

    vectors: SumOfMany = 0
    """Passages with a vector: always equal to `segments`."""

    stages: Annotated[tuple[StageSeconds, ...], Field(max_length=16)] = ()
    """Time by stage."""

    queued_seconds: Decimal = "0"
    """For every process: from its creation until it got a node, mostly the wait for a free GPU."""

    starting_seconds: Decimal = "0"
    """For processes that never started: until their sandbox, network and volumes were ready. A pod that ran
    and ended no longer shows this."""

    pulling_seconds: Decimal = "0"
    """For every process: from getting its node until its container ran: the image pull, if the image was
    missing, and the start of its sandbox."""

    gpu_seconds: Decimal = "0"
    """For every process: how long it held its GPUs, times their number, from getting its node to its end."""

    held_seconds: Decimal = "0"
    """For every process: how long it held its device, GPU or CPU, from getting its node to its end; on a
    workstation from its start."""

    computing_seconds: Decimal = "0"
    """For every process that left a Receipt: those of `heldSeconds` in which its device computed. By the
    driver's utilisation; on a CPU, and where a device reports none (MIG), the time inside the engines."""
