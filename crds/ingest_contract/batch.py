"""`IngestBatch`: what a user asks for: which recordings to ingest, and how many at a time.

`select`, `retry` and the rest have defaults; only `sources` must be written. While a batch runs, `MUTABLE`
fields may change and sources may be appended; a CEL rule freezes everything else, because a batch of which
half was made one way and half another is a corpus that no one can explain.
"""

from enum import StrEnum
from typing import Annotated, Final, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from ingest_contract.base import ContractModel, LabelValue, ObjectName, SourceKey, cel
from ingest_contract.order import SpeakerCount
from ingest_contract.profile import ObjectMeta, Vocabulary
from ingest_contract.selection import Reprocess, Select
from ingest_contract.status import MAX_RUNNING_RECORDINGS, IngestBatchStatus
from ingest_contract.voices import MAX_VOICES

MAX_SOURCES: Final = 100
"""A channel or a backlog file is one source; a hundred of them keep the append-only rule inside the API
server's CEL cost limit."""


SourceUrl = Annotated[str, StringConstraints(min_length=1, max_length=2048, pattern=r"^(https?|file)://.+")]
"""An address that recordings come from."""


class ConfigMapSource(ContractModel):
    """A list in a ConfigMap: on each line an address, or a JSON object as in a manifest;
    empty lines and lines that begin with `#` are ignored."""

    name: ObjectName
    """The ConfigMap, in the batch's namespace."""

    key: SourceKey = "urls.txt"
    """The key that holds the list."""


class VolumeSource(ContractModel):
    """Media files on a volume."""

    claim_name: ObjectName
    """The PersistentVolumeClaim, in the batch's namespace. `ingestctl run --volume CLAIM=FOLDER` says where
    it is on a workstation."""

    glob: Annotated[str, StringConstraints(min_length=1, max_length=256)] = "**/*"
    """Which of its files, as a glob pattern relative to its root."""


class SecretSource(ContractModel):
    """A list of addresses in a Secret, one per line, for addresses that let somebody in; empty lines and
    lines that begin with `#` are ignored. A line may be a JSON object as in a manifest. Only pods read it."""

    secret_name: ObjectName
    """The Secret, in the batch's namespace. `ingestctl run --secret NAME=FOLDER` says where its keys are as
    files on a workstation."""

    key: SourceKey = "urls.txt"
    """The key that holds the list."""


BucketAddress = Annotated[
    str,
    StringConstraints(max_length=400, pattern=r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?$"),
]
"""A bucket, and how the keys begin."""

Endpoint = Annotated[
    str, StringConstraints(max_length=256, pattern=r"^https?://[A-Za-z0-9._\[\]:-]+(/[A-Za-z0-9._/-]*)?$")
]
"""The address of a server, without user and password."""


class ObjectStoreSource(ContractModel):
    """Media files in an object store that speaks S3."""

    url: BucketAddress
    """`s3://bucket`, `s3://bucket/prefix` with everything below it, or `s3://bucket/talk.mp3`."""

    glob: Annotated[str, StringConstraints(min_length=1, max_length=256)] = "**/*"
    """Which of its objects, as a glob pattern relative to the prefix."""

    endpoint: Endpoint | None = None
    """The server, for example `https://minio.example.com:9000`. Omitted: AWS, or what the settings of the
    pod's own credentials say."""

    region: Annotated[str, StringConstraints(max_length=64, pattern=r"^[a-z0-9-]+$")] | None = None
    """The bucket's region, where the server asks for one. Omitted: found out."""

    secret_name: ObjectName | None = None
    """A Secret in the batch's namespace with the keys `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and, for
    credentials that end, `AWS_SESSION_TOKEN`. `ingestctl run --secret NAME=FOLDER` says where they are as
    files on a workstation. Omitted: the credentials of the pod or workstation itself; the profile says for
    which buckets (`fetch.allow.buckets`)."""


_ONE_KIND: Final = (
    "[has(self.url), has(self.configMap), has(self.secret), has(self.volume), has(self.objectStore)]"
    ".filter(x, x).size() == 1"
)
_ONE_KIND_WORDS: Final = "exactly one of url, configMap, secret, volume and objectStore must be set"


class Source(ContractModel, json_schema_extra=cel((_ONE_KIND, _ONE_KIND_WORDS))):
    """Where recordings come from: exactly one of `url`, `configMap`, `secret`, `volume` and `objectStore`."""

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
            )
            if value is not None
        ]
        if len(kinds) != 1:
            raise ValueError(f"{_ONE_KIND_WORDS}, not {' and '.join(kinds) or 'none'}")
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


MUTABLE: Final = ("parallelism", "sources", "suspend", "suspendMode", "retryFailed")
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


_SPEC_RULES: Final = cel(
    *(_immutable(field) for field in FROZEN),
    ("oldSelf.sources.all(old, old in self.sources)", "sources may be added, never removed or changed"),
)


class IngestBatchSpec(ContractModel, json_schema_extra=_SPEC_RULES):
    """What is wanted."""

    profile_ref: ProfileRef = ProfileRef()
    """Models, limits and permissions."""

    sources: Annotated[tuple[Source, ...], Field(min_length=1, max_length=MAX_SOURCES)]
    """Where the recordings come from.
    Entries may be appended while the batch runs, never removed or changed."""

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
    """Any new value starts one more pass over the failed recordings. May change at any time."""

    dry_run: bool = False
    """Plan only: the status shows what would be done."""


class IngestBatch(ContractModel):
    """These recordings, transcribed, attributed to their speakers, embedded and searchable."""

    api_version: Literal["video-ingest.dev/v1alpha1"]
    kind: Literal["IngestBatch"]
    metadata: ObjectMeta
    spec: IngestBatchSpec
    status: IngestBatchStatus | None = None
