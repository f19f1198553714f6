"""What recordings' own pages said, between one plan and the next.

What holds for everybody is kept for `KEPT_DAYS` and read by every batch. What a page refused, and what will
change, is read by the batch that learned it, for a day: another batch may have other cookies. What was seen
more than a day from now, by a clock of the database that was ahead, is no longer known.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from psycopg.types.json import Jsonb
from pydantic import ValidationError

from ingest_worker.details import Detail
from ingest_worker.store.connect import Connection
from ingest_worker.store.errors import translated
from ingest_worker.store.tombstones import TombstoneKind, forgotten

KEPT_DAYS: Final = 90
"""Lengths and dates do not change; a recording that nobody has asked about for so long is forgotten."""

_OWN_SECONDS: Final = 86_400
"""A day: longer than a plan waits for a site that stops it, and short enough for what changes."""


def recall(connection: Connection, batch: str, ids: Sequence[str]) -> Mapping[str, Detail]:
    """The details of these recordings, as far as a batch may go by them. Raises `StageError`."""
    with translated("asking what pages said"):
        rows = connection.execute(
            "select recording, said from ingest.detail where recording = any(%s) "
            "and seen_at <= now() + make_interval(secs => %s) and case when batch is null "
            "then seen_at > now() - make_interval(days => %s) "
            "else batch = %s and seen_at > now() - make_interval(secs => %s) end",
            [list(ids), _OWN_SECONDS, KEPT_DAYS, batch, _OWN_SECONDS],
        ).fetchall()
    return {name: detail for name, said in rows if (detail := _parsed(said)) is not None}


def remember(connection: Connection, batch: str, details: Mapping[str, Detail]) -> None:
    """Keep details in place of earlier ones. Raises `StageError`."""
    with translated("keeping what pages said"), connection.transaction():
        gone = forgotten(connection, TombstoneKind.RECORDING, [*details])
        connection.execute(
            "delete from ingest.detail where seen_at < now() - make_interval(days => %s) "
            "or seen_at > now() + make_interval(secs => %s)",
            [KEPT_DAYS, _OWN_SECONDS],
        )
        with connection.cursor() as cursor:
            cursor.executemany(
                "insert into ingest.detail (recording, batch, said) values (%s, %s, %s) "
                "on conflict (recording) do update "
                "set batch = excluded.batch, said = excluded.said, seen_at = excluded.seen_at",
                [
                    (
                        name,
                        None if detail.lasts else batch,
                        Jsonb(detail.to_said()),
                    )
                    for name, detail in sorted(
                        details.items()
                    )  # in one order, so that two plans do not deadlock
                    if name not in gone
                ],
            )


def _parsed(said: object) -> Detail | None:
    """None for what another version wrote."""
    try:
        return Detail.from_said(said)
    except ValidationError:
        return None
