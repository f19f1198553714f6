"""Parts of a recording that a person has given to somebody else: passages whole, turns cut at the edges of
the passages.

The run's own turns and passages are kept beside (`judged_turn`, `judged_segment`), so that every decision
that still holds can be laid over them again, in order, whenever one is made or taken back. Called by
`decisions` and `decided`.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from ingest_worker.placing import MOSTLY_SHARE
from ingest_worker.spans import Spans, common, from_flat, joined, share, without
from ingest_worker.store.connect import Connection

MOVED_NOTHING = "no passage lies there any more"


@dataclass(frozen=True, slots=True)
class _Part:
    anchor: int
    decision: int
    spans: Spans
    name: str | None
    unknown: int | None


def lay_parts(connection: Connection, recording: str, run: UUID) -> None:
    """Make a run's turns, passages and speakers what they are with every decision about parts of it that
    holds. Needs the lock of `decided`."""
    asked = "select exists (select from ingest.decided_speaker where recording = %s and part)"
    if connection.execute(asked, [recording]).fetchone() != (True,):
        return
    _restore(connection, run)
    rows = connection.execute(
        "select a.id, a.decision, a.spans, a.name, a.unknown from ingest.decided_speaker a "
        "join ingest.voice_decision d on d.id = a.decision "
        "where a.recording = %s and a.part and d.undone_by is null order by a.decision, a.id",
        [recording],
    )
    for anchor, decision, times, name, unknown in rows.fetchall():
        _lay(connection, run, _Part(anchor, decision, from_flat(times), name, unknown))
    connection.execute(
        "update ingest.speaker s set seconds = coalesce((select sum(end_seconds - start_seconds) "
        "from ingest.turn t where t.run = s.run and t.speaker = s.speaker), 0) where s.run = %s",
        [run],
    )


def _restore(connection: Connection, run: UUID) -> None:
    connection.execute(
        "update ingest.segment s set speaker = j.speaker from ingest.judged_segment j "
        "where j.segment = s.id and s.run = %s",
        [run],
    )
    connection.execute(
        "delete from ingest.judged_segment j using ingest.segment s where s.id = j.segment and s.run = %s",
        [run],
    )
    if connection.execute(
        "select exists (select from ingest.judged_turn where run = %s)", [run]
    ).fetchone() == (True,):
        _write_turns(
            connection,
            run,
            connection.execute(
                "delete from ingest.judged_turn where run = %s returning start_seconds, end_seconds, speaker",
                [run],
            ).fetchall(),
        )
    connection.execute("delete from ingest.speaker where run = %s and made_by is not null", [run])


def _lay(connection: Connection, run: UUID, part: _Part) -> None:
    segments = connection.execute(
        "select id, start_seconds, end_seconds, speaker from ingest.segment where run = %s", [run]
    ).fetchall()
    moved = [row for row in segments if share(((row[1], row[2]),), part.spans) >= MOSTLY_SHARE]
    connection.execute(
        "update ingest.decided_speaker set open = %s where id = %s",
        [None if moved else MOVED_NOTHING, part.anchor],
    )
    if not moved:
        return
    made = _made_speaker(connection, run, part)
    connection.execute(
        "insert into ingest.judged_segment select id, speaker from ingest.segment where id = any(%s) "
        "on conflict do nothing",
        [[row[0] for row in moved]],
    )
    connection.execute(
        "update ingest.segment set speaker = %s where id = any(%s)", [made, [row[0] for row in moved]]
    )
    _cut_turns(connection, run, joined(row[1:3] for row in moved), made)


def _made_speaker(connection: Connection, run: UUID, part: _Part) -> int:
    """A speaker of the run's own for this part, with every decision about it."""
    row = connection.execute(
        "insert into ingest.speaker (run, speaker, decision, name, unknown, threshold, seconds, voice_model, "
        "decided_by, judged, made_by) select run, max(speaker) + 1, 'Stated', %s, %s, max(threshold), 0, "
        "max(voice_model), %s, 'Unknown', %s from ingest.speaker where run = %s group by run "
        "returning speaker",
        [part.name, part.unknown, part.decision, part.anchor, run],
    ).fetchone()
    assert row is not None  # noqa: S101  a run with passages has speakers
    connection.execute(
        "insert into ingest.placed_decision (decision, run, speaker, name, unknown) "
        "select distinct on (decision) decision, %s, %s, name, unknown from ingest.decided_speaker "
        "where id = %s or made_by = %s order by decision, id",
        [run, row[0], part.anchor, part.anchor],
    )
    return int(row[0])


def _cut_turns(connection: Connection, run: UUID, moved: Spans, made: int) -> None:
    turns = connection.execute(
        "select start_seconds, end_seconds, speaker from ingest.turn where run = %s order by seq", [run]
    ).fetchall()
    if connection.execute(
        "select exists (select from ingest.judged_turn where run = %s)", [run]
    ).fetchone() == (False,):
        connection.execute(
            "insert into ingest.judged_turn (run, seq, speaker, start_seconds, end_seconds) "
            "select run, seq, speaker, start_seconds, end_seconds from ingest.turn where run = %s",
            [run],
        )
    cut: list[tuple[float, float, int]] = []
    for start, end, speaker in turns:
        whole = ((start, end),)
        cut += [(*each, made) for each in common(whole, moved)]
        cut += [(*each, speaker) for each in without(whole, moved)]
    _write_turns(connection, run, cut)


def _write_turns(connection: Connection, run: UUID, turns: list[Any]) -> None:
    connection.execute("delete from ingest.turn where run = %s", [run])
    ordered = sorted(turns)
    connection.execute(
        "insert into ingest.turn (run, seq, speaker, start_seconds, end_seconds) "
        "select %s, seq - 1, speaker, start_seconds, end_seconds "
        "from unnest(%s::int[], %s::float8[], %s::float8[]) "
        "with ordinality as t(speaker, start_seconds, end_seconds, seq)",
        [run, [t[2] for t in ordered], [t[0] for t in ordered], [t[1] for t in ordered]],
    )
