"""Addresses that let somebody in, kept where only workers read, for as long as they are needed to fetch a
recording.

A plan keeps them (`keep`), the run that fetches asks for its own (`address_of`), and its commit lets it go.
Everything else knows the recording by its address without credentials (docs/decisions/0015).
"""

from collections.abc import Mapping
from typing import Final

from ingest_worker.store.connect import Connection
from ingest_worker.store.errors import translated

KEPT_DAYS: Final = 90
"""After which a row of a batch that nobody goes on with is gone: longer than any batch runs."""


def keep(connection: Connection, batch: str, addresses: Mapping[str, str]) -> None:
    """Keep a plan's addresses, by recording. Raises `StageError`, as every statement."""
    with translated("keeping addresses"), connection.transaction():
        connection.execute(
            "delete from ingest.address where kept_at < now() - make_interval(days => %s)", [KEPT_DAYS]
        )
        with connection.cursor() as cursor:
            cursor.executemany(
                "insert into ingest.address (batch, video, url) values (%s, %s, %s)"
                " on conflict (batch, video) do update set url = excluded.url, kept_at = excluded.kept_at",
                [(batch, video, url) for video, url in addresses.items()],
            )


def address_of(connection: Connection, batch: str, video: str) -> str | None:
    """The address to fetch a recording from, where it is not the one that everybody may see."""
    with translated("asking for an address"):
        row = connection.execute(
            "select url from ingest.address where batch = %s and video = %s", [batch, video]
        ).fetchone()
    return None if row is None else row[0]


def let_go(connection: Connection, batch: str, video: str) -> None:
    """Forget one batch's address of a recording: another one's may let in where this did not. In the
    transaction that makes it needless."""
    connection.execute("delete from ingest.address where batch = %s and video = %s", [batch, video])
