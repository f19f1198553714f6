"""The Receipt: what a worker reports when it ends, in at most 4,096 bytes of termination message.

Written once, in place (in a pod the file is a bind mount, so it cannot be renamed over), by the worker; read
by the operator and the local backend, which must also cope without it. It holds plain counts and seconds;
what users read is made from it in the status.
"""

from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from ingest_contract.base import ContractModel, Count
from ingest_contract.cache import Cached
from ingest_contract.captions import TranscriptOrigin
from ingest_contract.failures import Reason
from ingest_contract.sites import SiteReport
from ingest_contract.stages import Stage
from ingest_contract.text import said
from ingest_contract.tracks import Real, Tracks
from ingest_contract.voice_report import Enrolled, ForgetReport

MAX_RECEIPT_BYTES: Final = 4096
"""Bytes at which a kubelet cuts a termination message (kubernetes `pkg/kubelet/container`,
`MaxContainerTerminationMessageLength`)."""

MAX_MESSAGE_CHARACTERS: Final = 1024

_LEAST_MEDIA_SECONDS: Final = 0.001
"""Seconds. For less media a ratio means nothing."""


def _legible(text: object) -> object:
    """An error's text, made legible (`text.said`). A report is cut, never refused."""
    return said(text)[:MAX_MESSAGE_CHARACTERS] if isinstance(text, str) else text


class StageFigures(ContractModel):
    """One stage of one run."""

    seconds: Real
    """Wall time on a monotonic clock, of a failed stage too."""

    resumed: bool = False
    """Whether the result is an artifact of an earlier run, and nothing was computed."""

    batch: Count | None = None
    """The batch size at its end, after any halving."""

    halvings: Count = 0
    """How often an out-of-memory error halved its batch size."""

    peak_vram_mib: Count | None = None
    """The most memory in use on the device during the stage (NVML); None on a CPU."""

    computing_seconds: Real = 0.0
    """Those of `seconds` in which the device computed, measured as the Receipt's `computing_by` says. Stages
    that overlap on one GPU each see all of it."""


class Coverage(ContractModel):
    """How much of the recording has words, speakers and vectors."""

    speech_seconds: Real
    """Seconds in which someone speaks, by diarization."""

    voiced_seconds: Real
    """Those of them whose speaker has a finite, non-zero voice vector."""

    words: Count
    """Words transcribed."""

    attributed_words: Count
    """Words inside a speaker's turn."""

    wordless_seconds: Real = 0.0
    """Seconds of turns, by diarization, without a word for more than four seconds on end: what transcription
    may have missed."""

    wordless_speakers: Count = 0
    """Speakers with more than four seconds of turns and no word."""

    speakerless_seconds: Real = 0.0
    """Length of the words that are in no speaker's turn: they are stored without a speaker."""

    segments: Count
    """Passages."""

    vectors: Count
    """Passages with a stored vector: equal to `segments`, or the run is not a success."""


class Speakers(ContractModel):
    """Who speaks."""

    found: Count
    """Speakers found."""

    named: Count
    """Those recognised as an enrolled voice."""

    outside_bounds: bool = False
    """Whether fewer or more speakers were found than the batch allows. The result is kept as it is."""


class Quality(ContractModel):
    """What the transcription's quality gates found."""

    language: Annotated[str, StringConstraints(max_length=8)]
    """The language of most of the speech."""

    language_probability: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 1.0
    """Probability of that language over all of the speech, 0 to 1; 1 if the order names it."""

    chunks: Count
    """Pieces of speech decoded."""

    redecoded: Count
    """Pieces that were decoded again, because they failed a gate or had speech without a word."""

    dropped: Count
    """Stretches of speech, by voice activity, that have no words after every decoding."""

    dropped_seconds: Real
    """Their length."""

    cut_words: Count = 0
    """Words left out as repeats, too many for the length of the sound."""

    doubtful_words: Count = 0
    """Words that the model itself holds for less likely than not: up to a quarter of a meeting in a bad room,
    and up to two thirds of a language that the model was not trained for."""

    foreign_chunks: Count = 0
    """Pieces whose most likely language is not `language`. Those of high probability were decoded in their
    own, unless the order names one."""

    sounds_like: Annotated[str, StringConstraints(max_length=8)] | None = None
    """The language that the speech is surely in, where the order names another."""

    language_change_seconds: Real = 0.0
    """Length of the words within three seconds of a change of language: a change is found in pieces of three
    seconds, so these words may be written, or translated, in the neighbour's language."""


