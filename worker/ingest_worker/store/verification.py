"""Checks of what is stored: each a query, its meaning, and the next step. Changes nothing.

Another check is another row of `CHECKS`. A table that the role may not read is told as unchecked, never as
sound.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from psycopg import sql

from ingest_worker.store.connect import Connection
from ingest_worker.store.errors import translated

EXAMPLE_NAMES: Final = 5
"""The most names that a finding gives."""

SOUND_PGVECTOR: Final = (0, 8, 4)
"""The first version of pgvector whose HNSW inserts cannot corrupt an index (its CHANGELOG)."""


class Severity(StrEnum):
    """What a finding means for the command's end."""

    ERROR = "error"
    """Something that was stored cannot be found or read."""
    WARNING = "warning"
    """Something that a person should know."""
    UNCHECKED = "unchecked"
    """The role may not read what the check needs."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check: a query of the names of what is wrong."""

    name: str
    severity: Severity
    meaning: str
    next_step: str
    query: str
    needs: str = ""
    """A table that only the owner and curators may read."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A check that found something, or could not be made."""

    name: str
    severity: Severity
    count: int
    examples: tuple[str, ...]
    meaning: str
    next_step: str


@dataclass(frozen=True, slots=True)
class Coverage:
    """What the store has."""

    recordings: int
    ingested: int
    not_ingestible: int
    known: int
    """Recordings without a result: planned, under way, or failed."""
    passages: int
    vectors: int
    media_seconds: float


INGEST_AGAIN: Final = "ingest them again with `reprocess: Always`"

CHECKS: Final = (
    Check(
        "MissingVectors",
        Severity.ERROR,
        "recordings with passages that have no vector: a search by meaning does not find these",
        INGEST_AGAIN,
        "select v.id from ingest.shown_recording v join ingest.shown_segment s on s.run = v.current_run "
        "left join ({vectors}) e on e.segment = s.id where e.segment is null group by v.id order by v.id",
    ),
    Check(
        "MissingWords",
        Severity.ERROR,
        "recordings whose words are gone: they cannot be exported",
        INGEST_AGAIN,
        "select v.id from ingest.shown_recording v left join ingest.shown_words w on w.run = v.current_run "
        "where v.current_run is not null and w.run is null order by v.id",
    ),
    Check(
        "FewerVectorsThanReported",
        Severity.ERROR,
        "recordings with fewer passages than their run reported: rows were removed",
        INGEST_AGAIN,
        "select v.id from ingest.shown_recording v join ingest.shown_run r on r.id = v.current_run "
        "where (r.figures -> 'coverage' ->> 'segments')::bigint > "
        "(select count(*) from ingest.shown_segment s where s.run = r.id) order by v.id",
    ),
    Check(
        "SpeechWithoutWords",
        Severity.WARNING,
        "recordings with more than a fifth of their speech without words: transcription may have missed it",
        "listen to them, and try a larger model or the right language",
        "select v.id from ingest.shown_recording v join ingest.shown_run r on r.id = v.current_run "
        "where (r.figures -> 'coverage' ->> 'wordless_seconds')::float8 > "
        "0.2 * (r.figures -> 'coverage' ->> 'speech_seconds')::float8 order by v.id",
    ),
    Check(
        "OtherLanguage",
        Severity.WARNING,
        "recordings that are surely in another language than the one ordered: their text is translated or "
        "invented",
        "ingest them again in a batch with their language, or with none, and `reprocess: IfPipelineChanged`",
        "select v.id from ingest.shown_recording v join ingest.shown_run r on r.id = v.current_run "
        "where r.figures -> 'quality' ->> 'sounds_like' is not null order by v.id",
    ),
    Check(
        "OrphanedRuns",
        Severity.ERROR,
        "runs that are neither current nor superseded: nothing shows what they stored",
        "report it, with the recordings' ids; deleting the runs as the store's owner frees their room",
        "select r.recording from ingest.shown_run r join ingest.shown_recording v on v.id = r.recording "
        "where r.superseded_at is null and v.current_run is distinct from r.id order by 1",
    ),
    Check(
        "OrphanedArtifacts",
        Severity.WARNING,
        "kept stages of recordings that the store does not have: leftovers of what failed or was removed",
        "`ingestctl forget --recording` removes those of one recording",
        "select distinct a.recording from ingest.artifact a left join ingest.recording v "
        "on v.id = a.recording left join ingest.claim c on c.recording = a.recording "
        "and c.lease_until > now() "
        "where v.id is null and c.recording is null and a.created_at < now() - interval '7 days' order by 1",
        needs="ingest.artifact",
    ),
    Check(
        "InvalidIndexes",
        Severity.ERROR,
        "indexes that Postgres does not use, because building them was interrupted",
        "run `reindex index concurrently ingest.NAME` as the store's owner",
        "select c.relname::text from pg_index i join pg_class c on c.oid = i.indexrelid "
        "join pg_namespace n on n.oid = c.relnamespace "
        "where n.nspname = 'ingest' and not (i.indisvalid and i.indisready) order by 1",
    ),
    Check(
        "MissingIndexes",
        Severity.ERROR,
        "tables of vectors without their index: a search reads every vector",
        "run `ingestctl migrate --dimension N` as the store's owner",
        "select t.tablename::text from pg_tables t where t.schemaname = 'ingest' "
        "and t.tablename ~ '^embeddings_[0-9]+$' and not exists (select from pg_indexes i "
        "where i.schemaname = 'ingest' and i.tablename = t.tablename and i.indexdef like '%USING hnsw%') "
        "order by 1",
    ),
)
"""Every check."""

