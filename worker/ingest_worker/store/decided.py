"""Lays people's decisions over what runs have decided: at every commit, and whenever a decision is made or
taken back.

A decision holds for speakers of a run (`placed_decision`). What a speaker is called follows from the last one
that is not undone; what the run itself had decided is kept beside it, with its scores. Called by `commit` and
`decisions`.
"""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from ingest_worker.placing import Placed, Statement, place, speakers_of
from ingest_worker.spans import from_flat
from ingest_worker.store.connect import Connection, as_array
from ingest_worker.store.enrolled import teach
from ingest_worker.store.parts import lay_parts
from ingest_worker.store.records import Content

_LOCK_KEY: Final = 0x1D6E59
"""Advisory lock between decisions and commits: a decision that is made while a recording is being committed
waits for it, or is seen by it. Taken before `voices.lock_numbers`, by everybody, so nobody deadlocks."""

_FOLLOW: Final = """
update ingest.speaker s
   set judged = case when n.holds is not null then n.run_decision end,
       judged_name = case when n.holds is not null then n.run_name end,
       judged_unknown = case when n.holds is not null then n.run_unknown end,
       decision = case when n.holds is null then n.run_decision else 'Stated' end,
       name = case when n.holds is null then n.run_name else n.name end,
       unknown = case when n.holds is null then n.run_unknown else n.unknown end,
       decided_by = n.holds
  from (
    select o.run, o.speaker, coalesce(o.judged, o.decision) as run_decision,
           case when o.judged is null then o.name else o.judged_name end as run_name,
           case when o.judged is null then o.unknown else o.judged_unknown end as run_unknown,
           p.decision as holds, p.name, p.unknown
      from ingest.speaker o
      left join lateral (
        select p.decision, p.name, p.unknown from ingest.placed_decision p
          join ingest.voice_decision d on d.id = p.decision
         where p.run = o.run and p.speaker = o.speaker and d.undone_by is null
         order by p.decision desc limit 1) p on true
     where o.run = any(%s)) n
 where s.run = n.run and s.speaker = n.speaker and s.decided_by is distinct from n.holds
"""


def lock_decisions(connection: Connection, *, shared: bool = False) -> None:
    """Until the transaction ends: alone for who decides, shared for who commits."""
    name = "pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock"
    connection.execute(f"select {name}(%s)".encode(), [_LOCK_KEY])


def follow(connection: Connection, runs: Sequence[UUID]) -> None:
    """Make the speakers of these runs what the decisions say that hold."""
    connection.execute(_FOLLOW, [list(runs)])


def apply_decisions(connection: Connection, recording: str, run: UUID, content: Content) -> int:
    """Apply everything that people have decided to a new run of a recording. Returns how many decisions about
    it could not be placed: they stay as they are, with the reason, and decide nothing."""
    placed = _place(connection, recording, run, content)
    _follow_rules(connection, run, placed.confused)
    lay_parts(connection, recording, run)
    follow(connection, [run])
    names = connection.execute(
        "select distinct name from ingest.speaker "
        "where run = %s and decision = 'Stated' and name is not null",
        [run],
    ).fetchall()
    teach(connection, [name for (name,) in names], recording)
    return len(placed.open)


def _place(connection: Connection, recording: str, run: UUID, content: Content) -> Placed:
    rows = connection.execute(
        "select a.id, a.decision, a.spans, case when a.model = %s then a.vector end, a.name, a.unknown "
        "from ingest.decided_speaker a join ingest.voice_decision d on d.id = a.decision "
        "where a.recording = %s and not a.part and a.made_by is null and d.undone_by is null "
        "order by a.decision, a.id",
        [content.voice_model, recording],
    ).fetchall()
    statements = [
        Statement(row[0], from_flat(row[2]), as_array(row[3]), row[4] if row[4] is not None else f"#{row[5]}")
        for row in rows
    ]
    placed = place(speakers_of(content.diarization, content.identities), statements)
    by_key = {row[0]: row for row in rows}
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into ingest.placed_decision (decision, run, speaker, name, unknown) "
            "values (%s, %s, %s, %s, %s) on conflict do nothing",
            [
                (by_key[key][1], run, speaker, by_key[key][4], by_key[key][5])
                for key, speakers in placed.speakers.items()
                for speaker in speakers
            ],
        )
        cursor.executemany(
            "update ingest.decided_speaker set open = %s where id = %s",
            [(placed.open.get(key), key) for key in by_key],
        )
    return placed


def _follow_rules(connection: Connection, run: UUID, confused: frozenset[int]) -> None:
    """What was said of a whole voice holds for whoever is taken for it from now on; not for who is several
    people in one."""
    rules = connection.execute(
        "select v.decision, v.was, v.name, v.unknown from ingest.decided_voice v "
        "join ingest.voice_decision d on d.id = v.decision where d.undone_by is null order by v.decision"
    ).fetchall()
    if not rules:
        return
    speakers = connection.execute(
        "select speaker, label from ingest.speaker s where run = %s and not exists "
        "(select from ingest.placed_decision p where p.run = s.run and p.speaker = s.speaker)",
        [run],
    ).fetchall()
    found: list[tuple[Any, ...]] = []
    for speaker, label in speakers:
        called = label
        if speaker in confused:
            continue
        for decision, was, name, unknown in rules:
            if was == called:
                found.append((decision, run, speaker, name, unknown))
                called = name if name is not None else f"unknown #{unknown}"
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into ingest.placed_decision (decision, run, speaker, name, unknown) "
            "values (%s, %s, %s, %s, %s)",
            found,
        )
