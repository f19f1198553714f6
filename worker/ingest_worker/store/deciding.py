"""One decision of a person: its transaction, its rows, and what it changes. Called by `decisions`."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final
from uuid import UUID

from psycopg import Rollback
from psycopg.types.json import Jsonb

from ingest_worker.store.connect import Connection, use_vectors
from ingest_worker.store.decided import follow, lock_decisions
from ingest_worker.store.enrolled import teach
from ingest_worker.store.errors import translated
from ingest_worker.store.tombstones import is_forgotten_voice
from ingest_worker.store.voice_names import VoiceError, VoiceName


@dataclass(frozen=True, slots=True)
class Signed:
    """Who decides, and why; `dry_run`: only find out what would happen."""

    who: str
    why: str = ""
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """What a decision has changed."""

    decision: int | None
    """Its number; None if it was decided already, or is only rehearsed."""
    voice: str
    """Who it is now."""
    recordings: int = 0
    speakers: int = 0
    passages: int = 0
    seconds: float = 0.0
    enrolments: int = 0
    """Recordings that teach the named voice from now on."""
    untaught: int = 0
    """Speakers with that name that teach nothing: without a vector, too short, or partly somebody else."""
    notes: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Row:
    """A speaker of a current run."""

    run: UUID
    recording: str
    speaker: int
    seconds: float
    model: str
    vector: Any
    name: str | None


class Deciding:
    """One decision in its transaction."""

    def __init__(self, connection: Connection, by: Signed) -> None:
        self.connection, self.by = connection, by
        self.done: Done | None = None

    def result(self) -> Done:
        """What was done."""
        assert self.done is not None  # noqa: S101  every way through a block says it
        return replace(self.done, decision=None) if self.by.dry_run else self.done


@contextmanager
def deciding(connection: Connection, by: Signed) -> Iterator[Deciding]:
    """The transaction of one decision, alone among decisions and commits; a rehearsal leaves nothing."""
    deciding = Deciding(connection, by)
    with translated("deciding about a voice"), connection.transaction():
        use_vectors(connection)
        lock_decisions(connection)
        yield deciding
        if by.dry_run:
            raise Rollback


def decided(
    run: Deciding,
    kind: str,
    details: dict[str, Any],
    rows: Sequence[Row],
    to: VoiceName,
    *,
    rules: Sequence[VoiceName] = (),
) -> Done:
    """Store a decision about whole speakers, and make it hold."""
    connection = run.connection
    decision = insert(connection, kind, details, run.by)
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into ingest.decided_voice (decision, was, name, unknown) values (%s, %s, %s, %s)",
            [(decision, voice.label, to.name, to.unknown) for voice in rules],
        )
    runs, speakers = [row.run for row in rows], [row.speaker for row in rows]
    connection.execute(_ANCHOR, [decision, to.name, to.unknown, runs, speakers])
    connection.execute(
        "insert into ingest.placed_decision (decision, run, speaker, name, unknown) "
        "select %s, run, speaker, %s, %s from unnest(%s::uuid[], %s::int[]) as t(run, speaker)",
        [decision, to.name, to.unknown, runs, speakers],
    )
    follow(connection, runs)
    teach(connection, sorted({row.name for row in rows if row.name} - {to.name or ""}))
    taught = teach(connection, [to.name]) if to.name else 0
    untaught = _untaught(connection, to.name, taught) if to.name else 0
    recordings = len({row.recording for row in rows})
    return Done(
        decision, to.label, recordings, len(rows), _passages_of(connection, runs, speakers),
        sum(row.seconds for row in rows), taught, untaught,
    )  # fmt: skip


_ANCHOR: Final = """
insert into ingest.decided_speaker (decision, recording, made_by, spans, model, vector, name, unknown)
select %s, r.id, s.made_by, coalesce(t.spans, '{}'), s.voice_model, s.voice, %s, %s
  from unnest(%s::uuid[], %s::int[]) as w(run, speaker)
  join ingest.speaker s on s.run = w.run and s.speaker = w.speaker
  join ingest.recording r on r.current_run = s.run
  left join lateral (
    select array_agg(x order by seq, i) as spans
      from ingest.turn t, unnest(array[t.start_seconds, t.end_seconds]) with ordinality as u(x, i)
     where t.run = s.run and t.speaker = s.speaker) t on true