_COVERAGE: Final = """
select count(*), count(*) filter (where state = 'Ingested'), count(*) filter (where state = 'NotIngestible'),
       count(*) filter (where state = 'Known'), coalesce(sum(segments), 0),
       coalesce(sum(media_seconds), 0)::float8
  from public.recordings
"""


def verify(
    connection: Connection, checking: Callable[[str, int], None] = lambda _name, _number: None
) -> tuple[Coverage, tuple[Finding, ...]]:
    """What the store has, and what is wrong with it, from one snapshot. `checking` hears each check's name
    and number before it begins. Raises `StageError`."""
    with translated("verifying the store"), connection.transaction():
        connection.execute("set transaction isolation level repeatable read, read only")
        vectors = _vectors(connection)
        found: list[Finding] = []
        for number, check in enumerate(CHECKS, 1):
            checking(check.name, number)
            if (finding := _checked(connection, check, vectors)) is not None:
                found.append(finding)
        if (old := _old_pgvector(connection)) is not None:
            found.append(old)
        return _coverage(connection, vectors), tuple(found)


def _vectors(connection: Connection) -> sql.Composable:
    """The passages that have a vector, of any dimension."""
    rows = connection.execute(
        "select viewname from pg_views where schemaname = 'ingest' and viewname ~ '^shown_embeddings_[0-9]+$'"
    ).fetchall()
    none = sql.SQL("select null::bigint as segment where {}").format(sql.Literal(False))  # noqa: FBT003  SQL's false
    each = [sql.SQL("select segment from {}").format(sql.Identifier("ingest", name)) for (name,) in rows]
    return sql.SQL(" union all ").join(each or [none])


def _checked(connection: Connection, check: Check, vectors: sql.Composable) -> Finding | None:
    facts = (check.meaning, check.next_step)
    if check.needs:
        may = connection.execute("select has_table_privilege(%s, 'select')", [check.needs]).fetchone()
        if may != (True,):
            words = f"this role may not read {check.needs}"
            return Finding(check.name, Severity.UNCHECKED, 0, (), words, "check as the store's owner")
    query = sql.SQL(check.query).format(vectors=vectors)
    rows = connection.execute(query).fetchall()
    if not rows:
        return None
    return Finding(
        check.name, check.severity, len(rows), tuple(row[0] for row in rows[:EXAMPLE_NAMES]), *facts
    )


def _old_pgvector(connection: Connection) -> Finding | None:
    row = connection.execute("select extversion from pg_extension where extname = 'vector'").fetchone()
    if row is None or tuple(int(part) for part in row[0].split(".")) >= SOUND_PGVECTOR:
        return None
    meaning = "this version of pgvector can corrupt an index while vacuuming"
    step = "update it to 0.8.4 or later, and reindex"
    return Finding("OldPgvector", Severity.WARNING, 1, (f"pgvector {row[0]}",), meaning, step)


def _coverage(connection: Connection, vectors: sql.Composable) -> Coverage:
    row = connection.execute(_COVERAGE).fetchone()
    counted = connection.execute(
        sql.SQL(
            "select count(*) from ingest.shown_segment s "
            "join ingest.shown_recording v on v.current_run = s.run join ({}) e on e.segment = s.id"
        ).format(vectors)
    ).fetchone()
    assert row is not None  # noqa: S101  a count has always a row
    assert counted is not None  # noqa: S101  and so has this
    total, ingested, final, known, passages, seconds = row
    return Coverage(total, ingested, final, known, int(passages), int(counted[0]), float(seconds))
