"""The Receipt: what a worker says when it ends, in at most 4,096 bytes of termination message.

Written once, in place (in a pod the file is a bind mount, so it cannot be renamed over), by the worker; read
by the operator and the local backend, which must also cope without it. Plain counts and seconds here; what
people read is made from it in the status.
"""

from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from ingest_contract.base import ContractModel, Count
from ingest_contract.failures import Reason
from ingest_contract.stages import Stage
from ingest_contract.text import said

RECEIPT_LIMIT: Final = 4096
"""Bytes: where a kubelet cuts a termination message (kubernetes `pkg/kubelet/container`,
`MaxContainerTerminationMessageLength`)."""

Real = Annotated[float, Field(ge=0, le=1e8, allow_inf_nan=False)]
"""A measured quantity. Floats are fine here: a Receipt is not an API object. Bounded, so that 10,000 of them
still add up in the status."""

MAX_MESSAGE: Final = 1024

_LEAST_MEDIA: Final = 0.001
"""Seconds: of less, a ratio to it says nothing."""


def _legible(text: object) -> object:
    """Whatever an error says, as people may read it (`text.said`). A report is cut, never refused."""
    return said(text)[:MAX_MESSAGE] if isinstance(text, str) else text


class StageFigures(ContractModel):
    """One stage of one run."""

    seconds: Real
    """Wall time on a monotonic clock, also of a stage that failed."""

    resumed: bool = False
    """Whether the result came from an artifact of an earlier run, and nothing was computed."""

    batch: Count | None = None
    """The batch it ended with, after any halving."""

    halvings: Count = 0
    """How often an out-of-memory halved its batch."""

    peak_vram_mib: Count | None = None
    """The most memory in use on the device during the stage (NVML); None on a CPU."""


class Tracks(ContractModel):
    """What was heard of the media file, where it was decoded in this run."""

    found: Count
    """Audio tracks in it."""

    taken: Count
    """The one that was heard, counted from 1."""

    passed_over: Annotated[str, StringConstraints(max_length=200)] = ""
    """Which tracks were tried before it or could not be, and why."""

    damaged_packets: Count = 0
    """Packets of the track that did not decode: each leaves a hole of some hundredths of a second."""

    filled_seconds: Real = 0.0
    """Silence in place of holes between the track's timestamps."""

    gain: Real = 1.0
    """What the samples were multiplied by: less than 1 where they were far beyond full scale, more where a
    mix of channels was faint."""


class Coverage(ContractModel):
    """How much of the recording really got what it should."""

    speech_seconds: Real
    """Seconds in which somebody speaks, by diarization."""

    voiced_seconds: Real
    """Those of them whose speaker has a finite, non-zero voice vector."""

    words: Count
    """Words transcribed."""

    attributed_words: Count
    """Words that lie in some speaker's turn."""

    wordless_seconds: Real = 0.0
    """Seconds of turns, by diarization, in which no word lies for more than four seconds on end: what
    transcription may have missed."""

    wordless_speakers: Count = 0
    """Speakers with more than four seconds of turns and no word."""

    segments: Count
    """Passages."""

    vectors: Count
    """Passages with a stored vector: equal to `segments`, or the run is not a success."""


class Speakers(ContractModel):
    """Who speaks."""

    found: Count
    """Speakers told apart."""

    named: Count
    """Those recognised as an enrolled voice."""

    outside_bounds: bool = False
    """Whether fewer or more were found than the batch said there are. What was heard is kept."""


class Quality(ContractModel):
    """What the transcription's gates saw."""

    language: Annotated[str, StringConstraints(max_length=8)]
    """The language of most of the speech."""

    language_probability: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 1.0
    """How sure all of the speech is of it, 0 to 1; 1 where it was ordered."""

    chunks: Count
    """Pieces of speech decoded."""

    redecoded: Count
    """Pieces that failed a gate, or had speech without a word over it, and were decoded again."""

    dropped: Count
    """Stretches of speech, by voice activity, that are without words after every decoding."""

    dropped_seconds: Real
    """Their length."""

    cut_words: Count = 0
    """Words left out as repeats that the sound cannot hold."""

    foreign_chunks: Count = 0
    """Pieces that are most like another language than `language`. Those that are sure of it were decoded in
    it, unless one was ordered."""


