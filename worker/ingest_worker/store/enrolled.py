"""Teaches what people have decided: the voices of speakers that a person has named become enrolments, which
hold for every namespace and are matched by every later run."""

from collections.abc import Sequence
from typing import Final

from ingest_worker.hashes import voice_hash
from ingest_worker.store.connect import Connection
from ingest_worker.store.enrolment import PEOPLE

MAX_SOURCES: Final = 16
"""Recordings that one voice is enrolled from: as many as a profile may name. Those with most speech."""

MIN_SECONDS: Final = 10.0
"""Seconds of speech that a recording must have to teach a voice, as asked of those in a profile."""

_OF_PERSONS: Final = """
select name, recording, speaker, voice_model, voice, seconds, run from (
  select s.name, r.id as recording, s.speaker, s.voice_model, s.voice, s.seconds, s.run::text as run,
         row_number() over (partition by s.name, s.voice_model
                            order by s.seconds desc, r.id, s.speaker) as place
    from ingest.speaker s join ingest.recording r on r.current_run = s.run
   where s.decision = 'Stated' and s.name = any(%s) and s.voice is not null and s.made_by is null
     and s.seconds >= %s
     and not exists (select from ingest.judged_segment j join ingest.segment g on g.id = j.segment
                      where g.run = s.run and j.speaker = s.speaker)) stated
 where place <= %s and (%s::text is null or recording = %s)
"""


def teach(connection: Connection, names: Sequence[str], recording: str | None = None) -> int:
    """Make the enrolments of these voices what people's decisions say now. Returns how many there are.

    A speaker of whom a part was given to somebody else teaches nothing: its vector is of both. Neither does
    who spoke for less than `MIN_SECONDS`.

    Args:
        connection: inside the transaction of the decision.
        names: the voices.
        recording: only what this one teaches, which is added; None for everything, which is replaced.
    """
    if not names:
        return 0
    if recording is None:
        connection.execute(
            "delete from ingest.enrolment where owner = %s and voice = any(%s)", [PEOPLE, list(names)]
        )
    rows = connection.execute(
        _OF_PERSONS, [list(names), MIN_SECONDS, MAX_SOURCES, recording, recording]
    ).fetchall()
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into ingest.enrolment (owner, voice, source, model, vector, seconds, content) "
            "values (%s, %s, %s, %s, %s, %s, %s) on conflict (owner, voice, source, model) "
            "do update set vector = excluded.vector, seconds = excluded.seconds, content = excluded.content, "
            "heard_at = excluded.heard_at",
            [
                (PEOPLE, name, f"recording:{of}?speaker={speaker}", voice_hash(model), voice, seconds, run)
                for name, of, speaker, model, voice, seconds, run in rows
            ],
        )
    return len(rows)
