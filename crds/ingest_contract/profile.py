"""`IngestProfile`: what a platform team decides once for many batches: models, limits, memory, and which
sources are allowed.

The settings have two parts. Everything but `runtime` determines the output, and so enters the stage hashes;
`runtime` sets speed and memory, and never does. Every Receipt has the values that were used in fact.
"""

from enum import StrEnum
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from ingest_contract.base import ContractModel, Count, Decimal, ModelName, Name, ObjectName, Seconds, cel
from ingest_contract.captions import TranscriptPreference
from ingest_contract.cost import GpuPrice
from ingest_contract.fetch_ahead import FetchAhead, FetchMode
from ingest_contract.pods import PodProfile
from ingest_contract.profile_status import IngestProfileStatus
from ingest_contract.sites import MAX_ENTRIES, SiteProfile, names_once

Location = Annotated[str, StringConstraints(min_length=1, max_length=2048)]
"""A URL, or the path of a file."""

MAX_FOLDERS: Final = 32
"""Folders that workers may read files from."""

MAX_BUCKETS: Final = 128
"""Buckets that workers may read with their machine's or pod's own credentials."""

Vocabulary = Annotated[
    tuple[Annotated[str, StringConstraints(min_length=1, max_length=64)], ...], Field(max_length=100)
]
"""Words in the recordings that a model may not know."""


class Device(StrEnum):
    """Where the models run."""

    AUTO = "Auto"
    """CUDA if the machine has a GPU, else the CPU. Decided once, before the first recording, and reported."""
    CUDA = "Cuda"
    """The GPU, or the recording fails with `GpuUnavailable`: there is no silent fallback to the CPU."""
    CPU = "Cpu"
    """The CPU."""


class ComputeType(StrEnum):
    """The number format of Whisper's weights and sums, by CTranslate2's names."""

    AUTO = "Auto"
    """The first that the device has of `int8_float16`, `float16` and `float32` on CUDA, of `int8` and
    `float32` on a CPU. Each run's Receipt says which one it was."""
    FLOAT32 = "float32"
    FLOAT16 = "float16"
    BFLOAT16 = "bfloat16"
    INT8 = "int8"
    INT8_FLOAT16 = "int8_float16"


class TranscriptionProfile(ContractModel):
    """How speech is transcribed, or which captions stand in for that."""

    prefer: TranscriptPreference = TranscriptPreference.SPEECH
    """`Captions` takes the words from the captions of a recording's source, where there are some in the
    language that is spoken, and they fit the sound. Every transcript says where its words are from."""

    automatic_captions: bool = False
    """Whether captions count that the site's own speech recognition wrote; those of people come first."""

    model: ModelName = "distil-large-v3.5"
    """The Whisper model, by its name in the model set."""

    beam_size: Annotated[int, Field(ge=1, le=10)] = 5
    """Beams of the search. 1 is greedy: about a fifth faster and slightly less accurate."""

    language_votes: Annotated[int, Field(ge=1, le=20)] = 5
    """How many pieces of speech vote on the language if the batch names none. The first 30 seconds alone are
    often a jingle."""


class DiarizationProfile(ContractModel):
    """How speech is divided between speakers."""

    model: ModelName = "community-1"
    """The diarization pipeline, by its name in the model set."""


class IdentificationProfile(ContractModel):
    """When a voice counts as recognised. Nothing is assumed:
    a speaker who is not recognised stays `unknown #k`."""

    threshold: Decimal = "0.40"
    """Cosine similarity below which a voice is unknown.
    `docs/accuracy.md` says how to choose it for your own corpus."""

    margin: Decimal = "0.05"
    """How much better than the runner-up a match must be;
    below that the voice is `Ambiguous` and stays unknown."""

    min_speech_seconds: Seconds = 5
    """Clean speech that a speaker needs in one recording before any name is considered."""


class SegmentationProfile(ContractModel):
    """How turns become passages to search."""

    max_seconds: Annotated[int, Field(ge=10, le=300)] = 60
    """The longest passage. Longer turns are cut at sentence ends, then at pauses."""

    max_gap_seconds: Annotated[int, Field(ge=0, le=60)] = 3
    """Turns of one speaker merge into one passage over silences of at most this length,
    never across another speaker."""


class EmbeddingProfile(ContractModel):
    """How passages become vectors."""

    model: ModelName = "bge-large-en-v1.5"
    """The sentence-transformers model, by its name in the model set. It must not need remote code."""


class AllowedSources(ContractModel):
    """What workers may reach. The default is the public internet over HTTPS and HTTP, and no files."""

    private_addresses: bool = False
    """Whether media may come from loopback, private, link-local and metadata addresses."""

    folders: Annotated[tuple[Location, ...], Field(max_length=MAX_FOLDERS)] = ()
    """Absolute folders that may contain `file:` sources. The claims of `pods.claims` count too: at most 32 of
    both together."""

    buckets: Annotated[
        tuple[Annotated[str, StringConstraints(min_length=3, max_length=63)], ...],
        Field(max_length=MAX_BUCKETS),
    ] = ()
    """Buckets that batches may read with the pods' own credentials: `objectStore` without `secretName`. On a
    workstation the batch's own buckets are allowed."""


MAP_BY_NAME: Final[dict[str, Any]] = {
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["name"],
}