class Memory(ContractModel):
    """The most that was used."""

    peak_rss_mib: Count
    """Resident memory of the worker and the largest of its children."""

    gpu_uuid: Annotated[str, StringConstraints(max_length=64)] | None = None
    """Which GPU; None on a CPU, like everything below."""

    free_vram_at_start_mib: Count | None = None
    """Free memory before CUDA started: over many runs on one GPU this is the series that shows whether memory
    came back."""

    peak_vram_mib: Count | None = None
    """The most in use on the device."""

    busy_percent: Annotated[int, Field(ge=0, le=100)] | None = None
    """Mean share of time in which some kernel ran."""


class Effective(ContractModel):
    """What was really used, after every default, rung and halving."""

    device: str
    compute_type: str
    threads: Count
    transcription_batch: Count
    diarization_batch: Count
    embedding_batch_tokens: Count
    models: dict[str, str]
    """Role to `name@first-12-digits-of-its-sha256`."""


class PlanSummary(ContractModel):
    """What a plan's log must add up to."""

    items: Count
    """Items planned."""

    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    """Of the plan document before compression."""


class Receipt(ContractModel):
    """How a run ended, and what it took."""

    result: Literal["Succeeded", "Failed"]
    """`Failed` covers skips too: the reason's verdict tells them apart."""

    reason: Reason | None = None
    """Why it did not succeed."""

    message: Annotated[str, BeforeValidator(_legible), StringConstraints(max_length=MAX_MESSAGE)] = ""
    """The particulars, for people."""

    stage: Stage | None = None
    """The stage that failed."""

    retry_after_seconds: Count | None = None
    """When the source says to come back, for a verdict that waits."""

    seconds: Real
    """Process start to the end of the last stage."""

    media_seconds: Real = 0.0
    """Length of the decoded audio."""

    overhead_seconds: Real = 0.0
    """Time in no stage: imports, model loads and the like that could not be hidden behind one."""

    stages: dict[Stage, StageFigures] = Field(default_factory=dict)
    """Every stage that began."""

    run_id: Annotated[str, StringConstraints(max_length=36)] | None = None
    """The committed run."""

    tracks: Tracks | None = None
    coverage: Coverage | None = None
    speakers: Speakers | None = None
    quality: Quality | None = None
    memory: Memory | None = None
    effective: Effective | None = None
    plan: PlanSummary | None = None
    """Of a plan order: what its log must add up to."""

    @property
    def rtf(self) -> float | None:
        """Real-time factor: processing seconds over media seconds; None before anything was decoded."""
        return self.seconds / self.media_seconds if self.media_seconds >= _LEAST_MEDIA else None


def encode(receipt: Receipt) -> bytes:
    """The receipt in at most `RECEIPT_LIMIT` bytes: the message is shortened first, then details go; how it
    ended always stays."""
    brief = receipt.model_copy(update={"message": receipt.message[:256]})
    for candidate in (receipt, brief):
        data = _short(candidate)
        if len(data) <= RECEIPT_LIMIT:
            return data
    return _short(
        brief.model_copy(update={"effective": None, "quality": None})
    )  # every field that is left is bounded


def _short(receipt: Receipt) -> bytes:
    """Without what is as it is mostly: a cluster keeps the message in several versions of the pod."""
    return receipt.model_dump_json(exclude_none=True, exclude_defaults=True).encode()


def decode(data: bytes | str) -> Receipt:
    """The receipt in a termination message. Raises `pydantic.ValidationError` for log text, half a message or
    another version's."""
    return Receipt.model_validate_json(data)
