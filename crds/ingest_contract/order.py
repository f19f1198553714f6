"""The WorkOrder: everything one worker process is given, as one JSON in one environment variable, or in a
file that the variable names.

Made by the operator or by the local backend, read by `python -m ingest_worker`. It carries no secret: the
store's address comes in an environment variable of its own, which a cluster fills from a Secret. Unknown
fields are refused, and no field of `Runtime` has a default, so a worker of another version reports
`OrderInvalid` instead of ignoring or guessing a field.
"""

from typing import Annotated, Final, Literal, Self

from pydantic import Field, StringConstraints, TypeAdapter, model_validator

from ingest_contract.base import (
    MAX_RUN_NUMBER,
    BatchName,
    ContractModel,
    Count,
    ItemId,
    ObjectName,
    Seconds,
    Timestamp,
    TraceId,
    cel,
    in_order,
)
from ingest_contract.captions import CaptionsWish, TranscriptPreference
from ingest_contract.foreign import ForeignLine
from ingest_contract.place import Place, Runtime
from ingest_contract.profile import (
    MAX_FOLDERS,
    DiarizationProfile,
    EmbeddingProfile,
    FetchProfile,
    IdentificationProfile,
    Location,
    SegmentationProfile,
    TranscriptionProfile,
    Vocabulary,
)
from ingest_contract.selection import Language, Reprocess, Select, StoreSource
from ingest_contract.sites import SiteAccesses
from ingest_contract.voice_orders import EnrolOrder, ForgetOrder, RenameOrder, RetainOrder
from ingest_contract.voices import WantedVoices


class SpeakerCount(ContractModel, json_schema_extra=cel(in_order("min", "max"))):
    """How many people speak, if that is known."""

    min: Annotated[int, Field(ge=1, le=50)] | None = None
    """At least this many."""

    max: Annotated[int, Field(ge=1, le=50)] | None = None
    """At most this many."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("min must not be above max")
        return self


class Item(ContractModel):
    """One recording of a plan."""

    index: Annotated[int, Field(ge=0, le=99_999)]
    """Its position in admission order; it never changes."""

    id: ItemId
    """Its id in the store, the same in every batch."""

    url: Location
    """Its address."""

    title: ForeignLine = ""
    """Its title at the source."""

    duration_seconds: Seconds | None = None
    """Its length as announced by its source; None if only the media can say."""

    published_at: Timestamp | None = None
    """When it was published, if the source says so."""

    channel: ForeignLine | None = None
    """Its channel, if the source says so."""

    speakers: SpeakerCount = SpeakerCount()
    """How many people speak, if the batch says so."""

    language: Language | None = None
    """Its language, if a manifest says so; it comes before the batch's."""

    said_language: Language | None = None
    """Its language as its source says, which may be wrong: it decides nothing but whether the model can know
    it, where nobody names one."""


class Settings(ContractModel):
    """What determines the output, resolved: profile and batch together."""

    model_set: str
    """The locked set of models."""

    transcription: TranscriptionProfile
    """How speech is transcribed."""

    language: Language | None = None
    """The language that the batch names; None: the speech votes."""

    vocabulary: Vocabulary = ()
    """Vocabulary that the batch names."""

    diarization: DiarizationProfile
    """How speech is divided between speakers."""

    identification: IdentificationProfile
    """When a voice counts as recognised."""

    voices: WantedVoices = ()
    """The voices to look for."""

    segmentation: SegmentationProfile
    """How turns become passages."""

    embedding: EmbeddingProfile
    """How passages become vectors."""

    def captions_of(self, item: Item) -> CaptionsWish | None:
        """Which captions of a recording are wanted; None: it is to be heard."""
        how = self.transcription
        wish = CaptionsWish(automatic=how.automatic_captions, language=item.language or self.language)
        return wish if how.prefer is TranscriptPreference.CAPTIONS else None


class FetchOrder(ContractModel):
    """Download and decode one recording into the cache: no GPU, no model, no store."""

    kind: Literal["Fetch"] = "Fetch"
    trace_id: TraceId
    """The batch's trace."""

    batch: BatchName
    """`<namespace>/<name>` of the batch."""

    item: Item
    """The recording."""

    run: Annotated[int, Field(ge=1, le=MAX_RUN_NUMBER)]
    """The run number of this recording: every process counts, of either kind, charged or not."""

    fetch: FetchProfile
    """What may be fetched, and how. Its `sites` stay with the operator."""

    sites: SiteAccesses = ()
    """What the site of this recording wants."""

    captions: CaptionsWish | None = None
    """Which captions to fetch with it; None: none."""

    place: Place
    """Where things are, the cache among them."""


