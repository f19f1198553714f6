"""How batches went: their runs over time, and what runs took. A run's figures are those of its Receipt."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg.rows import class_row

from ingest_contract.captions import TranscriptSource
from ingest_worker.store.connect import Connection
from ingest_worker.store.errors import translated
from ingest_worker.store.reading.cursors import CursorError, read, written


@dataclass(frozen=True, slots=True)
class BatchSums:
    """One batch, by its committed runs and by what it has left out."""

    batch: str
    """`NAMESPACE/NAME`."""
    runs: int
    recordings: int
    left_out: int
    """Recordings that ended in it without a transcript, for good; older stores do not know of which batch."""
    media_seconds: float
    seconds: float
    rtf: float | None
    """Seconds of work for a second of media, over the runs that heard it, not those from the store."""
    first_started_at: datetime
    """As far as the store knows: for what was left out, when that was found."""
    last_finished_at: datetime


@dataclass(frozen=True, slots=True)
class ShownRun:
    """One committed run, with what its Receipt said."""

    id: UUID
    recording: str
    title: str
    batch: str
    number: int
    started_at: datetime
    finished_at: datetime
    seconds: float
    media_seconds: float
    rtf: float | None
    language: str
    models: dict[str, str]
    figures: dict[str, Any]
    pipeline_hash: str
    superseded_at: datetime | None
    transcript_source: TranscriptSource


@dataclass(frozen=True, slots=True)
class LeftOutCount:
    """Recordings that ended without a transcript, by reason."""

    reason: str
    recordings: int
    of_unknown_batch: int
    """Of them, those that were found before the store kept the batch."""


_BATCHES: Final = """
with ended as (
  select batch, recording, id as run, media_seconds, seconds, started_at, finished_at, not from_store as heard
    from ingest.shown_run
   where %(batch)s::text is null or batch = %(batch)s
  union all
  select o.batch, o.recording, null, 0, 0, o.recorded_at, o.recorded_at, false
    from ingest.shown_outcome o join ingest.shown_recording v on v.id = o.recording and v.current_run is null
   where o.batch is not null and (%(batch)s::text is null or o.batch = %(batch)s)
)
select batch, count(run) as runs, count(distinct recording) filter (where run is not null) as recordings,
       count(*) filter (where run is null) as left_out,
       sum(media_seconds) as media_seconds, sum(seconds) as seconds,
       sum(seconds) filter (where heard) / nullif(sum(media_seconds) filter (where heard), 0) as rtf,
       min(started_at) as first_started_at, max(finished_at) as last_finished_at
  from ended
 group by batch
having %(after)s::timestamptz is null or max(finished_at) < %(after)s
    or (max(finished_at) = %(after)s and batch > %(name)s)
 order by max(finished_at) desc, batch limit %(limit)s
"""
_RUNS: Final = """
select r.id, r.recording, v.title, r.batch, r.number, r.started_at, r.finished_at, r.seconds, r.media_seconds,
       r.rtf, r.language, r.models, r.figures, r.pipeline_hash, r.superseded_at, r.transcript_source
  from ingest.shown_run r join ingest.shown_recording v on v.id = r.recording
 where (%(batch)s::text is null or r.batch = %(batch)s)
   and (%(trace_id)s::text is null or r.trace_id = %(trace_id)s)
   and (%(recording)s::text is null or r.recording = %(recording)s)
   and (%(after)s::timestamptz is null or r.finished_at < %(after)s
        or (r.finished_at = %(after)s and r.id > %(id)s::uuid))
 order by r.finished_at desc, r.id limit %(limit)s
"""


def batches(
    connection: Connection, limit: int, cursor: str | None = None
) -> tuple[tuple[BatchSums, ...], str | None]:
    """Batches with runs, the latest first, and the next page's cursor. Raises `CursorError`."""
    after, name = _place(cursor)
    rows = _sums(connection, {"batch": None, "after": after, "name": name, "limit": limit + 1})
    kept = rows[:limit]
    more = len(rows) > limit
    return kept, written(kept[-1].last_finished_at.isoformat(), kept[-1].batch) if more else None


def one_batch(connection: Connection, batch: str) -> BatchSums | None:
    """One batch; None if nothing of it is stored."""
    rows = _sums(connection, {"batch": batch, "after": None, "name": "", "limit": 1})
    return rows[0] if rows else None


@dataclass(frozen=True, slots=True)
class RunsAsked:
    """Whose runs, and where to begin."""

    limit: int
    batch: str | None = None
    recording: str | None = None
    cursor: str | None = None
    trace_id: str | None = None
    """Only those of one life of the batch: what is deleted and applied anew has another."""


def shown_runs(connection: Connection, asked: RunsAsked) -> tuple[tuple[ShownRun, ...], str | None]:
    """Runs, the latest first, and the next page's cursor. Raises `CursorError`."""
    after, last = _place(asked.cursor)
    values = {
        "batch": asked.batch,
        "recording": asked.recording,
        "trace_id": asked.trace_id,
        "after": after,
        "id": str(_uuid(last)) if after else None,
        "limit": asked.limit + 1,
    }
    with translated("listing runs"), connection.cursor(row_factory=class_row(ShownRun)) as cursor:
        rows = cursor.execute(_RUNS, values).fetchall()
    kept = tuple(rows[: asked.limit])
    more = len(rows) > asked.limit
    return kept, written(kept[-1].finished_at.isoformat(), str(kept[-1].id)) if more else None


def left_out(connection: Connection, batch: str | None = None) -> tuple[LeftOutCount, ...]:
    """How many recordings ended without a transcript, by reason: of the store, or of one batch."""
    with (
        translated("counting what was left out"),
        connection.cursor(row_factory=class_row(LeftOutCount)) as rows,
    ):
        return tuple(
            rows.execute(
                "select reason, count(*) as recordings, "
                "count(*) filter (where batch is null) as of_unknown_batch from ingest.shown_outcome o "
                "join ingest.shown_recording v on v.id = o.recording and v.current_run is null "
                "where %(batch)s::text is null or batch = %(batch)s group by reason order by 2 desc, 1",
                {"batch": batch},
            )
        )


def _sums(connection: Connection, values: dict[str, Any]) -> tuple[BatchSums, ...]:
    with translated("listing batches"), connection.cursor(row_factory=class_row(BatchSums)) as cursor:
        return tuple(cursor.execute(_BATCHES, values))


def _place(cursor: str | None) -> tuple[datetime | None, str]:
    if cursor is None:
        return None, ""
    after, name = read(cursor, str, str)
    if not isinstance(after, str) or not isinstance(name, str):
        raise CursorError("the cursor is of another list")
    try:
        return datetime.fromisoformat(after), name
    except ValueError as error:
        raise CursorError("the cursor has no time") from error


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise CursorError("the cursor is of another list") from error
