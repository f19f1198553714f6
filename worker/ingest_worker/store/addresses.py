"""Addresses with credentials, kept where only workers can read them, for as long as they are needed to fetch
a recording.

A plan stores them (`keep`), the run that fetches reads its own (`address_of`), and its commit deletes it.
Everything else has the recording's address without credentials (docs/decisions/0015).
"""

from collections.abc import Mapping
from typing import Final

from ingest_worker.store.connect import Connection
from ingest_worker.store.errors import translated

KEPT_DAYS: Final = 90
"""Days after which the row of an abandoned batch is deleted: longer than any batch runs."""


def keep(connection: Connection, batch: str, addresses: Mapping[str, str]) -> None:
    """Keep a plan's addresses, by recording. Raises `StageError`, like every statement."""
    with translated("keeping addresses"), connection.transaction():
        connection.execute(
            "delete from ingest.address where kept_at < now() - make_interval(days => %s)", [KEPT_DAYS]
        )
        with connection.cursor() as cursor:
            cursor.executemany(
                "insert into ingest.address (batch, recording, url) values (%s, %s, %s) "
                "on conflict (batch, recording) do update set url = excluded.url, kept_at = excluded.kept_at",
                [(batch, recording, url) for recording, url in addresses.items()],
            )


def address_of(connection: Connection, batch: str, recording: str) -> str | None:
    """The address to fetch a recording from, if it differs from the public one."""
    with translated("asking for an address"):
        row = connection.execute(
            "select url from ingest.address where batch = %s and recording = %s", [batch, recording]
        ).fetchone()
    return None if row is None else row[0]


def let_go(connection: Connection, batch: str, recording: str) -> None:
    """Delete one batch's address of a recording, in the transaction that makes it unnecessary. Other batches'
    addresses stay: their credentials may work where this one's did not."""
    connection.execute("delete from ingest.address where batch = %s and recording = %s", [batch, recording])
