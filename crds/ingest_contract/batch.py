"""`IngestBatch`: what a user asks for: which recordings to ingest, and how many at a time.

`select`, `retry` and the rest have defaults; only `sources` must be written. While a batch runs, `MUTABLE`
fields may change and sources may be appended; a CEL rule freezes everything else, because a batch of which
half was made one way and half another is a corpus that no one can explain.
"""

from enum import StrEnum
from typing import Annotated, Final, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from ingest_contract.base import ContractModel, LabelValue, ObjectName, cel
from ingest_contract.batch_sources import (
    ConfigMapSource,
    ObjectStoreSource,
    SecretSource,
    SourceUrl,
    VolumeSource,
)
from ingest_contract.intervals import WrittenIntervals
from ingest_contract.order import SpeakerCount
from ingest_contract.profile import ObjectMeta, Vocabulary
from ingest_contract.selection import Reprocess, Select, StoreSource
from ingest_contract.status import MAX_RUNNING_RECORDINGS, IngestBatchStatus
from ingest_contract.voices import MAX_VOICES

MAX_SOURCES: Final = 100
"""A channel or a backlog file is one source; a hundred of them keep the append-only rule inside the API
server's CEL cost limit."""


_ONE_KIND: Final = (
    "[has(self.url), has(self.configMap), has(self.secret), has(self.volume), has(self.objectStore), "
    "has(self.store)].filter(x, x).size() == 1"
)
_ONE_KIND_WORDS: Final = "exactly one of url, configMap, secret, volume, objectStore and store must be set"
_AS_HEARD: Final = (
    "!has(self.store) || !has(self.speakers) || (!has(self.speakers.min) && !has(self.speakers.max))"
)
_AS_HEARD_WORDS: Final = "recordings of the store keep the speakers that were heard: omit speakers"


class Source(
    ContractModel, json_schema_extra=cel((_ONE_KIND, _ONE_KIND_WORDS), (_AS_HEARD, _AS_HEARD_WORDS))
):
    """Where recordings come from: exactly one of `url`, `configMap`, `secret`, `volume`, `objectStore` and
    `store`."""

    url: SourceUrl | None = None
    """A video, playlist, channel, podcast feed with all of its pages, media file, HLS playlist, or a manifest
    (`.jsonl`: a JSON object with `url`, `title`, `language`, `speakers`, `publishedAt` on each line);
    `file:///...` on a workstation. A channel's own address is all of its uploads: videos, shorts and streams.
    The address of one tab, such as `https://www.youtube.com/@channel/shorts`, is that tab."""

    config_map: ConfigMapSource | None = None
    """A list of addresses."""

    secret: SecretSource | None = None
    """A list of addresses that must stay secret: with a password, a token or a signature in them."""

    volume: VolumeSource | None = None
    """Media files on a volume."""

    object_store: ObjectStoreSource | None = None
    """Media files in an object store."""

    store: StoreSource | None = None
    """What is ingested already: its speakers are judged and its passages embedded anew, by the profile as it
    is now, without audio and without a GPU."""

    speakers: SpeakerCount = SpeakerCount()
    """How many people speak in each of its recordings, if that is known."""

    @model_validator(mode="after")
    def _exactly_one_kind(self) -> Self:
        """The same rule as the CEL one, for people without a cluster."""
        kinds = [
            name
            for name, value in (
                ("url", self.url),
                ("configMap", self.config_map),
                ("secret", self.secret),
                ("volume", self.volume),
                ("objectStore", self.object_store),
                ("store", self.store),
            )
            if value is not None
        ]
        if len(kinds) != 1:
            raise ValueError(f"{_ONE_KIND_WORDS}, not {' and '.join(kinds) or 'none'}")
        if self.store is not None and self.speakers != SpeakerCount():
            raise ValueError(_AS_HEARD_WORDS)
        return self


class ProfileRef(ContractModel):
    """The profile to use."""

    name: ObjectName = "default"
    """An IngestProfile in the batch's namespace."""


class BatchTranscription(ContractModel):
    """What is known about the language of the batch's recordings."""

    language: Annotated[str, StringConstraints(max_length=3, pattern=r"^[a-z]{2,3}$")] | None = None
    """ISO 639 code, for example `en`. What a manifest says about a recording comes first. Omitted:
    detected in each recording, by a vote of pieces of its speech."""

    vocabulary: Vocabulary = ()
    """Words in the recordings that a model may not know: names, products, terms."""


class SpeakerSelector(ContractModel):
    """Which SpeakerProfiles, by their labels."""

    match_labels: Annotated[dict[str, LabelValue], Field(min_length=1, max_length=8)]
    """Labels that a SpeakerProfile must have, each with this value."""


class BatchSpeakers(ContractModel):
    """Which voices to look for."""

    profiles: Annotated[tuple[ObjectName, ...], Field(max_length=MAX_VOICES)] | None = None
    """Names of SpeakerProfiles in the batch's namespace. Omitted, as `selector` is: every SpeakerProfile
    there; an empty list: nobody. A speaker who is not recognised stays `unknown #k`."""

    selector: SpeakerSelector | None = None
    """SpeakerProfiles by their labels, besides those in `profiles`."""


class Retry(ContractModel):
    """How often, and how much failure is too much."""

    max_attempts: Annotated[int, Field(ge=1, le=20)] = 3
    """Charged attempts per recording: runs that count.
    Preemption, rate limits and the memory ladder are not charged."""

    backoff_seconds: Annotated[int, Field(ge=0, le=3600)] = 30
    """Wait before the second attempt; it doubles with each further attempt, up to an hour."""

    max_failed_percent: Annotated[int, Field(ge=0, le=100)] = 100
    """The batch is `Failed` when a larger share of its recordings than this has failed for good."""


