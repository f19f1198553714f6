"""The WorkOrder: everything one worker process is told, as one JSON in one environment variable, or in a file
that one names.

Made by the operator or by the local backend, read by `python -m ingest_worker`. It carries no secret: the
store's address comes in an environment variable of its own, which a cluster fills from a Secret. Unknown
fields are refused, and no field of `Runtime` has a default, so a worker of another version says
`OrderInvalid` instead of leaving something out or guessing it.
"""

import hashlib
from typing import Annotated, Final, Literal, Self

from pydantic import Field, StringConstraints, TypeAdapter, model_validator

from ingest_contract.base import ContractModel, Count, ObjectName, Seconds, Timestamp, cel, in_order
from ingest_contract.profile import (
    MAX_FOLDERS,
    ComputeType,
    DiarizationProfile,
    EmbeddingProfile,
    FetchProfile,
    IdentificationProfile,
    Location,
    SegmentationProfile,
    TranscriptionProfile,
    Vocabulary,
)
from ingest_contract.selection import Reprocess, Select
from ingest_contract.text import ForeignLine

ORDER_VARIABLE: Final = "INGEST_WORK_ORDER"
"""The environment variable that carries the order."""

ORDER_FILE_VARIABLE: Final = "INGEST_WORK_ORDER_FILE"
"""The environment variable that names a file with the order, where it may be longer than a variable can be:
that of a plan."""

ORDER_DIGEST_VARIABLE: Final = "INGEST_WORK_ORDER_SHA256"
"""The environment variable that says what order the operator wrote, where other hands may come between: 32
hex digits of its sha256."""

DSN_VARIABLE: Final = "INGEST_DSN"
"""The environment variable that carries the store's address (libpq DSN); it may hold a password, so it is not
in the order."""

BatchName = Annotated[str, StringConstraints(max_length=63 + 1 + 253)]
"""A namespace and the name of an object in it, with a slash between them."""

TraceId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
"""One per batch, in the form of a W3C trace id; it runs through Jobs, logs and rows."""

ItemId = Annotated[str, StringConstraints(min_length=3, max_length=128, pattern=r"^[a-z0-9]+:.+$")]
"""`<where>:<id>`, for example `youtube:CNxH0rHS320`, `url:` with a hash of the canonical address, or
`file:` with one of the content and, for a file on a claim, of namespace and claim."""


MAX_NUMBER: Final = 1_000_000
"""The highest number of a process of one item. `fold.MAX_TRIES` ends a pass long before; every `retryFailed`
goes on counting."""


class SpeakerCount(ContractModel, json_schema_extra=cel(in_order("min", "max"))):
    """How many people speak, where that is known."""

    min: Annotated[int, Field(ge=1, le=50)] | None = None
    """At least so many."""

    max: Annotated[int, Field(ge=1, le=50)] | None = None
    """At most so many."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("min must not be above max")
        return self


class Item(ContractModel):
    """One recording of a plan."""

    index: Annotated[int, Field(ge=0, le=99_999)]
    """Its place in admission order; it never changes."""

    id: ItemId
    """What the store knows it by, whatever batch it comes from."""

    url: Location
    """Where it is."""

    title: ForeignLine = ""
    """What its source calls it."""

    duration_seconds: Seconds | None = None
    """Its length as announced by its source; None where only the media can tell."""

    published_at: Timestamp | None = None
    """When it was published, where the source says."""

    channel: ForeignLine | None = None
    """Whose it is, where the source says."""

    speakers: SpeakerCount = SpeakerCount()
    """How many people speak, where the batch says."""


class Settings(ContractModel):
    """What determines the output, resolved: profile and batch together."""

    model_set: str
    """The locked set of models."""

    transcription: TranscriptionProfile
    """How speech becomes words."""

    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")] | None = None
    """The language that the batch names; None lets the speech vote."""

    vocabulary: Vocabulary = ()
    """Words that the batch names."""

    diarization: DiarizationProfile
    """How speech is divided between speakers."""

    identification: IdentificationProfile
    """When a voice counts as recognised."""

    segmentation: SegmentationProfile
    """How turns become passages."""

    embedding: EmbeddingProfile
    """How passages become vectors."""


class Runtime(ContractModel):
    """How to run, resolved: nothing here is `Auto` any more."""

    device: Literal["cuda", "cpu"]
    """Where the models run. A worker that is told `cuda` and finds none fails; it does not run on the CPU."""

    compute_type: ComputeType
    """Whisper's number format."""

    threads: Annotated[int, Field(ge=1, le=256)]
    """CPU threads of this worker."""

    transcription_batch: Annotated[int, Field(ge=1, le=128)]
    """Pieces of speech decoded together."""

    diarization_batch: Annotated[int, Field(ge=1, le=256)]
    """Windows segmented together."""

    embedding_batch_tokens: Annotated[int, Field(ge=1, le=1_000_000)]
    """Tokens embedded together."""

    together: bool
    """Whether transcription and diarization may share the GPU, where its memory holds both. Otherwise one
    follows the other."""

    preload: bool
    """Whether a model may be loaded before its stage begins. Otherwise host memory waits until it is
    needed."""


