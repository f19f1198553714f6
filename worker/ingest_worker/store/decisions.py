"""What people decide about who speaks: named, merged, split, corrected, taken back. Each is one transaction
over the whole corpus, and stays as history.

Called by `ingestctl voices`, as the owner or a member of `ingest_curator`.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from ingest_worker.placing import MOSTLY_SHARE
from ingest_worker.spans import flat, joined, share
from ingest_worker.store.connect import Connection, as_array
from ingest_worker.store.decided import follow
from ingest_worker.store.deciding import (
    Deciding,
    Done,
    Signed,
    allow,
    decided,
    deciding,
    follows,
    insert,
    is_known,
    require_all,
    speakers_called,
)
from ingest_worker.store.enrolled import teach
from ingest_worker.store.errors import translated
from ingest_worker.store.parts import lay_parts
from ingest_worker.store.voice_names import VoiceError, VoiceName
from ingest_worker.store.voices import lock_numbers, new_number


def name(connection: Connection, voice: VoiceName, to: VoiceName, by: Signed) -> Done:
    """This voice has a name, or another name, in every recording and from now on. Raises `VoiceError`,
    `StageError`."""
    if to.name is None:
        raise VoiceError(f"{to.label} is no name. To make two voices one: `ingestctl voices merge`.")
    return _same(connection, "name", (voice,), to, by)


def merge(connection: Connection, kept: VoiceName, others: Sequence[VoiceName], by: Signed) -> Done:
    """The other voices are this one, in every recording and from now on. Raises as `name`."""
    if kept in others:
        raise VoiceError(f"{kept.label} is merged into itself")
    with translated("looking for a voice"):
        if not is_known(connection, kept):
            raise VoiceError(f"there is no voice {kept.label}: `ingestctl voices list` shows those there are")
    return _same(connection, "merge", others, kept, by)


def split(connection: Connection, voice: VoiceName, recordings: Sequence[str], by: Signed) -> Done:
    """In these recordings it is somebody else, who gets a number of their own. Raises as `name`."""
    with deciding(connection, by) as run:
        rows = speakers_called(connection, (voice,), recordings)
        require_all(recordings, rows, voice)
        lock_numbers(connection)
        longest = max(rows, key=lambda row: (row.seconds, row.recording))
        number = new_number(
            connection, longest.recording, longest.speaker, longest.model, as_array(longest.vector)
        )
        to = VoiceName(unknown=number)
        details = {"voice": voice.label, "is": to.label, "recordings": sorted(set(recordings))}
        run.done = decided(run, "split", details, rows, to)
    return run.result()


def correct(connection: Connection, recording: str, was: VoiceName, to: VoiceName, by: Signed) -> Done:
    """In this recording, who was called that is this one. Raises as `name`."""
    with deciding(connection, by) as run:
        rows = speakers_called(connection, (was,), [recording])
        if not rows and speakers_called(connection, (to,), [recording]):
            run.done = Done(None, to.label, notes=(f"it is {to.label} there already",))
            return run.result()
        require_all([recording], rows, was)
        allow(connection, to)
        details = {"recording": recording, "voice": was.label, "is": to.label}
        run.done = decided(run, "correct", details, rows, to)
    return run.result()


def correct_part(
    connection: Connection,
    recording: str,
    span: tuple[float, float],
    was: VoiceName | None,
    to: VoiceName | None,
    by: Signed,
) -> Done:
    """Who speaks in this stretch of a recording is somebody else: `to`, or a new voice without a name.
    Passages move whole: those of which most lies in the stretch, and that were `was`, if that is said.

    Raises:
        VoiceError: there is no such passage, or the stretch is none.
        StageError: as `name`.
    """
    if span[1] <= span[0]:
        raise VoiceError("the stretch ends before it begins")
    with deciding(connection, by) as run:
        row = connection.execute(
            "select current_run from ingest.recording where id = %s", [recording]
        ).fetchone()
        if row is None or row[0] is None:
            raise VoiceError(f"{recording} has no transcript here")
        moved, left = _passages(connection, row[0], span, was)
        label = to.label if to else None
        if moved and all(who == label for _, _, who in moved):
            run.done = Done(None, label or "", notes=(f"it is {label} there already",))
            return run.result()
        if not moved:
            whose = f" of {was.label}" if was else ""
            raise VoiceError(f"no passage{whose} lies there with most of its length")
        run.done = _part_moved(run, (recording, row[0]), span, moved, (was, to), left)
    return run.result()


def _part_moved(
    run: Deciding,
    where: tuple[str, UUID],
    span: tuple[float, float],
    moved: Sequence[tuple[float, float, str | None]],
    who: tuple[VoiceName | None, VoiceName | None],
    left: int,
) -> Done:
    """These passages of (recording, run) are not `who[0]`, but `who[1]` or a stranger."""
    connection, recording, (was, to) = run.connection, where[0], who
    kind = "split" if to is None else "correct"
    if to is None:
        lock_numbers(connection)
        to = VoiceName(unknown=new_number(connection, recording, -1, "none", None))
    allow(connection, to)
    spans = joined((start, end) for start, end, _ in moved)
    details = {"recording": recording, "from": span[0], "to": span[1], "is": to.label}
    details |= {"voice": was.label} if was else {}
    decision = insert(connection, kind, details, run.by)
    connection.execute(
        "insert into ingest.decided_speaker (decision, recording, part, spans, model, name, unknown) "
        "values (%s, %s, true, %s, '', %s, %s)",
        [decision, recording, flat(spans), to.name, to.unknown],
    )
    lay_parts(connection, *where)
    follow(connection, [where[1]])
    teach(connection, sorted({each for _, _, each in moved if each} | {to.label}))
    notes = (f"{left} passages lie there in part and stay whose they are",) if left else ()
    seconds = sum(end - start for start, end in spans)
    return Done(decision, to.label, 1, 1, len(moved), seconds, notes=notes)


def undo(connection: Connection, decision: int, by: Signed) -> Done:
    """Take a decision back: what the runs and the other decisions say holds again. Raises `VoiceError` if
    there is none, or others build on it."""
    with deciding(connection, by) as run:
        row = connection.execute(
            "select kind, undone_by, details from ingest.voice_decision where id = %s for update", [decision]
        ).fetchone()
        if row is None or row[0] == "undo":
            raise VoiceError(f"there is no decision {decision} to take back")
        if row[1] is not None:
            run.done = Done(None, "", notes=(f"decision {decision} was taken back already, by {row[1]}",))
            return run.result()
        if later := _building_on(connection, decision):
            listed = ", ".join(map(str, later))
            raise VoiceError(
                f"decisions {listed} build on {decision}: take them back first, the last one first"
            )
        done = insert(connection, "undo", {"decision": decision, "kind": row[0]}, by)
        connection.execute("update ingest.voice_decision set undone_by = %s where id = %s", [done, decision])
        run.done = _taken_back(connection, decision, done, row[2])
    return run.result()


def _taken_back(connection: Connection, decision: int, done: int, details: dict[str, Any]) -> Done:
    names = connection.execute(
        "select distinct s.name from ingest.placed_decision p "
        "join ingest.speaker s using (run, speaker) where p.decision = %s and s.name is not null",
        [decision],
    ).fetchall()
    affected = connection.execute(
        "select count(distinct (p.run, p.speaker)), count(distinct p.run), coalesce(sum(s.seconds), 0), "
        "array_agg(distinct p.run) from ingest.placed_decision p join ingest.speaker s using (run, speaker) "
        "where p.decision = %s",
        [decision],
    ).fetchone()
    assert affected is not None  # noqa: S101  an aggregate
    parts = connection.execute(
        "select distinct r.id, r.current_run from ingest.decided_speaker a "
        "join ingest.recording r on r.id = a.recording "
        "where a.decision = %s and a.part and r.current_run is not null",
        [decision],
    ).fetchall()
    for recording, of in parts:
        lay_parts(connection, recording, of)
    runs = [*(affected[3] or ()), *(of for _, of in parts)]
    follow(connection, runs)
    connection.execute("delete from ingest.placed_decision where decision = %s", [decision])
    again = connection.execute(
        "select distinct name from ingest.speaker "
        "where run = any(%s) and decision = 'Stated' and name is not null",
        [runs],
    ).fetchall()
    teach(connection, sorted({each for (each,) in (*names, *again)}))
    voice = str(details.get("voice") or ", ".join(details.get("voices", ())))
    return Done(done, voice, affected[1], affected[0], seconds=affected[2])


def _building_on(connection: Connection, decision: int) -> list[int]:
    """Later decisions, not undone, about the same speakers, or about a voice that this one made."""
    rows = connection.execute(
        "select distinct d.id from ingest.placed_decision p "
        "join ingest.placed_decision l using (run, speaker) "
        "join ingest.voice_decision d on d.id = l.decision "
        "where p.decision = %s and l.decision > %s and d.undone_by is null order by d.id",
        [decision, decision],
    )
    return [row[0] for row in rows]


def _same(connection: Connection, kind: str, voices: Sequence[VoiceName], to: VoiceName, by: Signed) -> Done:
    """These voices are this one."""
    with deciding(connection, by) as run:
        voices = tuple(voice for voice in dict.fromkeys(voices) if voice != to)
        allow(connection, to)
        rows = speakers_called(connection, voices, None)
        wanted = [v for v in voices if not follows(connection, v, to)]
        if not wanted and not rows:
            run.done = Done(None, to.label, notes=(f"it is {to.label} already",))
            return run.result()
        for voice in wanted:
            if not is_known(connection, voice):
                raise VoiceError(
                    f"there is no voice {voice.label}: `ingestctl voices list` shows those there are"
                )
        details = {"voices": [voice.label for voice in voices], "is": to.label}
        run.done = decided(run, kind, details, rows, to, rules=voices)
    return run.result()


def _passages(
    connection: Connection, run: UUID, span: tuple[float, float], was: VoiceName | None
) -> tuple[list[tuple[float, float, str | None]], int]:
    """((start, end, label) of the passages that move, how many others the stretch touches)."""
    rows = connection.execute(
        "select g.start_seconds, g.end_seconds, s.label from ingest.segment g "
        "left join ingest.speaker s on s.run = g.run and s.speaker = g.speaker "
        "where g.run = %s and g.start_seconds < %s and g.end_seconds > %s order by g.seq",
        [run, span[1], span[0]],
    ).fetchall()
    whose = [row for row in rows if was is None or row[2] == was.label]
    moved = [row for row in whose if share(((row[0], row[1]),), (span,)) >= MOSTLY_SHARE]
    return moved, len(whose) - len(moved)
