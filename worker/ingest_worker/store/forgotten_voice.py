"""Removes a voice from every recording, from history and from what is compared. Called by `forgetting`."""

from collections import Counter
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from psycopg import sql
from psycopg.types.json import Jsonb

from ingest_contract.stages import Stage
from ingest_worker.codec import FORMAT_VERSION, decode_spoken, encode_spoken
from ingest_worker.domain import Segment
from ingest_worker.placing import PARTLY_SHARE
from ingest_worker.spans import Spans, from_flat, share
from ingest_worker.sparing import drop_words
from ingest_worker.store.connect import Connection
from ingest_worker.store.deciding import Signed
from ingest_worker.store.tombstones import TombstoneKind, bury
from ingest_worker.store.voice_names import VoiceName
from ingest_worker.store.voices import new_number

FORGOTTEN: Final = "(forgotten)"


class Passages(StrEnum):
    """What becomes of what a forgotten voice has said."""

    KEEP = "keep"
    """It stays, said by a stranger of that recording."""
    REMOVE = "remove"
    """It goes: passages, their vectors, words and turns."""


_SPEAKERS: Final = """
select s.run, r.id, s.speaker, coalesce(t.spans, '{}') from ingest.speaker s
  join ingest.recording r on r.current_run = s.run
  left join lateral (
    select array_agg(x order by seq, i) as spans
      from ingest.turn t, unnest(array[t.start_seconds, t.end_seconds]) with ordinality as u(x, i)
     where t.run = s.run and t.speaker = s.speaker) t on true
 where s.label = %s order by r.id, s.speaker
"""


def forget_speakers(
    connection: Connection, voice: VoiceName, passages: Passages, by: Signed, counts: Counter[str]
) -> list[str]:
    """The voice's speakers in current runs. Returns their recordings."""
    rows = connection.execute(_SPEAKERS, [voice.label]).fetchall()
    recordings = sorted({recording for _, recording, _, _ in rows})
    _forget_numbers(connection, voice, [(run, speaker) for run, _, speaker, _ in rows])
    for run, recording, speaker, times in rows:
        spans = from_flat(times)
        _forget_anchors(connection, recording, spans)
        cut = passages is Passages.REMOVE
        bury(connection, TombstoneKind.CUT if cut else TombstoneKind.PART, recording, by.who, by.why, spans)
        if cut:
            _cut(connection, run, speaker, spans, counts)
        _anonymous(connection, recording, run, speaker)
        counts["speaker"] += 1
    stages = None if passages is Passages.REMOVE else [Stage.DIARIZE.value, Stage.IDENTIFY.value]
    counts["artifact"] += connection.execute(
        "delete from ingest.artifact where recording = any(%s) and (%s::text[] is null or stage = any(%s))",
        [recordings, stages, stages],
    ).rowcount
    return recordings


def _anonymous(connection: Connection, recording: str, run: UUID, speaker: int) -> None:
    """A stranger with a number of this recording's own and no vector: whoever looks for the voice finds no
    two of its recordings by it."""
    del recording
    number = new_number(connection, "", -1, "none", None)
    connection.execute("delete from ingest.placed_decision where run = %s and speaker = %s", [run, speaker])
    connection.execute(
        "update ingest.speaker set decision = 'NoVector', name = null, unknown = %s, score = null, "
        "runner_up = null, runner_up_score = null, voice = null, decided_by = null, judged = null, "
        "judged_name = null, judged_unknown = null, made_by = null, evidence = null "
        "where run = %s and speaker = %s",
        [number, run, speaker],
    )
    # What is laid over the run again would undo this: from now on the run is what it is now.
    connection.execute("delete from ingest.judged_turn where run = %s", [run])


def _forget_numbers(connection: Connection, voice: VoiceName, rows: list[tuple[UUID, int]]) -> None:
    """The numbers that the voice has or had, by runs and by decisions, are compared with nobody again."""
    runs, speakers = [run for run, _ in rows], [speaker for _, speaker in rows]
    found = connection.execute(
        "select distinct number from (select s.judged_unknown as number "
        "from unnest(%s::uuid[], %s::int[]) w(run, speaker) join ingest.speaker s using (run, speaker) "
        "union all select substring(v.was from '#([0-9]+)')::int from ingest.decided_voice v "
        "where coalesce(v.name, 'unknown #' || v.unknown) = %s and v.was like 'unknown #%%' "
        "union all select %s::int) known where number is not null",
        [runs, speakers, voice.label, voice.unknown],
    ).fetchall()
    numbers = [number for (number,) in found]
    connection.execute(
        "update ingest.unknown_voice set vector = null, model = 'none', first_recording = '', "
        "first_speaker = -1 where number = any(%s)",
        [numbers],
    )
    connection.execute("delete from ingest.unknown_vector where number = any(%s)", [numbers])