class Memory(ContractModel):
    """The most that was used."""

    peak_rss_mib: Count
    """Resident memory of the worker and the largest of its children."""

    gpu_uuid: Annotated[str, StringConstraints(max_length=64)] | None = None
    """Which GPU; None on a CPU, like everything below."""

    free_vram_at_start_mib: Count | None = None
    """Free memory before CUDA started: over many runs on one GPU, this series shows whether memory is given
    back."""

    peak_vram_mib: Count | None = None
    """The most in use on the device."""


class Effective(ContractModel):
    """What was used in fact, after every default, rung and halving."""

    device: str
    compute_type: str
    threads: Count
    transcription_batch: Count
    diarization_batch: Count
    embedding_batch_tokens: Count
    models: dict[str, str]
    """Role to `name@first-12-digits-of-its-sha256`."""


class PlanSummary(ContractModel):
    """What the plan in the log must match."""

    items: Count
    """Recordings planned."""

    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    """Of the plan document before compression."""


class Receipt(ContractModel):
    """How a run ended, and what it took."""

    result: Literal["Succeeded", "Failed"]
    """`Failed` includes skips: the reason's verdict distinguishes them."""

    reason: Reason | None = None
    """Why it did not succeed."""

    message: Annotated[
        str, BeforeValidator(_legible), StringConstraints(max_length=MAX_MESSAGE_CHARACTERS)
    ] = ""
    """Details, for people."""

    stage: Stage | None = None
    """The stage that failed."""

    retry_after_seconds: Count | None = None
    """When the source says to come back, for a verdict that waits."""

    seconds: Real
    """Process start to the end of the last stage."""

    media_seconds: Real = 0.0
    """Length of the decoded audio."""

    overhead_seconds: Real = 0.0
    """Time outside every stage: imports, model loads and the like that did not overlap with one."""

    computing_seconds: Real = 0.0
    """Those of `seconds` in which the run's device computed."""

    computing_by: Literal["Driver", "Engines"] = "Engines"
    """How that was measured. `Driver`: the time in which a kernel ran on the GPU, by its utilisation (NVML,
    `nvmlUtilization_t`). `Engines`, on a CPU and where a device reports none (MIG): the time inside the
    batches of the engines."""

    stages: dict[Stage, StageFigures] = Field(default_factory=dict)
    """Every stage that began."""

    run_id: Annotated[str, StringConstraints(max_length=36)] | None = None
    """The committed run."""

    cached: Cached | None = None
    """For a fetch order: what is in the cache now."""

    enrolled: Enrolled | None = None
    """For an enrol order: what is known about the voice now."""

    forgotten: ForgetReport | None = None
    """For a forget or a retain order: what went, however it ended."""

    site: SiteReport | None = None
    tracks: Tracks | None = None
    coverage: Coverage | None = None
    speakers: Speakers | None = None
    transcript: TranscriptOrigin | None = None
    """Where the words came from, if the profile prefers captions."""

    quality: Quality | None = None
    memory: Memory | None = None
    effective: Effective | None = None
    plan: PlanSummary | None = None
    """For a plan order: what the plan in its log must match."""

    @property
    def rtf(self) -> float | None:
        """Real-time factor: processing seconds over media seconds; None before anything was decoded."""
        return self.seconds / self.media_seconds if self.media_seconds >= _LEAST_MEDIA_SECONDS else None


def encode(receipt: Receipt) -> bytes:
    """The receipt in at most `MAX_RECEIPT_BYTES`: the message is shortened first, then details are dropped;
    how the run ended always stays."""
    enrolled = receipt.enrolled.without_messages() if receipt.enrolled is not None else None
    brief = receipt.model_copy(update={"message": receipt.message[:256], "enrolled": enrolled})
    for candidate in (receipt, brief):
        data = _short(candidate)
        if len(data) <= MAX_RECEIPT_BYTES:
            return data
    # every field that is left is bounded
    return _short(brief.model_copy(update={"effective": None, "quality": None}))


def _short(receipt: Receipt) -> bytes:
    """Without fields that have their usual value: a cluster keeps the message in several versions of the
    pod."""
    return receipt.model_dump_json(exclude_none=True, exclude_defaults=True).encode()


def decode(data: bytes | str) -> Receipt:
    """The receipt in a termination message. Raises `pydantic.ValidationError` for log text, half a message or
    another version's."""
    return Receipt.model_validate_json(data)
