"""Removes what people ask to be forgotten: a recording, a channel, a voice. One transaction each; a tombstone
keeps it from coming back; the report counts what went.

Called by `ingestctl forget`, by retention, and by whoever carries out a forget order: as the owner or a
member of `ingest_curator`. What is outside the store (caches, folders of batches, backups) is the caller's.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from psycopg import Rollback, sql
from psycopg.types.json import Jsonb

from ingest_worker.store.connect import Connection, use_vectors
from ingest_worker.store.decided import lock_decisions
from ingest_worker.store.deciding import Signed
from ingest_worker.store.errors import translated
from ingest_worker.store.forgotten_voice import FORGOTTEN, Passages, forget_speakers, scrub_names
from ingest_worker.store.tombstones import TombstoneKind, bury
from ingest_worker.store.voice_names import VoiceError, VoiceName
from ingest_worker.store.voices import lock_numbers

RETENTION: Final = Signed("retention", "older than its profile keeps")

PART_RECORDINGS: Final = 200
"""Recordings that retention forgets in one transaction: what was removed stays so if the next one fails, and
workers that store wait for seconds, not for minutes."""


@dataclass(frozen=True, slots=True)
class Gone:
    """What went."""

    rows: Mapping[str, int] = field(default_factory=dict)
    """Rows by table."""
    recordings: tuple[str, ...] = ()
    """Recordings that are gone, or from which the voice is: what lies of them elsewhere is to go too."""


_BY_RECORDING: Final = (
    ("artifact", "recording"),
    ("address", "recording"),
    ("claim", "recording"),
    ("detail", "recording"),
    ("decided_speaker", "recording"),
    ("unknown_vector", "recording"),
    ("recording", "id"),  # and by it runs, passages, vectors, turns, speakers, words, outcomes
)
_COUNTED: Final = ("run", "segment", "turn", "speaker", "words")


def forget_recordings(connection: Connection, ids: Sequence[str], by: Signed) -> Gone:
    """Forget recordings, whether they are stored or not: nothing of them is left, and no plan takes them in
    again. Raises `StageError`."""
    with translated("forgetting recordings"), connection.transaction():
        gone = _forget_recordings(connection, list(dict.fromkeys(ids)), by)
        if by.dry_run:
            raise Rollback
    return gone


def forget_channel(connection: Connection, channel: str, by: Signed) -> Gone:
    """Forget every recording of a channel, and take in none of it again. Raises `StageError`."""
    with translated("forgetting a channel"), connection.transaction():
        rows = connection.execute(
            "select id from ingest.recording where lower(normalize(channel)) = lower(normalize(%s)) "
            "union select recording from ingest.detail "
            "where lower(normalize(said ->> 'channel')) = lower(normalize(%s)) "
            "order by 1",
            [channel, channel],
        )
        gone = _forget_recordings(connection, [row[0] for row in rows], by)
        bury(connection, TombstoneKind.CHANNEL, channel, by.who, by.why)
        if by.dry_run:
            raise Rollback
    return gone


def forget_expired(connection: Connection, profile: str, days: int, batches: Sequence[str]) -> Iterator[Gone]:
    """Forget recordings of an IngestProfile that were first stored so many days ago: so many in each
    transaction, the oldest first, until none is left. Processing one again does not make it younger. Raises
    `StageError`.

    A recording is the profile's whose run stored it last: what two profiles of one namespace share a store
    for stays apart, whatever their batches are called, and also when those are gone.

    Args:
        connection: as for every function here.
        profile: `<namespace>/<name>`.
        days: how long it keeps recordings.
        batches: those that count for it where a run names no profile, `<namespace>/<name>` each.
    """
    while ids := _expired(connection, profile, days, batches):
        yield forget_recordings(connection, ids, RETENTION)


def _expired(connection: Connection, profile: str, days: int, batches: Sequence[str]) -> list[str]:
    with translated("looking for what is too old"):
        rows = connection.execute(
            "select v.id from ingest.recording v join ingest.run r on r.id = v.current_run "
            "where (r.profile = %s or (r.profile is null and r.batch = any(%s))) "
            "and v.first_stored_at < now() - make_interval(days => %s) order by v.first_stored_at, v.id "
            "limit %s",
            [profile, list(batches), days, PART_RECORDINGS],
        ).fetchall()
    return [row[0] for row in rows]


def forget_voice(connection: Connection, voice: VoiceName, passages: Passages, by: Signed) -> Gone:
    """Forget a voice: its vectors, names and enrolments, in every recording. Its passages stay with a speaker
    of each recording who cannot be told from other strangers, or go.

    Raises:
        VoiceError: nobody was ever called so.
        StageError: the store does not answer.
    """
    with translated("forgetting a voice"), connection.transaction():
        use_vectors(connection)
        lock_decisions(connection)
        lock_numbers(connection)
        counts: Counter[str] = Counter()
        recordings = forget_speakers(connection, voice, passages, by, counts)
        scrub_names(connection, voice, by, counts)
        if not counts:
            raise VoiceError(
                f"there is no voice {voice.label}: `ingestctl voices list` shows those there are"
            )
        if by.dry_run:
            raise Rollback
    return Gone(dict(counts), tuple(recordings))


def sweep(connection: Connection) -> None:
    """Make the server forget what was deleted: until a table is vacuumed, its files and indexes still hold
    the rows. Outside any transaction; tables of others are left out by the server, with a warning."""
    with translated("vacuuming"):
        tables = connection.execute(
            "select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace "
            "where n.nspname = 'ingest' and c.relkind = 'r'"
        ).fetchall()
        for (table,) in tables:
            connection.execute(sql.SQL("vacuum {}").format(sql.Identifier("ingest", table)))


def _forget_recordings(connection: Connection, ids: list[str], by: Signed) -> Gone:
    # First, as a worker does that stores one of them: it holds its claim while it waits for the lock below.
    connection.execute(
        "select from ingest.claim where recording = any(%s) order by recording for update", [ids]
    )
    lock_decisions(connection)
    lock_numbers(connection)
    counts: Counter[str] = Counter()
    runs = connection.execute("select id from ingest.run where recording = any(%s)", [ids]).fetchall()
    for table in _COUNTED:
        counts[table] += _count(connection, table, [run for (run,) in runs])
    counts["vectors"] += counts["segment"]
    _hand_over_numbers(connection, ids)
    prefixes = [f"recording:{each}" for each in ids]
    counts["enrolment"] += connection.execute(
        "delete from ingest.enrolment where split_part(source, '?', 1) = any(%s) "
        "or (source like 'recording:%%' and exists (select from unnest(%s::text[]) p(prefix) "
        "where starts_with(source, p.prefix || '?')))",
        [prefixes, prefixes],
    ).rowcount
    for table, column in _BY_RECORDING:
        statement = sql.SQL("delete from {} where {} = any(%s)").format(
            sql.Identifier("ingest", table), sql.Identifier(column)
        )
        counts[table] += connection.execute(statement, [ids]).rowcount
    _scrub_details(connection, ids)
    for each in ids:
        bury(connection, TombstoneKind.RECORDING, each, by.who, by.why)
    return Gone({table: number for table, number in counts.items() if number}, tuple(ids))


def _count(connection: Connection, table: str, runs: list[UUID]) -> int:
    column = "id" if table == "run" else "run"
    row = connection.execute(
        sql.SQL("select count(*) from {} where {} = any(%s)").format(
            sql.Identifier("ingest", table), sql.Identifier(column)
        ),
        [runs],
    ).fetchone()
    return int(row[0]) if row else 0


def _hand_over_numbers(connection: Connection, ids: list[str]) -> None:
    """Numbers that were first heard in these recordings stay, with the vector of another recording's speaker
    who has them; without one, with none."""
    connection.execute(
        "update ingest.unknown_voice u set vector = n.voice, model = coalesce(n.voice_model, u.model), "
        "first_recording = coalesce(n.recording, ''), first_speaker = coalesce(n.speaker, -1) "
        "from ingest.unknown_voice o left join lateral ("
        "select s.voice, s.voice_model, r.id as recording, s.speaker from ingest.speaker s "
        "join ingest.recording r on r.current_run = s.run where s.unknown = o.number and s.voice is not null "
        "and r.id <> all(%s) order by s.seconds desc, r.id limit 1) n on true "
        "where u.number = o.number and o.first_recording = any(%s)",
        [ids, ids],
    )


def _scrub_details(connection: Connection, ids: list[str]) -> None:
    """History says that something was decided, and no longer about what."""
    rows: list[tuple[int, dict[str, Any]]] = connection.execute(
        "select id, details from ingest.voice_decision where details ->> 'recording' = any(%s) "
        "or details -> 'recordings' ?| %s::text[]",
        [ids, ids],
    ).fetchall()
    away = set(ids)
    for decision, details in rows:
        if details.get("recording") in away:
            details["recording"] = FORGOTTEN
        if "recordings" in details:
            details["recordings"] = [FORGOTTEN if each in away else each for each in details["recordings"]]
        connection.execute(
            "update ingest.voice_decision set details = %s where id = %s", [Jsonb(details), decision]
        )