class FetchProfile(ContractModel):
    """How media are fetched, and what is refused."""

    mode: FetchMode = FetchMode.AUTO
    """Whether a recording is fetched before it asks for a GPU."""

    ahead: FetchAhead = FetchAhead()
    """How far fetching may be ahead of ingesting."""

    allow: AllowedSources = AllowedSources()
    """What workers may reach."""

    max_bytes: Annotated[int, Field(ge=1_000_000, le=1_000_000_000_000)] = 20_000_000_000
    """The largest download, in bytes."""

    max_duration_seconds: Annotated[int, Field(ge=1, le=360_000)] = 43_200
    """The longest recording."""

    timeout_seconds: Annotated[int, Field(ge=1, le=86_400)] = 3600
    """How long one download may take; also the limit for reading a page or list, but at most ten minutes."""

    sites: Annotated[
        tuple[SiteProfile, ...], Field(max_length=MAX_ENTRIES, json_schema_extra=MAP_BY_NAME)
    ] = ()
    """What some sites want: cookies, a proxy, a pace. An entry counts by the name of its site; `*` is for all
    that have none."""

    @model_validator(mode="after")
    def _sites_once(self) -> Self:
        """The rule of the list's type, for people without a cluster."""
        names_once(self.sites)
        return self


class RuntimeProfile(ContractModel):
    """Speed and memory. Nothing here changes the output beyond rounding,
    so nothing here enters a stage hash."""

    device: Device = Device.AUTO
    """Where the models run."""

    compute_type: ComputeType = ComputeType.AUTO
    """Whisper's number format."""

    threads: Annotated[int, Field(ge=0, le=256)] = 0
    """CPU threads of one worker, at most its pod's limit; 0 shares the machine's cores evenly between the
    workers that run at once."""

    transcription_batch: Annotated[int, Field(ge=1, le=128)] = 8
    """Pieces of speech that Whisper decodes together.
    Gains end at 8 to 16 on every GPU with published measurements."""

    diarization_batch: Annotated[int, Field(ge=1, le=256)] = 32
    """Ten-second windows that the segmentation network processes together."""

    embedding_batch_tokens: Annotated[int, Field(ge=64, le=1_000_000)] = 16_384
    """Tokens, padding included, that the text model processes together."""


class RetentionProfile(ContractModel):
    """How long what was ingested is kept."""

    days: Annotated[int, Field(ge=1, le=36_500)] | None = None
    """A recording that was first stored so many days ago is forgotten, as by `ingestctl forget`: nothing
    of it is left, and no plan takes it in again. It counts for the profile of the run that stored it last. In
    a cluster a Job looks once a day. Omitted: kept until somebody forgets it."""


_FOLDERS: Final = (
    f"self.fetch.allow.folders.size() + self.pods.claims.size() <= {MAX_FOLDERS}",
    f"fetch.allow.folders and pods.claims must not have more than {MAX_FOLDERS} entries together",
)
_CACHE: Final = (
    "self.fetch.mode != 'Ahead' || has(self.pods.cache)",
    "fetch.mode Ahead needs a place for what is fetched: set pods.cache",
)
"""For clusters alone: on a workstation the cache is a folder."""


class IngestProfileSpec(ContractModel, json_schema_extra=cel(_FOLDERS, _CACHE)):
    """Models, limits and permissions that batches share. Every field has a default."""

    model_set: Name = "default"
    """The locked set that the models come from: `ingestctl models list` shows the sets."""

    transcription: TranscriptionProfile = TranscriptionProfile()
    """How speech is transcribed."""

    diarization: DiarizationProfile = DiarizationProfile()
    """How speech is divided between speakers."""

    identification: IdentificationProfile = IdentificationProfile()
    """When a voice counts as recognised."""

    segmentation: SegmentationProfile = SegmentationProfile()
    """How turns become passages to search."""

    embedding: EmbeddingProfile = EmbeddingProfile()
    """How passages become vectors."""

    fetch: FetchProfile = FetchProfile()
    """How media are fetched, and what is refused."""

    runtime: RuntimeProfile = RuntimeProfile()
    """Speed and memory."""

    retention: RetentionProfile = RetentionProfile()
    """How long what was ingested is kept."""

    cost: GpuPrice | None = None
    """What an hour of a GPU costs: then the status of a batch says what an hour of media costs."""

    pods: PodProfile = PodProfile()
    """The pods in a cluster."""

    @model_validator(mode="after")
    def _folders_fit(self) -> Self:
        """The same rule as the CEL one, for users without a cluster: an order has one list for both."""
        if len(self.fetch.allow.folders) + len(self.pods.claims) > MAX_FOLDERS:
            raise ValueError(_FOLDERS[1])
        return self


class ObjectMeta(ContractModel, extra="ignore"):
    """The part of an object's metadata that the command line reads; clusters add more, which is ignored."""

    name: ObjectName
    """The object's name, in any form that a cluster accepts."""

    namespace: Name = "default"
    """The object's namespace."""

    generation: Count = 1
    """How often the spec was written."""


class IngestProfile(ContractModel):
    """What a platform team decides once for many batches."""

    api_version: Literal["video-ingest.dev/v1alpha1"]
    kind: Literal["IngestProfile"]
    metadata: ObjectMeta
    spec: IngestProfileSpec = IngestProfileSpec()
    status: IngestProfileStatus | None = None
