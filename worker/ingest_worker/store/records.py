"""What the pipeline passes to the store: one recording, one run, what it found."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from ingest_contract.captions import TranscriptSource
from ingest_contract.failures import Reason
from ingest_contract.order import Item
from ingest_contract.text import legible, without_credentials
from ingest_worker.domain import Diarization, Identity, Segment, SpokenWord, Vectors


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording, as its source describes it."""

    id: str
    url: str
    title: str
    channel: str | None
    published_at: datetime | None
    duration_seconds: float | None

    @classmethod
    def of(cls, item: Item, *, title: str = "", duration_seconds: float | None = None) -> "Recording":
        """From an item of a plan; the media file fills in what the plan did not know, and its length replaces
        the announced one."""
        published = datetime.fromisoformat(item.published_at) if item.published_at else None
        announced = None if item.duration_seconds is None else float(item.duration_seconds)
        length = announced if duration_seconds is None else duration_seconds
        return cls(
            item.id,
            without_credentials(item.url),
            item.title or legible(title),
            item.channel,
            published,
            length,
        )


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the pipeline over one recording."""

    id: UUID
    batch: str
    profile: str | None
    """The IngestProfile whose retention counts."""
    trace_id: str
    number: int
    """The run number of its recording."""
    pipeline_hash: str
    started_at: datetime
    """With a time zone, like the next field."""
    finished_at: datetime
    seconds: float
    """On a monotonic clock: the real-time factor is computed from it."""
    media_seconds: float
    models: Mapping[str, str]
    """Role to `name@sha256-prefix`."""
    figures: Mapping[str, Any]
    """Stage times, coverage, quality, memory: JSON values, as in the Receipt."""
    transcribe_hash: str | None = None
    """The stage hash of its words."""
    diarize_hash: str | None = None
    """The stage hash of its turns."""
    voices: str | None = None
    """What its speakers were judged by (`hashes.voices_hash`); None if an earlier run has judged them."""
    from_store: bool = False
    """Whether it heard nothing: its words and turns are those of the run before."""


@dataclass(frozen=True, slots=True)
class FinalEnd:
    """Why a recording will not be ingested."""

    batch: str
    """The batch of the run that found this."""
    reason: Reason
    message: str
    """For people."""
    pipeline_hash: str
    """The pipeline hash of that run."""


@dataclass(frozen=True, slots=True)
class Content:
    """Everything that a run found."""

    language: str
    words: tuple[SpokenWord, ...]
    diarization: Diarization
    voice_model: str
    """`name@sha256-prefix` of the model of the voice vectors:
    voices of different models are never compared."""
    identities: tuple[Identity, ...]
    """One per speaker."""
    segments: tuple[Segment, ...]
    vectors: Vectors
    transcript_source: TranscriptSource = TranscriptSource.SPEECH
    """Where the words are from."""
