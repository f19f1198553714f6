"""Reads what is stored, for planning, status and exports.
Reads one snapshot at a time and changes nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import class_row

from ingest_contract.captions import TranscriptSource
from ingest_contract.failures import Reason
from ingest_worker.codec import FORMAT_VERSION, READABLE, decode_spoken
from ingest_worker.domain import Decision, Segment, SpokenWord, Turn
from ingest_worker.errors import StageError
from ingest_worker.store.connect import Connection
from ingest_worker.store.errors import translated


@dataclass(frozen=True, slots=True)
class Stored:
    """What the store knows about one recording, for a plan."""

    pipeline_hash: str | None
    """Pipeline hash of the current run; None if there is none."""
    reason: Reason | None
    """Why the last attempt ended for good without a stored run; None if it did not."""
    reason_pipeline_hash: str | None
    """The pipeline hash of that attempt."""


@dataclass(frozen=True, slots=True)
class RunRow:
    """One committed run, for status."""

    id: UUID
    recording: str
    title: str
    batch: str
    number: int
    pipeline_hash: str
    started_at: datetime
    finished_at: datetime
    seconds: float
    media_seconds: float
    rtf: float | None
    language: str
    models: dict[str, str]
    figures: dict[str, Any]
    superseded_at: datetime | None
    transcript_source: TranscriptSource
    """Where its words are from."""

    @property
    def is_heard(self) -> bool:
        """Whether its words were heard; those of captions have times that are estimated."""
        return self.transcript_source == TranscriptSource.SPEECH


@dataclass(frozen=True, slots=True)
class RecordingRow:
    """One recording of the corpus."""

    id: str
    url: str
    title: str
    channel: str | None
    published_at: datetime | None
    duration_seconds: float | None
    state: str
    """`Ingested`, `NotIngestible` (then `reason` says why) or `Known`."""
    reason: str | None
    segments: int
    speakers: int


@dataclass(frozen=True, slots=True)
class StoredSpeaker:
    """One speaker of one recording."""

    speaker: int
    label: str
    """The name, or `unknown #k`."""
    decision: Decision
    name: str | None
    score: float | None
    runner_up: str | None
    runner_up_score: float | None
    threshold: float
    seconds: float
    evidence: Mapping[str, Any] | None = None
    """`domain.Evidence` as JSON values; None if nobody was enrolled."""


@dataclass(frozen=True, slots=True)
class StoredTranscript:
    """Everything that an export is made of. Speakers are numbers; `speakers` says who they are."""

    recording: RecordingRow
    run: RunRow
    segments: tuple[Segment, ...]
    words: Sequence[SpokenWord]
    turns: tuple[Turn, ...]
    speakers: tuple[StoredSpeaker, ...]


_RUNS = """
select r.id, r.recording, v.title, r.batch, r.number, r.pipeline_hash, r.started_at, r.finished_at,
       r.seconds, r.media_seconds, r.rtf, r.language, r.models, r.figures, r.superseded_at,
       r.transcript_source
  from ingest.shown_run r join ingest.shown_recording v on v.id = r.recording
"""
_RECORDINGS = (
    "select id, url, title, channel, published_at, duration_seconds, state, reason, segments, speakers "
    "from public.recordings"
)


def stored(connection: Connection, ids: Sequence[str]) -> Mapping[str, Stored]:
    """What is known about these recordings; a recording that is not stored is missing from the result."""
    with translated("asking what is stored"):
        rows = connection.execute(
            "select v.id, r.pipeline_hash, o.reason, o.pipeline_hash from ingest.recording v "
            "left join ingest.run r on r.id = v.current_run "
            "left join ingest.outcome o on o.recording = v.id where v.id = any(%s)",
            [list(ids)],
        ).fetchall()
    return {row[0]: Stored(row[1], Reason(row[2]) if row[2] else None, row[3]) for row in rows}


def runs(connection: Connection, trace_id: str) -> tuple[RunRow, ...]:
    """The committed runs of one batch, in the order in which they finished."""
    with translated("reading runs"), connection.cursor(row_factory=class_row(RunRow)) as cursor:
        return tuple(
            cursor.execute(_RUNS + " where r.trace_id = %s order by r.finished_at, r.id", [trace_id])
        )


def recordings(connection: Connection) -> tuple[RecordingRow, ...]:
    """Every recording of the corpus, newest first; recordings without a date last."""
    with translated("listing recordings"), connection.cursor(row_factory=class_row(RecordingRow)) as cursor:
        return tuple(cursor.execute(_RECORDINGS + " order by published_at desc nulls last, id"))


def transcript(connection: Connection, recording: str) -> StoredTranscript | None:
    """A recording's current transcript, from one snapshot; None if it has none."""
    with translated(f"reading the transcript of {recording}"), connection.transaction():
        # If the run were superseded between two statements, the second one would find nothing.
        connection.execute("set transaction isolation level repeatable read, read only")
        with connection.cursor(row_factory=class_row(RunRow)) as cursor:
            run = cursor.execute(_RUNS + " where v.id = %s and r.id = v.current_run", [recording]).fetchone()
        if run is None:
            return None
        with connection.cursor(row_factory=class_row(RecordingRow)) as cursor:
            row = cursor.execute(_RECORDINGS + " where id = %s", [recording]).fetchone()
        assert row is not None  # noqa: S101  the run above refers to it, in the same snapshot
        return StoredTranscript(row, run, *_content(connection, run))


def _content(
    connection: Connection, run: RunRow
) -> tuple[tuple[Segment, ...], Sequence[SpokenWord], tuple[Turn, ...], tuple[StoredSpeaker, ...]]:
    segments = connection.execute(
        "select start_seconds, end_seconds, speaker, text, first_word, end_word from ingest.shown_segment "
        "where run = %s order by seq",
        [run.id],
    )
    turns = connection.execute(
        "select start_seconds, end_seconds, speaker from ingest.shown_turn where run = %s order by seq",
        [run.id],
    )
    speakers = connection.execute(
        "select speaker, label, decision, name, score, runner_up, runner_up_score, threshold, seconds, "
        "evidence from ingest.shown_speaker where run = %s order by speaker",
        [run.id],
    )
    return (
        tuple(
            Segment(start, end, speaker, text, (first, last))
            for start, end, speaker, text, first, last in segments
        ),
        _words(connection, run),
        tuple(Turn(*row) for row in turns),
        tuple(
            StoredSpeaker(number, label, Decision(decision), *rest)
            for number, label, decision, *rest in speakers
        ),
    )


def _words(connection: Connection, run: RunRow) -> Sequence[SpokenWord]:
    row = connection.execute(
        "select format, content from ingest.shown_words where run = %s", [run.id], binary=True
    ).fetchone()
    assert row is not None  # noqa: S101  committed with its run
    if row[0] not in READABLE:
        said = (
            f"The words of {run.recording} are stored in form {row[0]}, "
            f"and this program reads {FORMAT_VERSION}. Process the recording again."
        )
        raise StageError(Reason.SCHEMA_MISMATCH, said)
    moved = connection.execute(
        "select s.first_word, s.end_word, s.speaker from ingest.shown_segment s "
        "join ingest.shown_moved m on m.segment = s.id where s.run = %s",
        [run.id],
    )
    # Where they moved, a person has said who speaks.
    return decode_spoken(bytes(row[1]), language=run.language).moved(moved)
