"""What is said around a passage: a short turn means little alone."""

from collections.abc import Sequence
from itertools import groupby
from typing import Final

from ingest_worker.store.connect import Connection
from ingest_worker.store.errors import translated
from ingest_worker.store.searching.values import Neighbour

AROUND_SECONDS: Final = 45.0
AROUND_WORDS: Final = 250
"""Both as OpenTranscribe has them (its issue 523)."""

_AROUND: Final = """
select f.id, s.id, s.seq, p.label, s.start_seconds, s.end_seconds, s.text
  from ingest.shown_segment f
  join ingest.shown_segment s on s.run = f.run and s.start_seconds < f.end_seconds + %(seconds)s
                             and s.end_seconds > f.start_seconds - %(seconds)s
  left join ingest.shown_speaker p on p.run = s.run and p.speaker = s.speaker
 where f.id = any(%(segments)s)
 order by f.id, s.seq
"""


def surroundings(
    connection: Connection,
    segments: Sequence[int],
    seconds: float = AROUND_SECONDS,
    words: int = AROUND_WORDS,
) -> dict[int, tuple[Neighbour, ...]]:
    """The passages around each, in their order and itself among them: as far as `seconds` before and after,
    and at most `words` words, the nearest first. A passage that is not stored any more has no entry.

    Raises `StageError` if the store cannot be read.
    """
    with translated("reading what is said around a passage"):
        rows = connection.execute(_AROUND, {"segments": list(segments), "seconds": seconds}).fetchall()
    return {
        number: _nearest(number, [Neighbour(*row[1:]) for row in found], words)
        for number, found in groupby(rows, key=lambda row: int(row[0]))
    }


def _nearest(number: int, found: Sequence[Neighbour], words: int) -> tuple[Neighbour, ...]:
    """Whole passages, from the one in the middle outwards to both sides, as long as there is room."""
    middle = next(i for i, each in enumerate(found) if each.segment == number)
    first, last = middle, middle
    room = words - _size(found[middle])
    grows = True
    while grows:
        grows = False
        if first > 0 and _size(found[first - 1]) <= room:
            first, grows = first - 1, True
            room -= _size(found[first])
        if last + 1 < len(found) and _size(found[last + 1]) <= room:
            last, grows = last + 1, True
            room -= _size(found[last])
    return tuple(found[first : last + 1])


def _size(passage: Neighbour) -> int:
    """Words; in scripts without spaces about two characters are one."""
    return max(len(passage.text.split()), len(passage.text) // 12)
