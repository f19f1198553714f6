"""What the API answers, as pydantic models: the OpenAPI document is made of them. New fields may come; none
goes or changes its meaning within `/api/v1`. Times in recordings are seconds."""

from datetime import datetime
from typing import Annotated, Any, Generic, Self, TypeVar

from pydantic import BaseModel, ConfigDict, PlainSerializer, WithJsonSchema

from ingest_contract.captions import TranscriptSource
from ingest_contract.text import without_credentials
from ingest_contract.times import rfc3339
from ingest_reader.corpus import Voice, link_of
from ingest_reader.exports.links import clock
from ingest_worker.store.reading.heard import HeardIn, SpeakerSums
from ingest_worker.store.reading.listed import ListedRecording
from ingest_worker.store.reading.progress import BatchSums, ShownRun
from ingest_worker.store.reading.surroundings import Said, Surrounded

Moment = Annotated[
    datetime,
    PlainSerializer(rfc3339, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""In the one form that exports and statuses have too: pydantic's own has microseconds."""


class Value(BaseModel):
    """A value that is only read."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


class Cited(Value):
    """A stretch of a recording, with everything that a citation takes."""

    recording: str
    title: str
    speaker: str | None
    """A name, or `unknown #7`; null for words in nobody's turn."""
    start: float
    end: float
    time: str
    """`start` as `h:mm:ss`."""
    link: str
    """Opens the moment, where the site can."""
    text: str
    transcript_source: TranscriptSource
    """`Speech` was heard; the words of captions have estimated times."""


class Neighbour(Value):
    """What is said before or after a passage."""

    start: float
    end: float
    speaker: str | None
    text: str


class PassageInContext(Cited):
    """A passage with its surroundings, in order of time."""

    channel: str | None
    published_at: Moment | None
    language: str
    before: tuple[Neighbour, ...]
    after: tuple[Neighbour, ...]

    @classmethod
    def of(cls, found: Surrounded) -> Self:
        """From the store's."""
        said = found.passage
        return cls(
            recording=found.recording,
            title=found.title,
            speaker=said.speaker,
            start=said.start,
            end=said.end,
            time=clock(said.start),
            link=link_of(found.url, said.start),
            text=said.text,
            transcript_source=found.transcript_source,
            channel=found.channel,
            published_at=found.published_at,
            language=found.language,
            before=_neighbours(found.before),
            after=_neighbours(found.after),
        )


def _neighbours(said: tuple[Said, ...]) -> tuple[Neighbour, ...]:
    return tuple(Neighbour.model_validate(each) for each in said)


class RecordingValue(Value):
    """One recording."""

    id: str
    url: str
    title: str
    channel: str | None
    published_at: Moment | None
    duration_seconds: float | None
    state: str
    """`Ingested`, `NotIngestible` (`reason` and `message` say why) or `Known`."""
    reason: str | None
    message: str | None
    batch: str | None
    finished_at: Moment | None
    rtf: float | None
    """Seconds of work for a second of the recording."""
    language: str | None
    segments: int
    speakers: int
    transcript_source: TranscriptSource | None

    @classmethod
    def of(cls, row: ListedRecording) -> Self:
        """From the store's."""
        value = cls.model_validate(row)
        return value.model_copy(update={"url": without_credentials(row.url)})


class SpeakerValue(Value):
    """One speaker of the corpus."""

    speaker: str
    named: bool
    seconds: float
    recordings: int
    listen: str
    """Opens the longest turn."""

    @classmethod
    def of(cls, row: SpeakerSums) -> Self:
        """From the store's."""
        return cls(
            speaker=row.speaker,
            named=row.named,
            seconds=row.seconds,
            recordings=row.recordings,
            listen=link_of(row.url, row.start),
        )


class MostLike(Value):
    """The named speaker whose voice is nearest to one without a name."""

    speaker: str
    likeness: float
    """Cosine of the two voices, where each speaks longest."""
    threshold: float
    """From which on a run would have given the name."""
    enough: bool
    """`likeness` reaches it. Nobody is named by it: listen to both."""


class VoiceValue(SpeakerValue):
    """A speaker without a name."""

    most_like: MostLike | None
    """null where no named voice can be compared with it."""

    @classmethod
    def of_voice(cls, voice: Voice) -> Self:
        """From the store's."""
        near = voice.nearest
        most_like = near and MostLike(
            speaker=near.nearest,
            likeness=near.likeness,
            threshold=near.threshold,
            enough=near.likeness >= near.threshold,
        )
        return cls(**SpeakerValue.of(voice.sums).model_dump(), most_like=most_like)


class AppearanceValue(Value):
    """One speaker in one recording."""

    recording: str
    title: str
    published_at: Moment | None
    seconds: float
    decision: str
    score: float | None
    threshold: float
    listen: str

    @classmethod
    def of(cls, row: HeardIn) -> Self:
        """From the store's."""
        return cls(
            recording=row.recording,
            title=row.title,
            published_at=row.published_at,
            seconds=row.seconds,
            decision=row.decision,
            score=row.score,
            threshold=row.threshold,
            listen=link_of(row.url, row.start),
        )


class BatchValue(Value):
    """How one batch went, by its committed runs and by what it left out."""

    batch: str
    runs: int
    recordings: int
    left_out: int
    """Recordings that ended in it without a transcript, for good."""
    media_seconds: float
    seconds: float
    rtf: float | None
    first_started_at: Moment
    last_finished_at: Moment

    @classmethod
    def of(cls, row: BatchSums) -> Self:
        """From the store's."""
        return cls.model_validate(row)


class RunValue(Value):
    """One committed run with its receipt: `figures` are the Receipt's, as docs/reference.md lists them."""

    id: str
    recording: str
    title: str
    batch: str
    number: int
    started_at: Moment
    finished_at: Moment
    seconds: float
    media_seconds: float
    rtf: float | None
    language: str
    models: dict[str, str]
    figures: dict[str, Any]
    pipeline_hash: str
    superseded_at: Moment | None
    transcript_source: TranscriptSource

    @classmethod
    def of(cls, row: ShownRun) -> Self:
        """From the store's."""
        return cls.model_validate(
            {**{name: getattr(row, name) for name in cls.model_fields}, "id": str(row.id)}
        )


Item = TypeVar("Item")


class ListOf(BaseModel, Generic[Item]):
    """A page of a list."""

    items: tuple[Item, ...]
    next: str | None = None
    """Give it back as `cursor` for the next page; null on the last one."""
