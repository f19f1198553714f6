"""Marks of what was forgotten and must not come back. A mark holds a digest and no name: it tells who asks
about something whether it was forgotten, and nothing to who does not know it already."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from ingest_contract.text import composed, legible, spellings
from ingest_worker.spans import Spans, flat, from_flat, joined
from ingest_worker.store.connect import Connection
from ingest_worker.store.errors import translated

FORGOTTEN_ID: Final = "forgotten:"
"""How the id begins that stands in frozen plans for a recording which was forgotten since."""


class TombstoneKind(StrEnum):
    """What was forgotten."""

    RECORDING = "recording"
    CHANNEL = "channel"
    VOICE = "voice"
    PART = "part"
    """Passages of a recording whose voice was; they stay."""
    CUT = "cut"
    """Passages of a recording that went with their voice."""


@dataclass(frozen=True, slots=True)
class Tombstone:
    """One mark."""

    kind: str
    key: str
    made_at: datetime
    who: str
    why: str


def key_of(kind: TombstoneKind, what: str) -> str:
    """The digest of a thing: of a name or channel without regard to case, spaces and normal form."""
    named = kind in (TombstoneKind.VOICE, TombstoneKind.CHANNEL)
    return _digest(kind, composed(legible(what)).casefold() if named else what)


def _keys_of(kind: TombstoneKind, what: str) -> list[str]:
    """Every digest under which a thing may be marked: marks of before were made of a name as it came."""
    if kind not in (TombstoneKind.VOICE, TombstoneKind.CHANNEL):
        return [key_of(kind, what)]
    return [_digest(kind, each.casefold()) for each in spellings(legible(what))]


def _digest(kind: TombstoneKind, plain: str) -> str:
    return hashlib.sha256(f"{kind.value}:{plain}".encode()).hexdigest()


def bury(
    connection: Connection, kind: TombstoneKind, what: str, who: str, why: str, spans: Spans = ()
) -> None:
    """Leave a mark, or add these times to one that is there."""
    key = key_of(kind, what)
    row = connection.execute(
        "select spans from ingest.tombstone where kind = %s and key = %s", [kind.value, key]
    ).fetchone()
    whole = joined((*spans, *(from_flat(row[0]) if row else ())))
    connection.execute(
        "insert into ingest.tombstone (kind, key, made_at, who, why, spans) "
        "values (%s, %s, date_trunc('day', now()), %s, %s, %s) "
        "on conflict (kind, key) do update set spans = excluded.spans",
        [kind.value, key, who, why, flat(whole)],
    )


def lift(connection: Connection, kind: TombstoneKind, what: str) -> bool:
    """Remove a mark: from now on it may come again. Returns whether there was one."""
    with translated("lifting a tombstone"):
        done = connection.execute(
            "delete from ingest.tombstone where kind = %s and key = any(%s)",
            [kind.value, _keys_of(kind, what)],
        )
    return done.rowcount > 0


def tombstones(connection: Connection) -> tuple[Tombstone, ...]:
    """Every mark, the newest first."""
    with translated("reading tombstones"):
        rows = connection.execute(
            "select kind, key, made_at, who, why from ingest.tombstone order by made_at desc, kind, key"
        )
        return tuple(Tombstone(*row) for row in rows)


def is_forgotten_voice(connection: Connection, name: str) -> bool:
    """Whether a voice of this name was forgotten."""
    return _buried(connection, [(TombstoneKind.VOICE, name)])


def is_forgotten(connection: Connection, recording: str, channel: str | None) -> bool:
    """Whether a recording was forgotten, by itself or with its channel."""
    if recording.startswith(FORGOTTEN_ID):  # in a plan that was made before
        return True
    asked = [(TombstoneKind.RECORDING, recording)]
    return _buried(connection, asked + ([(TombstoneKind.CHANNEL, channel)] if channel else []))


def _buried(connection: Connection, things: Iterable[tuple[TombstoneKind, str]]) -> bool:
    keys = [key for kind, what in things for key in _keys_of(kind, what)]
    with translated("asking what was forgotten"):
        asked = "select exists (select from ingest.tombstone where key = any(%s))"
        return connection.execute(asked, [keys]).fetchone() == (True,)


def forgotten(connection: Connection, kind: TombstoneKind, things: Sequence[str]) -> frozenset[str]:
    """Those of these that were forgotten."""
    keys = {each: _keys_of(kind, each) for each in things}
    asked = sorted({key for some in keys.values() for key in some})
    with translated("asking what was forgotten"):
        rows = connection.execute("select key from ingest.tombstone where key = any(%s)", [asked])
        found = {row[0] for row in rows}
    return frozenset(each for each, some in keys.items() if not found.isdisjoint(some))


def spans_forgotten(connection: Connection, kind: TombstoneKind, recording: str) -> Spans:
    """When, in a recording, somebody speaks whose voice was forgotten."""
    row = connection.execute(
        "select spans from ingest.tombstone where kind = %s and key = %s",
        [kind.value, key_of(kind, recording)],
    ).fetchone()
    return from_flat(row[0]) if row else ()
