"""Connections that can only read, shared by the requests of a service.

Twice secured: sessions are read only, and they act as `ingest_reader`, which has rights to views alone, where
the login may. A login that may not take that role keeps its own rights, and `writable` says what they are.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final, Literal, Self

from psycopg_pool import ConnectionPool

from ingest_worker.store.connect import DEFAULTS, Connection, parsed
from ingest_worker.store.errors import translated
from ingest_worker.store.schema import check

READER_ROLE: Final = "ingest_reader"

STATEMENT_TIMEOUT_SECONDS: Final = 15
"""A page that takes longer is given up: its reader has left."""

MAX_CONNECTIONS: Final = 8
"""Postgres' own default is a hundred for everybody, and workers hold one each. Requests wait for one of
these; eight keep four cores busy."""

WAIT_SECONDS: Final = 30
"""How long a request waits for a connection before it fails."""

_SESSION: Final = (
    "select set_config('default_transaction_read_only', 'on', false), "
    "set_config('statement_timeout', %s, false), set_config('TimeZone', 'UTC', false), "
    "set_config('idle_in_transaction_session_timeout', %s, false)"
)
_MAY_BE_READER: Final = (
    "select pg_has_role(current_user, oid, 'member') from pg_roles where rolname = 'ingest_reader'"
)
_WRITABLE: Final = """
select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where n.nspname = 'ingest' and c.relkind in ('r', 'v')
   and has_table_privilege({}, c.oid, 'insert, update, delete, truncate')
 order by 1
"""


class ReadingPool:
    """A pool of read-only connections; a context manager, which closes them."""

    def __init__(self, dsn: str, *, size: int = MAX_CONNECTIONS) -> None:
        parameters: dict[str, Any] = {
            **DEFAULTS,
            "application_name": "video-ingest reader",
            **parsed(dsn),
            "autocommit": True,
            "prepare_threshold": None,
        }
        self._pool = _pool(parameters, 1, size)
        self._aside = _pool(parameters, 0, 1)
        """For `check_schema`: made when it is first asked, and closed when nobody has for a while."""

    def __enter__(self) -> Self:
        self._pool.open()
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.close()
        self._aside.close()

    @contextmanager
    def connection(self, *, aside: bool = False) -> Iterator[Connection]:
        """One connection, for as long as the block lasts: `aside`, one beside those that questions share.
        Raises `StageError(DATABASE_UNAVAILABLE)` if none becomes free, or none can be made."""
        with ExitStack() as stack:
            with translated("waiting for a connection"):
                if aside:
                    self._aside.open()
                connection = stack.enter_context((self._aside if aside else self._pool).connection())
            yield connection

    def check_schema(self) -> None:
        """Raises `StageError(SCHEMA_MISMATCH)` for a store that is not this version's. By a connection beside
        the others, all of which slow questions may have for longer than a probe waits."""
        with self.connection(aside=True) as connection:
            self._check(connection)

    def _check(self, connection: Connection) -> None:
        check(connection)


def _pool(parameters: dict[str, Any], fewest: int, most: int) -> ConnectionPool:
    return ConnectionPool(
        "",
        kwargs=parameters,
        min_size=fewest,
        max_size=most,
        timeout=WAIT_SECONDS,
        open=False,
        configure=only_read,
        check=ConnectionPool.check_connection,
    )


def only_read(connection: Connection) -> None:
    """Make a session unable to write: read only, as `ingest_reader` where the login may be it."""
    milliseconds = f"{STATEMENT_TIMEOUT_SECONDS * 1000}"
    connection.execute(_SESSION, [milliseconds, milliseconds])
    if connection.execute(_MAY_BE_READER).fetchone() == (True,):
        connection.execute(f"set role {READER_ROLE}".encode())


def writable(
    connection: Connection, role: Literal["current_user", "session_user"] = "current_user"
) -> tuple[str, ...]:
    """The tables and views that this session's role (or its login, `session_user`) could write if its
    transactions were not read only; none for a role that only reads."""
    with translated("looking at rights"):
        return tuple(row[0] for row in connection.execute(_WRITABLE.format(role).encode()))
