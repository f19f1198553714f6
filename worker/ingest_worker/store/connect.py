"""Connections to the store: the same time limits everywhere, and never a password in a message."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
import psycopg
from pgvector import Vector
from pgvector.psycopg import register_vector
from psycopg.conninfo import conninfo_to_dict

from ingest_contract.failures import Reason
from ingest_worker.domain import FloatArray
from ingest_worker.errors import StageError
from ingest_worker.store.errors import translated

Connection = psycopg.Connection[tuple[Any, ...]]

DEFAULTS: Final = {
    "connect_timeout": 10,
    # Without keepalives, a worker behind a NAT or a dead node waits for two hours (Linux
    # `tcp_keepalive_time`). 30 + 3 x 10 s detects it within a lease.
    "keepalives": 1,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
}
"""Default libpq parameters; the address's own parameters win."""

STATEMENT_TIMEOUT_SECONDS: Final = 300
"""The longest statement of a worker is the COPY of a recording's vectors into an HNSW index: 10,000 vectors
of dimension 1,024 took 50 s on two busy cores, of dimension 384 30 s, and a recording of twelve hours has a
third of that."""


@contextmanager
def connect(
    dsn: str, *, application: str, statement_timeout_seconds: int = STATEMENT_TIMEOUT_SECONDS
) -> Iterator[Connection]:
    """An autocommitting connection, closed at the end: transactions are opened only by
    `connection.transaction()`.

    Args:
        dsn: libpq address, as `postgresql://...` or `key=value ...`.
        application: shown in `pg_stat_activity` behind `video-ingest `.
        statement_timeout_seconds: 0 means no limit.

    Raises:
        StageError: `DatabaseUnavailable`; `OrderInvalid` for an invalid address.
    """
    parameters: dict[str, Any] = {
        **DEFAULTS,
        "application_name": f"video-ingest {application}",
        **parsed(dsn),
    }
    with translated(f"connecting to {redacted(dsn)}"):
        # Transaction-pooling proxies such as PgBouncer lose prepared statements; no statement here runs often
        # enough to need them.
        connection = psycopg.connect(**parameters, autocommit=True, prepare_threshold=None)
    try:
        with translated("setting up a connection"):
            connection.execute(
                "select set_config('statement_timeout', %s, false), set_config('TimeZone', 'UTC', false)",
                [f"{statement_timeout_seconds}s"],
            )
        yield connection
    finally:
        connection.close()


def use_vectors(connection: Connection) -> None:
    """Register pgvector's types on a connection, which asks the server for them once.
    Raises `StageError(SCHEMA_MISMATCH)` if the extension is not installed."""
    if connection.adapters.types.get("halfvec") is not None:
        return
    try:
        register_vector(connection)
    except psycopg.ProgrammingError as error:  # pgvector-python's own "vector type not found"
        raise StageError(
            Reason.SCHEMA_MISMATCH, "The database has no pgvector extension. Run the migration."
        ) from error


def as_array(vector: Vector | None) -> FloatArray | None:
    """A stored vector, (dimension,)."""
    return None if vector is None else vector.to_numpy().astype(np.float32)


def redacted(dsn: str) -> str:
    """`user@host:port/database` of an address, for messages: anything else in it may be a secret."""
    parts = parsed(dsn)
    user = f"{parts['user']}@" if "user" in parts else ""
    host, port = parts.get("host", "localhost"), parts.get("port", "5432")
    return f"{user}{host}:{port}/{parts.get('dbname', '')}"


def parsed(dsn: str) -> dict[str, Any]:
    """The parameters of an address. Raises `StageError(ORDER_INVALID)`, without the address in it."""
    try:
        return dict(conninfo_to_dict(dsn))
    except psycopg.ProgrammingError:
        # Not chained: libpq quotes the part that it could not parse, which may be the password.
        raise StageError(
            Reason.ORDER_INVALID,
            "The store's address is not a libpq DSN (postgresql://user@host:port/database).",
        ) from None