"""


def insert(connection: Connection, kind: str, details: dict[str, Any], by: Signed) -> int:
    """A row of history; returns its number."""
    row = connection.execute(
        "insert into ingest.voice_decision (who, why, kind, details) values (%s, %s, %s, %s) returning id",
        [by.who, by.why, kind, Jsonb(details)],
    ).fetchone()
    assert row is not None  # noqa: S101  an insert of one row returns one row
    return int(row[0])


def speakers_called(
    connection: Connection, voices: Sequence[VoiceName], recordings: Sequence[str] | None
) -> list[Row]:
    """Everybody who is called so in current runs, in these recordings or in all."""
    rows = connection.execute(
        "select s.run, r.id, s.speaker, s.seconds, s.voice_model, s.voice, s.name from ingest.speaker s "
        "join ingest.recording r on r.current_run = s.run where s.label = any(%s) "
        "and (%s::text[] is null or r.id = any(%s)) order by r.id, s.speaker",
        [[voice.label for voice in voices], recordings, recordings],
    )
    return [Row(*row) for row in rows]


def require_all(recordings: Sequence[str], rows: Sequence[Row], voice: VoiceName) -> None:
    """Raise `VoiceError` unless the voice speaks in all of these."""
    found = {row.recording for row in rows}
    if missing := [each for each in recordings if each not in found]:
        raise VoiceError(f"{voice.label} does not speak in {', '.join(missing)}")


def is_known(connection: Connection, voice: VoiceName) -> bool:
    """Whether anybody was ever called so."""
    if speakers_called(connection, (voice,), None):
        return True
    if voice.unknown is not None:
        asked, value = "select exists (select from ingest.unknown_voice where number = %s)", voice.unknown
        return connection.execute(asked, [value]).fetchone() == (True,)
    return connection.execute(
        "select exists (select from ingest.enrolment where voice = %s)", [voice.name]
    ).fetchone() == (True,)


def follows(connection: Connection, voice: VoiceName, to: VoiceName) -> bool:
    """Whether this voice is that one by a decision already."""
    return connection.execute(
        "select exists (select from ingest.decided_voice v join ingest.voice_decision d on d.id = v.decision "
        "where d.undone_by is null and v.was = %s and v.name is not distinct from %s "
        "and v.unknown is not distinct from %s)",
        [voice.label, to.name, to.unknown],
    ).fetchone() == (True,)


def allow(connection: Connection, to: VoiceName) -> None:
    """Raise `VoiceError` for a name that was forgotten, or a number that nobody has."""
    if to.name is not None and is_forgotten_voice(connection, to.name):
        raise VoiceError(
            f"{to.name} was forgotten, and is named again only after "
            f"`ingestctl tombstones lift --voice {to.name!r}`"
        )
    if to.unknown is not None and not is_known(connection, to):
        raise VoiceError(f"there is no voice {to.label}: `ingestctl voices list` shows those there are")


def _untaught(connection: Connection, named: str | None, taught: int) -> int:
    row = connection.execute(
        "select count(*) from ingest.speaker s join ingest.recording r on r.current_run = s.run "
        "where s.name = %s and s.decision = 'Stated'",
        [named],
    ).fetchone()
    return max(0, int(row[0]) - taught) if row else 0


def _passages_of(connection: Connection, runs: Sequence[UUID], speakers: Sequence[int]) -> int:
    row = connection.execute(
        "select count(*) from unnest(%s::uuid[], %s::int[]) as w(run, speaker) "
        "join ingest.segment s on s.run = w.run and s.speaker = w.speaker",
        [list(runs), list(speakers)],
    ).fetchone()
    return int(row[0]) if row else 0