class SuspendMode(StrEnum):
    """What happens to running recordings when a batch is suspended."""

    DRAIN = "Drain"
    """Running recordings finish; nothing new starts."""
    KILL = "Kill"
    """Running recordings end now, uncharged, and later resume after their last finished stage."""


MUTABLE: Final = ("parallelism", "sources", "suspend", "suspendMode", "retryFailed", "retryRecordings")
"""Fields that may change while a batch runs; sources only grow."""

FROZEN: Final = ("profileRef", "select", "transcription", "speakers", "reprocess", "retry", "dryRun")


def _immutable(field: str) -> tuple[str, str]:
    return (
        (
            f"has(self.{field}) == has(oldSelf.{field}) && (!has(self.{field}) || "
            f"self.{field} == oldSelf.{field})"
        ),
        f"{field} cannot change once the batch exists: make a new batch",
    )


_ALONE: Final = (
    "self.sources.all(source, has(source.store)) || !self.sources.exists(source, has(source.store))"
)
_ALONE_WORDS: Final = "sources of the store must not stand beside others: make two batches"
_CHANGED_ONLY: Final = (
    "!self.sources.exists(source, has(source.store)) || "
    "(has(self.reprocess) && self.reprocess == 'IfPipelineChanged')"
)
_CHANGED_ONLY_WORDS: Final = (
    "sources of the store are taken where something has changed: set reprocess to IfPipelineChanged"
)
_WORDS_STAY: Final = (
    "!self.sources.exists(source, has(source.store)) || !has(self.transcription) || "
    "(!has(self.transcription.language) && "
    "(!has(self.transcription.vocabulary) || self.transcription.vocabulary.size() == 0))"
)
_WORDS_STAY_WORDS: Final = "recordings of the store keep the words that were heard: omit transcription"
STORE_RULES: Final = (
    (_ALONE, _ALONE_WORDS),
    (_CHANGED_ONLY, _CHANGED_ONLY_WORDS),
    (_WORDS_STAY, _WORDS_STAY_WORDS),
)

_STAY_IN_PLACE: Final = (
    f"{list(range(MAX_SOURCES))}.all(at, oldSelf.sources.size() <= at || "
    "at < self.sources.size() && self.sources[at] == oldSelf.sources[at])"
)
"""CEL counts no numbers up by itself before Kubernetes 1.33, so they are written out: to look for each source
in the other list costs more than a rule may."""

STAY_IN_PLACE_WORDS: Final = "sources may be added behind the others, never removed, changed or moved"
"""A plan says by their numbers which entries it covers: with other numbers, planned sources would be planned
again, and others never."""

_SPEC_RULES: Final = cel(
    *STORE_RULES,
    *(_immutable(field) for field in FROZEN),
    (_STAY_IN_PLACE, STAY_IN_PLACE_WORDS),
)


class IngestBatchSpec(ContractModel, json_schema_extra=_SPEC_RULES):
    """What is wanted."""

    profile_ref: ProfileRef = ProfileRef()
    """Models, limits and permissions."""

    sources: Annotated[tuple[Source, ...], Field(min_length=1, max_length=MAX_SOURCES)]
    """Where the recordings come from.
    Entries may be appended while the batch runs, never removed, changed or moved."""

    select: Select = Select()
    """Which of the recordings, and in which order."""

    parallelism: Annotated[int, Field(ge=1, le=MAX_RUNNING_RECORDINGS)] = 1
    """How many recordings run at once:
    in a cluster, how many GPUs the batch may hold. May change at any time."""

    transcription: BatchTranscription = BatchTranscription()
    """What is known about the recordings' language."""

    speakers: BatchSpeakers = BatchSpeakers()
    """Which voices to look for."""

    reprocess: Reprocess = Reprocess.NEVER
    """What counts as done already."""

    retry: Retry = Retry()
    """How often, and how much failure is too much."""

    suspend: bool = False
    """Start nothing new. May change at any time."""

    suspend_mode: SuspendMode = SuspendMode.DRAIN
    """What happens to running recordings when `suspend` is set. May change at any time."""

    retry_failed: Annotated[str, StringConstraints(max_length=64)] = ""
    """Any new value starts one more pass over the failed recordings; to take it out starts none. May change
    at any time."""

    retry_recordings: WrittenIntervals = ""
    """Which failed recordings a new value of `retryFailed` gives that pass, by index, for example `3,7-9`;
    empty: all. Those that have not failed stay as they are. May change at any time, and means nothing by
    itself; what is left here counts for the next value too."""

    dry_run: bool = False
    """Plan only: the status shows what would be done."""

    @property
    def is_from_store(self) -> bool:
        """Whether its recordings are in the store already, and are not heard again."""
        return any(source.store is not None for source in self.sources)

    @model_validator(mode="after")
    def _store_alone(self) -> Self:
        """The CEL rules, for people without a cluster."""
        if not self.is_from_store:
            return self
        if any(source.store is None for source in self.sources):
            raise ValueError(_ALONE_WORDS)
        if self.reprocess is not Reprocess.IF_PIPELINE_CHANGED:
            raise ValueError(_CHANGED_ONLY_WORDS)
        if self.transcription != BatchTranscription():
            raise ValueError(_WORDS_STAY_WORDS)
        return self


class IngestBatch(ContractModel):
    """These recordings, transcribed, attributed to their speakers, embedded and searchable."""

    api_version: Literal["video-ingest.dev/v1alpha1"]
    kind: Literal["IngestBatch"]
    metadata: ObjectMeta
    spec: IngestBatchSpec
    status: IngestBatchStatus | None = None
