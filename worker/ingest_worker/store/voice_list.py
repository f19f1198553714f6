"""The voices of a corpus: who speaks how long in how many recordings, where to listen, and what people have
decided. Reads tables: vectors of voices are personal data, and no reader may see them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg.rows import class_row

from ingest_worker.store.connect import Connection, use_vectors
from ingest_worker.store.errors import translated
from ingest_worker.store.voice_names import VoiceError, VoiceName


@dataclass(frozen=True, slots=True)
class VoiceRow:
    """One voice of the corpus."""

    voice: str
    """The name, or `unknown #7`."""
    named: bool
    seconds: float
    """Of speech, in current transcripts."""
    recordings: int
    open: int
    """Decisions about this voice that the current runs leave undecided."""
    nearest: str | None
    """The named voice that is most like this one; None for a named one, or if nothing can be compared."""
    likeness: float | None
    """Cosine to that one."""
    recording: str
    """Where to listen: its longest turn."""
    title: str
    url: str
    start: float


@dataclass(frozen=True, slots=True)
class Appearance:
    """One voice in one recording."""

    recording: str
    title: str
    url: str
    speaker: int
    seconds: float
    start: float
    decision: str
    score: float | None
    threshold: float
    run_says: str | None
    """What the run had decided, where a person decides otherwise."""


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """A decision of a person."""

    decision: int
    made_at: datetime
    who: str
    why: str
    kind: str
    details: Mapping[str, Any]
    undone_by: int | None


@dataclass(frozen=True, slots=True)
class OpenRow:
    """A decision that the current run of a recording leaves undecided."""

    decision: int
    recording: str
    voice: str
    seconds: float
    why: str


@dataclass(frozen=True, slots=True)
class VoiceDetails:
    """Everything about one voice."""

    voice: str
    seconds: float
    appearances: tuple[Appearance, ...]
    decisions: tuple[DecisionRow, ...]
    open: tuple[OpenRow, ...]
    enrolments: int


_LIST: Final = """
with spoken as (
  select s.label, s.name, s.run, s.speaker, s.seconds, r.id, r.title, r.url
    from ingest.speaker s join ingest.recording r on r.current_run = s.run
), sums as (
  select label, bool_or(name is not null) as named, sum(seconds) as seconds, count(distinct id) as recordings
    from spoken group by label
), best as (
  select distinct on (label) * from spoken order by label, seconds desc, id, speaker
), undecided as (
  select coalesce(a.name, 'unknown #' || a.unknown) as label, count(*) as open
    from ingest.decided_speaker a join ingest.voice_decision d on d.id = a.decision
   where d.undone_by is null and a.open is not null group by 1
), listed as (
  select coalesce(v.label, o.label) as voice, coalesce(v.named, o.label not like 'unknown #%%') as named,
         coalesce(v.seconds, 0) as seconds, coalesce(v.recordings, 0) as recordings,
         coalesce(o.open, 0) as open
    from sums v full join undecided o on o.label = v.label
   where case when %(which)s = 'all' then true else coalesce(v.named, false) = (%(which)s = 'named') end
     and coalesce(v.seconds, 0) >= %(seconds)s
   order by 3 desc, 1
   limit %(limit)s
)
select v.voice, v.named, v.seconds, v.recordings, v.open,
       n.nearest, n.likeness,
       coalesce(b.id, '') as recording, coalesce(b.title, '') as title, coalesce(b.url, '') as url,
       coalesce((select t.start_seconds from ingest.turn t where t.run = b.run and t.speaker = b.speaker
                  order by t.end_seconds - t.start_seconds desc, t.seq limit 1), 0) as start
  from listed v left join best b on b.label = v.voice
  left join ingest.nearest_voices(array(select voice from listed where not named)) n on n.label = v.voice
 order by v.seconds desc, v.voice
"""

_APPEARANCES: Final = """
select r.id as recording, r.title, r.url, s.speaker, s.seconds,
       coalesce((select t.start_seconds from ingest.turn t where t.run = s.run and t.speaker = s.speaker
                  order by t.end_seconds - t.start_seconds desc, t.seq limit 1), 0) as start,
       s.decision, s.score, s.threshold,
       case when s.judged is not null and s.made_by is null
            then coalesce(s.judged_name, 'unknown #' || s.judged_unknown) end as run_says
  from ingest.speaker s join ingest.recording r on r.current_run = s.run
 where s.label = %s order by s.seconds desc, r.id, s.speaker
"""

_ABOUT: Final = """
select d.id as decision, d.made_at, d.who, d.why, d.kind, d.details, d.undone_by from ingest.voice_decision d
 where %(label)s::text is null
    or exists (select from ingest.decided_voice v where v.decision = d.id and
               (v.was = %(label)s or coalesce(v.name, 'unknown #' || v.unknown) = %(label)s))
    or exists (select from ingest.decided_speaker a where a.decision = d.id and
               coalesce(a.name, 'unknown #' || a.unknown) = %(label)s)
    or d.details ->> 'voice' = %(label)s
 order by d.id
"""


def voices(
    connection: Connection, which: str = "all", min_seconds: float = 0.0, limit: int = 1_000_000
) -> tuple[VoiceRow, ...]:
    """The voices, who speaks most first. `which`: `all`, `named` or `unknown`."""
    with translated("listing voices"), connection.cursor(row_factory=class_row(VoiceRow)) as cursor:
        asked = {"which": which, "seconds": min_seconds, "limit": limit}
        return tuple(cursor.execute(_LIST, asked))


def voice_details(connection: Connection, voice: VoiceName) -> VoiceDetails:
    """Everything about one voice. Raises `VoiceError` if nobody was ever called so."""
    with translated("looking at a voice"), connection.transaction():
        use_vectors(connection)
        with connection.cursor(row_factory=class_row(Appearance)) as cursor:
            found = tuple(cursor.execute(_APPEARANCES, [voice.label]))
        decided = decisions(connection, voice)
        row = connection.execute(
            "select count(*) from ingest.enrolment where voice = %s and vector is not null", [voice.name]
        ).fetchone()
        unplaced = _open(connection, voice)
    enrolments = row[0] if row else 0
    if not (found or decided or enrolments):
        raise VoiceError(f"there is no voice {voice.label}: `ingestctl voices list` shows those there are")
    return VoiceDetails(
        voice.label, sum(each.seconds for each in found), found, decided, unplaced, enrolments
    )


def decisions(connection: Connection, voice: VoiceName | None = None) -> tuple[DecisionRow, ...]:
    """What people have decided, in order; of one voice, or all."""
    with translated("reading decisions"), connection.cursor(row_factory=class_row(DecisionRow)) as cursor:
        return tuple(cursor.execute(_ABOUT, {"label": voice.label if voice else None}))


def _open(connection: Connection, voice: VoiceName) -> tuple[OpenRow, ...]:
    with connection.cursor(row_factory=class_row(OpenRow)) as cursor:
        return tuple(
            cursor.execute(
                "select a.decision, a.recording, coalesce(a.name, 'unknown #' || a.unknown) as voice, "
                "(select coalesce(sum(a.spans[i + 1] - a.spans[i]), 0) "
                "from generate_series(1, cardinality(a.spans), 2) i) as seconds, a.open as why "
                "from ingest.decided_speaker a join ingest.voice_decision d on d.id = a.decision "
                "where d.undone_by is null and a.open is not null "
                "and coalesce(a.name, 'unknown #' || a.unknown) = %s order by a.decision, a.recording",
                [voice.label],
            )
        )
