"""What a status adds up: real-time factors, and where time and GPUs went. Sums count each recording, or
process, once."""

from typing import Annotated

from pydantic import Field

from ingest_contract.base import ContractModel, Count, Decimal, SumOfMany
from ingest_contract.stages import Stage


class StageSeconds(ContractModel):
    """Where time went in one stage."""

    stage: Stage
    """The stage."""

    seconds: Decimal
    """Summed over all succeeded recordings."""


class Rtf(ContractModel):
    """Real-time factors of the succeeded recordings."""

    p50: Decimal
    """Median, read from the histogram."""

    p95: Decimal
    """95th percentile, read from the histogram."""

    histogram: Annotated[tuple[Count, ...], Field(max_length=32)]
    """Recordings per bucket; bounds as documented in the reference, the last bucket open."""


class Sums(ContractModel):
    """Totals over the succeeded recordings, and from `queuedSeconds` on over every process that ended: what
    was waited for and held.

    Folded in by the write that records the end, so each counts exactly once.
    """

    media_seconds: Decimal = "0"
    """Length of the media."""

    processing_seconds: Decimal = "0"
    """Process start to commit."""

    overhead_seconds: Decimal = "0"
    """In no stage: start, imports, model loads."""

    speech_seconds: Decimal = "0"
    """In which somebody speaks."""

    voiced_seconds: Decimal = "0"
    """Whose speaker has a voice vector."""

    dropped_seconds: Decimal = "0"
    """Of speech, by voice activity, that gave no words."""

    wordless_seconds: Decimal = "0"
    """Of somebody's turns without a word, by diarization: the same question asked of another judge."""

    cut_words: SumOfMany = 0
    """Left out as repeats that the sound cannot hold."""

    segments: SumOfMany = 0
    """Passages."""

    vectors: SumOfMany = 0
    """Passages with a vector: always equal to `segments`."""

    stages: Annotated[tuple[StageSeconds, ...], Field(max_length=16)] = ()
    """Where the time went."""

    queued_seconds: Decimal = "0"
    """Of every process: from its order until a node took it, mostly for a free GPU."""

    starting_seconds: Decimal = "0"
    """Of processes that never began: until their sandbox, network and volumes stood. A pod that ran and ended
    tells that no more."""

    pulling_seconds: Decimal = "0"
    """Of every process: from its node until its container ran: the image pulled where it was not there, and
    what began its sandbox."""

    gpu_seconds: Decimal = "0"
    """Of every process: how long it held its GPUs, each counted, from its place on a node to its end."""
