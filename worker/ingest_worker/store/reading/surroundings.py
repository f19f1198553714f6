"""A passage with what is said around it: a short turn means little alone."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg.rows import class_row

from ingest_contract.captions import TranscriptSource
from ingest_worker.store.connect import Connection
from ingest_worker.store.errors import translated

AROUND_SECONDS: Final = 45.0
MAX_SURROUNDING_WORDS: Final = 250
"""45 seconds to both sides and 250 words in all, as OpenTranscribe surrounds its hits (its issue 523)."""

_UNSPACED_CHARACTERS: Final = 8
"""Characters that count as a word where a script puts no spaces between words."""


@dataclass(frozen=True, slots=True)
class Said:
    """One passage of a recording."""

    start: float
    end: float
    speaker: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Surrounded:
    """The passage at a moment of a recording, and its neighbours in order of time."""

    recording: str
    title: str
    url: str
    channel: str | None
    published_at: datetime | None
    language: str
    transcript_source: TranscriptSource
    passage: Said
    before: tuple[Said, ...]
    after: tuple[Said, ...]


_RECORDING: Final = (
    "select v.id, v.title, v.url, v.channel, v.published_at, r.language, r.transcript_source, r.id "
    "from ingest.shown_recording v join ingest.shown_run r on r.id = v.current_run where v.id = %s"
)
_CENTRE: Final = (
    "select seq, start_seconds, end_seconds from ingest.shown_segment where run = %s "
    "order by start_seconds > %s, abs(start_seconds - %s), abs(seq - %s), seq limit 1"
)
_AROUND: Final = """
select s.start_seconds as start, s.end_seconds as end, p.label as speaker, s.text
  from ingest.shown_segment s left join ingest.shown_speaker p on p.run = s.run and p.speaker = s.speaker
 where s.run = %(run)s and s.seq {} %(seq)s and s.end_seconds >= %(from)s and s.start_seconds <= %(to)s
 order by s.seq
"""


def surrounded(
    connection: Connection,
    recording: str,
    at: float,
    *,
    around_seconds: float = AROUND_SECONDS,
    seq: int = 0,
) -> Surrounded | None:
    """The passage that is said at `at` seconds, or began last before it, with its surroundings; None if the
    recording has no transcript or nobody says anything in it. Of several that begin at once it is the one
    next to place `seq` of the run."""
    with translated("reading a passage"), connection.transaction():
        connection.execute("set transaction isolation level repeatable read, read only")
        found = connection.execute(_RECORDING, [recording]).fetchone()
        if found is None:
            return None
        *about, run = found
        place = connection.execute(_CENTRE, [run, at + _ROUNDED_SECONDS, at, seq]).fetchone()
        if place is None:
            return None
        centre, start, end = place
        values = {"run": run, "seq": centre, "from": start - around_seconds, "to": end + around_seconds}
        with connection.cursor(row_factory=class_row(Said)) as cursor:
            before, (passage,), after = (
                tuple(cursor.execute(_AROUND.format(sign).encode(), values)) for sign in ("<", "=", ">")
            )
    recording_id, title, url, channel, published_at, language, source = about
    kept_before, kept_after = _bounded(before, passage, after)
    return Surrounded(
        recording_id, title, url, channel, published_at, language, TranscriptSource(source), passage,
        kept_before, kept_after,
    )  # fmt: skip


_ROUNDED_SECONDS: Final = 0.001
"""Times are given out with three decimals, so a passage may begin this much after the time that names it."""


def words_in(text: str) -> int:
    """Words of a text, also where nothing separates them."""
    return max(len(text.split()), len(text) // _UNSPACED_CHARACTERS)


def _bounded(
    before: Sequence[Said], passage: Said, after: Sequence[Said]
) -> tuple[tuple[Said, ...], tuple[Said, ...]]:
    """The neighbours, nearest first from both sides in turn, while all of it has at most
    `MAX_SURROUNDING_WORDS`. A side ends with the first passage that is too long: no gaps."""
    left = MAX_SURROUNDING_WORDS - words_in(passage.text)
    sides = (deque(reversed(before)), deque(after))
    kept: tuple[list[Said], list[Said]] = ([], [])
    while any(sides):
        for side, taken in zip(sides, kept, strict=True):
            if not side:
                continue
            if (size := words_in(side[0].text)) > left:
                side.clear()
                continue
            left -= size
            taken.append(side.popleft())
    return tuple(reversed(kept[0])), tuple(kept[1])