def _forget_anchors(connection: Connection, recording: str, spans: Spans) -> None:
    """What was decided about these times of a recording: the voice in it goes."""
    rows = connection.execute(
        "select id, spans from ingest.decided_speaker where recording = %s", [recording]
    ).fetchall()
    about = [anchor for anchor, times in rows if share(from_flat(times), spans) >= PARTLY_SHARE]
    connection.execute("delete from ingest.decided_speaker where id = any(%s)", [about])


def _cut(connection: Connection, run: UUID, speaker: int, spans: Spans, counts: Counter[str]) -> None:
    """Passages, vectors, words and turns of one speaker."""
    gone = connection.execute("delete from ingest.segment where run = %s and speaker = %s", [run, speaker])
    counts["segment"] += gone.rowcount
    counts["turn"] += connection.execute(
        "delete from ingest.turn where run = %s and speaker = %s", [run, speaker]
    ).rowcount
    row = connection.execute(
        "select w.format, w.content, r.language from ingest.words w join ingest.run r on r.id = w.run "
        "where w.run = %s",
        [run],
    ).fetchone()
    rows = connection.execute(
        "select id, start_seconds, end_seconds, speaker, text, first_word, end_word from ingest.segment "
        "where run = %s order by seq",
        [run],
    ).fetchall()
    if row is None:
        return
    segments = [Segment(start, end, who, text, (a, b)) for _, start, end, who, text, a, b in rows]
    heard = tuple(decode_spoken(bytes(row[1]), language=row[2]))
    words, moved = drop_words(heard, segments, spans, {speaker})
    connection.execute(
        "update ingest.words set format = %s, content = %b where run = %s",
        [FORMAT_VERSION, encode_spoken(words), run],
    )
    with connection.cursor() as cursor:
        cursor.executemany(
            "update ingest.segment set first_word = %s, end_word = %s where id = %s",
            [(*each.words, old[0]) for each, old in zip(moved, rows, strict=True)],
        )


def scrub_names(connection: Connection, voice: VoiceName, by: Signed, counts: Counter[str]) -> None:
    """The name wherever else it is: enrolments, scores of others, decisions and their history."""
    label = voice.label
    counts["decided_voice"] += connection.execute(
        "delete from ingest.decided_voice where was = %s or coalesce(name, 'unknown #' || unknown) = %s",
        [label, label],
    ).rowcount
    counts["decided_speaker"] += connection.execute(
        "delete from ingest.decided_speaker where coalesce(name, 'unknown #' || unknown) = %s", [label]
    ).rowcount
    _scrub_history(connection, label, counts)
    if voice.name is not None:
        _scrub_name(connection, voice.name, by, counts)
    for table in [table for table, number in counts.items() if not number]:
        del counts[table]


def _scrub_name(connection: Connection, name: str, by: Signed, counts: Counter[str]) -> None:
    counts["enrolment"] += connection.execute(
        "delete from ingest.enrolment where voice = %s", [name]
    ).rowcount
    connection.execute(
        "update ingest.speaker set runner_up = null, runner_up_score = null where runner_up = %s", [name]
    )
    connection.execute(  # seconds that this voice won of others
        "update ingest.speaker set evidence = null where evidence @> jsonb_build_object('won', "
        "jsonb_build_array(jsonb_build_object('voice', %s::text)))",
        [name],
    )
    for run, speaker in connection.execute(
        "select run, speaker from ingest.speaker where judged_name = %s", [name]
    ).fetchall():
        number = new_number(connection, "", -1, "none", None)
        connection.execute(
            "update ingest.speaker set judged = 'Unknown', judged_name = null, judged_unknown = %s, "
            "score = null where run = %s and speaker = %s",
            [number, run, speaker],
        )
    connection.execute("delete from ingest.placed_decision where name = %s", [name])
    # Scores of every recording name the voices they are of, in a form that no statement can look into. They
    # are made again from turns and vectors, without audio.
    connection.execute("delete from ingest.artifact where stage = %s", [Stage.IDENTIFY.value])
    if counts:
        bury(connection, TombstoneKind.VOICE, name, by.who, by.why)


def _scrub_history(connection: Connection, label: str, counts: Counter[str]) -> None:
    rows: list[tuple[int, dict[str, Any]]] = connection.execute(
        "select id, details from ingest.voice_decision where details ->> 'voice' = %s "
        "or details ->> 'is' = %s or details -> 'voices' ? %s",
        [label, label, label],
    ).fetchall()
    for decision, details in rows:
        for key in ("voice", "is"):
            if details.get(key) == label:
                details[key] = FORGOTTEN
        if "voices" in details:
            details["voices"] = [FORGOTTEN if each == label else each for each in details["voices"]]
        connection.execute(
            sql.SQL("update ingest.voice_decision set details = %s, why = '' where id = %s"),
            [Jsonb(details), decision],
        )
    counts["voice_decision"] += len(rows)