class Place(ContractModel):
    """Where a worker finds things and leaves them."""

    models: Location
    """The folder of model sets."""

    scratch: Location
    """A folder for media and audio. A try on the same disk finds there what an earlier one decoded."""

    receipt: Location
    """The file for the Receipt: in a pod, the termination log."""

    progress_file: Location | None = None
    """The file for live progress, where no port is given."""

    progress_port: Annotated[int, Field(ge=1, le=65_535)] | None = None
    """The port that serves `/progress` and `/metrics`, in a pod."""


class IngestOrder(ContractModel):
    """Ingest one recording."""

    kind: Literal["Ingest"] = "Ingest"
    trace_id: TraceId
    """The batch's trace."""

    batch: BatchName
    """`<namespace>/<name>` of the batch, for the store's records."""

    item: Item
    """The recording."""

    number: Annotated[int, Field(ge=1, le=MAX_NUMBER, alias="try")]
    """Which try of this item it is: every process counts, charged or not."""

    settings: Settings
    """What determines the output."""

    runtime: Runtime
    """How to run."""

    fetch: FetchProfile
    """What may be fetched, and how."""

    artifacts_since: Timestamp | None = None
    """Results of finished stages that are older do not count: `reprocess: Always` sets it to when the batch
    was planned."""

    place: Place
    """Where things are."""


class PlannedSource(ContractModel):
    """One source, as the plan sees it."""

    url: Location
    """A page, playlist, channel, feed, media file or local path (`file:`); of a folder, every media file that
    `glob` matches."""

    glob: Annotated[str, StringConstraints(max_length=256)] | None = None
    """Which files of a folder."""

    speakers: SpeakerCount = SpeakerCount()
    """How many people speak, in each of its recordings."""


class PlanOrder(ContractModel):
    """Resolve sources to items: what is there, what the store has, in which order, how many."""

    kind: Literal["Plan"] = "Plan"
    trace_id: TraceId
    """The batch's trace."""

    batch: BatchName
    """`<namespace>/<name>` of the batch."""

    sources: Annotated[tuple[PlannedSource, ...], Field(min_length=1, max_length=1000)]
    """What to look at."""

    claims: Annotated[dict[ObjectName, Location], Field(max_length=MAX_FOLDERS, default_factory=dict)]
    """Where each PersistentVolumeClaim lies. Files on one are known by it and the batch's namespace as well
    as by their content."""

    select: Select
    """Filter, order and limit."""

    reprocess: Reprocess
    """What counts as done already."""

    first_index: Count = 0
    """The index of the first new item: earlier plans of the batch hold the ones before."""

    known: Annotated[tuple[ItemId, ...], Field(max_length=10_000)] = ()
    """The ids of earlier plans, which are not planned twice."""

    settings: Settings
    """What determines the output: `IfPipelineChanged` compares its hash."""

    fetch: FetchProfile
    """What may be reached."""

    place: Place
    """Where things are."""


WorkOrder = IngestOrder | PlanOrder
_ORDERS: Final[TypeAdapter[WorkOrder]] = TypeAdapter(Annotated[WorkOrder, Field(discriminator="kind")])


def order_digest(text: str) -> str:
    """What `ORDER_DIGEST_VARIABLE` says of an order's text."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def read_order(text: str) -> WorkOrder:
    """The order in a worker's environment. Raises `pydantic.ValidationError` for anything this version does
    not understand."""
    return _ORDERS.validate_json(text)