class IngestOrder(ContractModel):
    """Ingest one recording: from the cache, if the order's place names one; else from its source."""

    kind: Literal["Ingest"] = "Ingest"
    trace_id: TraceId
    """The batch's trace."""

    batch: BatchName
    """`<namespace>/<name>` of the batch, for the store's records."""

    profile: BatchName | None = None
    """`<namespace>/<name>` of its IngestProfile, whose retention counts for what is stored."""

    item: Item
    """The recording."""

    run: Annotated[int, Field(ge=1, le=MAX_RUN_NUMBER)]
    """The run number of this recording: every process counts, charged or not."""

    settings: Settings
    """What determines the output."""

    runtime: Runtime
    """How to run."""

    fetch: FetchProfile
    """What may be fetched, and how. Its `sites` stay with the operator."""

    sites: SiteAccesses = ()
    """What the sites of this recording want."""

    is_last: bool = False
    """Whether no charged attempt is left after this run: then it leaves nothing in the cache, however it
    ends."""

    deadline_seconds: Annotated[int, Field(ge=1)] | None = None
    """Seconds after which this run is ended, where its Job has other recordings too; None: its pod has the
    deadline."""

    artifacts_since: Timestamp | None = None
    """Older results of finished stages do not count: `reprocess: Always` sets this to the time when the batch
    was planned."""

    from_store: bool = False
    """Whether words and turns are those that the store has: nothing is fetched or heard, speakers are judged
    and passages embedded anew."""

    place: Place
    """Where things are."""

    @model_validator(mode="after")
    def _nothing_is_heard(self) -> Self:
        """What needs no audio gets no GPU, no cache and nothing of a site."""
        if self.from_store and (self.runtime.device != "cpu" or self.place.cache is not None or self.sites):
            raise ValueError("an order from the store has no GPU, no cache and no sites")
        return self


class PlannedSource(ContractModel):
    """One source, as a plan process gets it."""

    url: Location
    """A page, playlist, channel, feed, media file or local path (`file:`); a folder means every media file in
    it that `glob` matches. `secret:` is a list of addresses that stay there, `s3:` a part of a bucket."""

    glob: Annotated[str, StringConstraints(max_length=256)] | None = None
    """Which files of a folder, or objects of a bucket."""

    speakers: SpeakerCount = SpeakerCount()
    """How many people speak, in each of its recordings."""

    title: ForeignLine = ""
    language: Language | None = None
    published_at: Timestamp | None = None
    """What a manifest says; title and date if it is one recording."""
    fault: ForeignLine = ""
    """Why a line of a list names no source; `url` is then what the line is called."""
    of_line: bool | None = None
    """Whether a line of a manifest names it: if nothing can be read there, it is left out by itself."""
    store: StoreSource | None = None
    """Which recordings of the store; `url` is then no address."""
    entry: Count | None = None
    """Its entry in `spec.sources`: what a person must mend leaves out that entry, and no other."""


class PlanOrder(ContractModel):
    """Resolve sources into recordings: what they list, what the store has, in which order, how many."""

    kind: Literal["Plan"] = "Plan"
    trace_id: TraceId
    """The batch's trace."""

    batch: BatchName
    """`<namespace>/<name>` of the batch."""

    sources: Annotated[tuple[PlannedSource, ...], Field(min_length=1, max_length=1000)]
    """The sources to resolve."""

    claims: Annotated[dict[ObjectName, Location], Field(max_length=MAX_FOLDERS, default_factory=dict)]
    """Where each PersistentVolumeClaim is mounted. The id of a file on a claim is made from claim, namespace
    and content."""

    select: Select
    """Filter, order and limit."""

    reprocess: Reprocess
    """What counts as done already."""

    first_index: Count = 0
    """The index of the first new recording: earlier plans of the batch hold the ones before."""

    known: Annotated[tuple[ItemId, ...], Field(max_length=10_000)] = ()
    """The ids in earlier plans, which are not planned twice."""

    settings: Settings
    """What determines the output: `IfPipelineChanged` compares its hash."""

    fetch: FetchProfile
    """What may be fetched. Its `sites` stay with the operator."""

    sites: SiteAccesses = ()
    """What sites want: every entry of the profile, because a source may lead to any site."""

    place: Place
    """Where things are."""


WorkOrder = EnrolOrder | FetchOrder | ForgetOrder | IngestOrder | PlanOrder | RenameOrder | RetainOrder
_ORDERS: Final[TypeAdapter[WorkOrder]] = TypeAdapter(Annotated[WorkOrder, Field(discriminator="kind")])


def read_order(text: str) -> WorkOrder:
    """The order in a worker's environment. Raises `pydantic.ValidationError` for anything this version does
    not understand."""
    return _ORDERS.validate_json(text)
