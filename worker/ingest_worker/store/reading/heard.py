"""Who speaks in the corpus: how long, in how many recordings, and where to listen. From views: nothing of a
voice's vector is seen here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg.rows import class_row

from ingest_worker.store.connect import Connection
from ingest_worker.store.errors import translated
from ingest_worker.store.reading.cursors import CursorError, read, written


@dataclass(frozen=True, slots=True)
class SpeakerSums:
    """One speaker of the corpus."""

    speaker: str
    """The name, or `unknown #7`."""
    named: bool
    seconds: float
    recordings: int
    recording: str
    """Where to listen: the longest turn where this speaker speaks most."""
    title: str
    url: str
    start: float


@dataclass(frozen=True, slots=True)
class Nearest:
    """The named voice that one without a name is most like."""

    label: str
    """`unknown #7`."""
    nearest: str
    """The name."""
    likeness: float
    """Cosine of the two, where each speaks longest."""
    threshold: float
    """From which on a run would have given a name, by its settings."""


@dataclass(frozen=True, slots=True)
class HeardIn:
    """One speaker in one recording."""

    recording: str
    title: str
    url: str
    published_at: datetime | None
    seconds: float
    start: float
    """Of the longest turn."""
    decision: str
    score: float | None
    threshold: float


_SPEAKERS: Final = """
with spoken as (
  select s.label, s.name, s.run, s.speaker, s.seconds, r.id, r.title, r.url
    from ingest.shown_speaker s join ingest.shown_recording r on r.current_run = s.run
   where (%(label)s::text is null or s.label = %(label)s)
     and (%(batch)s::text is null
      or exists (select from ingest.shown_run b where b.id = s.run and b.batch = %(batch)s
                    and (%(trace_id)s::text is null or b.trace_id = %(trace_id)s)))
), sums as (
  select label, bool_or(name is not null) as named, sum(seconds) as seconds, count(distinct id) as recordings
    from spoken group by label
), page as (
  select * from sums
   where (%(named)s::boolean is null or named = %(named)s)
     and (%(part)s::text is null
          or strpos(lower(normalize(label, nfkc)), lower(normalize(%(part)s, nfkc))) > 0)
     and (%(after)s::float8 is null or seconds < %(after)s or (seconds = %(after)s and label > %(last)s))
   order by seconds desc, label limit %(limit)s
)
select v.label as speaker, v.named, v.seconds, v.recordings, b.id as recording, b.title, b.url,
       coalesce((select t.start_seconds from ingest.shown_turn t where t.run = b.run and t.speaker = b.speaker
                  order by t.end_seconds - t.start_seconds desc, t.seq limit 1), 0) as start
  from page v
  cross join lateral (
    select * from spoken where spoken.label = v.label order by seconds desc, id, speaker limit 1) b
 order by v.seconds desc, v.label
"""

_APPEARANCES: Final = """
select r.id as recording, r.title, r.url, r.published_at, s.seconds,
       coalesce((select t.start_seconds from ingest.shown_turn t where t.run = s.run and t.speaker = s.speaker
                  order by t.end_seconds - t.start_seconds desc, t.seq limit 1), 0) as start,
       s.decision, s.score, s.threshold
  from ingest.shown_speaker s join ingest.shown_recording r on r.current_run = s.run
 where s.label = %s order by s.seconds desc, r.id, s.speaker limit %s
"""


@dataclass(frozen=True, slots=True)
class SpeakersAsked:
    """Which speakers, and where to begin."""

    limit: int
    cursor: str | None = None
    named: bool | None = None
    part: str | None = None
    """A part of the name, in any case."""
    label: str | None = None
    """This one alone."""
    batch: str | None = None
    """Only in what this batch ingested, `NAMESPACE/NAME`."""
    trace_id: str | None = None
    """Of the batch: only in what this life of it ingested, as in `RunsAsked`."""


def heard_speakers(
    connection: Connection, asked: SpeakersAsked
) -> tuple[tuple[SpeakerSums, ...], str | None]:
    """Speakers, who speaks most first, and the next page's cursor. Raises `CursorError`."""
    after, last = _place(asked.cursor)
    values = {
        "named": asked.named,
        "part": asked.part,
        "label": asked.label,
        "batch": asked.batch,
        "trace_id": asked.trace_id,
        "after": after,
        "last": last,
        "limit": asked.limit + 1,
    }
    with translated("listing speakers"), connection.cursor(row_factory=class_row(SpeakerSums)) as cursor:
        rows = cursor.execute(_SPEAKERS, values).fetchall()
    kept = tuple(rows[: asked.limit])
    more = len(rows) > asked.limit
    return kept, written(kept[-1].seconds, kept[-1].speaker) if more else None


def heard_in(connection: Connection, label: str, limit: int) -> tuple[HeardIn, ...]:
    """Where one speaker speaks, most first; none if nobody is called so."""
    with translated("looking at a speaker"), connection.cursor(row_factory=class_row(HeardIn)) as cursor:
        return tuple(cursor.execute(_APPEARANCES, [label, limit]))


def nearest_voices(connection: Connection, labels: Sequence[str]) -> tuple[Nearest, ...]:
    """Of voices without a name, the named one that each is most like; none where nothing can be compared."""
    with translated("comparing voices"), connection.cursor(row_factory=class_row(Nearest)) as cursor:
        return tuple(cursor.execute("select * from ingest.nearest_voices(%s)", [list(labels)]))


def _place(cursor: str | None) -> tuple[float | None, str]:
    if cursor is None:
        return None, ""
    after, label = read(cursor, float, str)
    if not isinstance(after, float | int) or not isinstance(label, str):
        raise CursorError("the cursor is of another list")
    return float(after), label
