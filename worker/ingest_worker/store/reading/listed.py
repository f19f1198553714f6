"""Recordings of the corpus, page by page, newest first."""

from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from typing import Final

from psycopg import sql
from psycopg.rows import class_row

from ingest_contract.captions import TranscriptSource
from ingest_worker.store.connect import Connection
from ingest_worker.store.errors import translated
from ingest_worker.store.reading.cursors import CursorError, read, written
from ingest_worker.store.searching.values import Filters


class State(StrEnum):
    """What became of a recording."""

    INGESTED = "Ingested"
    NOT_INGESTIBLE = "NotIngestible"
    """For good; its `reason` says why."""
    KNOWN = "Known"
    """Neither yet."""


@dataclass(frozen=True, slots=True)
class ListedRecording:
    """One recording, for a list."""

    id: str
    url: str
    title: str
    channel: str | None
    published_at: datetime | None
    duration_seconds: float | None
    state: str
    """`Ingested`, `NotIngestible` (then `reason` says why) or `Known`."""
    reason: str | None
    message: str | None
    """What was said about it."""
    batch: str | None
    """The batch of the current run; without one, the batch that left it out, if the store knows it."""
    finished_at: datetime | None
    rtf: float | None
    language: str | None
    segments: int
    speakers: int
    transcript_source: TranscriptSource | None


@dataclass(frozen=True, slots=True)
class RecordingsAsked:
    """Which recordings, and where to begin."""

    limit: int
    cursor: str | None = None
    filters: Filters = field(default_factory=Filters)
    """As those of a search."""
    state: State | None = None
    title: str | None = None
    """A part of the title, in any case."""


_COLUMNS: Final = sql.SQL(", ").join(sql.Identifier(each.name) for each in fields(ListedRecording))

_CONDITIONS: Final = {
    "speaker": sql.SQL(
        "exists (select from ingest.shown_speaker p "
        "where p.run = recordings.run and p.label = any(%(speaker)s))"
    ),
    "recording": sql.SQL("id = %(recording)s"),
    "channel": sql.SQL("channel = any(%(channel)s)"),
    "batch": sql.SQL("batch = %(batch)s"),
    "language": sql.SQL("language = %(language)s"),
    "published_from": sql.SQL("published_at >= %(published_from)s::date at time zone 'UTC'"),
    "published_before": sql.SQL("published_at < %(published_before)s::date at time zone 'UTC'"),
    "shortest_seconds": sql.SQL("coalesce(duration_seconds, media_seconds) >= %(shortest_seconds)s"),
    "longest_seconds": sql.SQL("coalesce(duration_seconds, media_seconds) <= %(longest_seconds)s"),
    "state": sql.SQL("state = %(state)s"),
    "title": sql.SQL("strpos(lower(normalize(title)), lower(normalize(%(title)s))) > 0"),
}
_AFTER_DATED: Final = sql.SQL(
    "(published_at < %(date)s::timestamptz or published_at is null "
    "or (published_at = %(date)s::timestamptz and id > %(id)s))"
)
_AFTER_UNDATED: Final = sql.SQL("(published_at is null and id > %(id)s)")


def listed(connection: Connection, asked: RecordingsAsked) -> tuple[tuple[ListedRecording, ...], str | None]:
    """At most `limit` recordings and the next page's cursor; None on the last. Recordings without a date come
    last. Raises `CursorError`."""
    values: dict[str, object] = {**asked.filters.asked(), "state": asked.state, "title": asked.title}
    conditions = [text for name, text in _CONDITIONS.items() if values[name] is not None]
    if asked.cursor is not None:
        date, last = _place(asked.cursor)
        values |= {"date": date, "id": last}
        conditions.append(_AFTER_UNDATED if date is None else _AFTER_DATED)
    statement = sql.SQL(
        "select {} from public.recordings where {} order by published_at desc nulls last, id limit %(limit)s"
    ).format(_COLUMNS, sql.SQL(" and ").join(conditions or [sql.SQL("true")]))
    with (
        translated("listing recordings"),
        connection.cursor(row_factory=class_row(ListedRecording)) as cursor,
    ):
        rows = cursor.execute(statement, values | {"limit": asked.limit + 1}).fetchall()
    kept = tuple(rows[: asked.limit])
    if len(rows) <= asked.limit:
        return kept, None
    end = kept[-1]
    return kept, written(end.published_at.isoformat() if end.published_at else None, end.id)


def one_recording(connection: Connection, recording: str) -> ListedRecording | None:
    """One recording; None if nobody knows it."""
    statement = sql.SQL("select {} from public.recordings where id = %s").format(_COLUMNS)
    with (
        translated("looking at a recording"),
        connection.cursor(row_factory=class_row(ListedRecording)) as cursor,
    ):
        return cursor.execute(statement, [recording]).fetchone()


def _place(cursor: str) -> tuple[datetime | None, str]:
    date, last = read(cursor, str, str)
    if not isinstance(last, str):
        raise CursorError("the cursor is of another list")
    try:
        return (None if date is None else datetime.fromisoformat(str(date))), last
    except ValueError as error:
        raise CursorError("the cursor has no date") from error
