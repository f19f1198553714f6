"""Translates Postgres' errors into `StageError`. Every other file of the store runs its statements inside
`translated`; nothing else catches psycopg's errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
from psycopg import errors

from ingest_contract.failures import Reason
from ingest_worker.errors import StageError

_OTHER_SCHEMA = (
    errors.UndefinedTable,
    errors.UndefinedColumn,
    errors.UndefinedFunction,
    errors.UndefinedObject,
    errors.InvalidSchemaName,
)
"""Errors of a statement that names something the database does not have:
another version's schema, or none."""

_NOT_WRITABLE = (
    errors.ReadOnlySqlTransaction,
    errors.IdleInTransactionSessionTimeout,
    errors.IdleSessionTimeout,
)
"""A standby after a failover, or a server's timeout.
psycopg maps these to InternalError; they pass within a minute."""


_BEYOND_LIMITS = (errors.ProgramLimitExceeded, errors.StatementTooComplex)
"""Rows that no Postgres takes, such as a text too long for its words to be indexed. psycopg calls them
OperationalError, but they never pass."""


_BUSY: Final = "Next: see what else it does (pg_stat_activity)."


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn psycopg's errors into `StageError`, chained. `doing` completes "Postgres ... while <doing>".

    Class 40 (deadlock, serialization), 53 (resources), 57 (shutdown) and lost connections are
    `OperationalError` in psycopg, and mean "not now" (https://www.psycopg.org/psycopg3/docs/api/errors.html).
    So is a statement that was ended by its time limit: the database is there, and has a reason of its own.
    The rest, and of those class 54 (limits), is about our rows or our rights: Rejected.
    """
    try:
        yield
    except _OTHER_SCHEMA as error:
        raise StageError(
            Reason.SCHEMA_MISMATCH, f"Postgres has another schema, seen while {doing}: {_primary(error)}."
        ) from error
    except _BEYOND_LIMITS as error:
        raise _rejected(doing, error) from error
    except errors.QueryCanceled as error:
        said = f"Postgres did not finish while {doing}: {_primary(error)}."
        raise StageError(Reason.DATABASE_TOO_SLOW, f"{said} {_BUSY}") from error
    except (psycopg.OperationalError, psycopg.InterfaceError, *_NOT_WRITABLE) as error:
        raise StageError(
            Reason.DATABASE_UNAVAILABLE, f"Postgres failed while {doing}: {_primary(error)}."
        ) from error
    except psycopg.Error as error:
        raise _rejected(doing, error) from error


def _rejected(doing: str, error: psycopg.Error) -> StageError:
    said = f"Postgres refused while {doing}: {_primary(error)}.{_place(error)}"
    return StageError(Reason.DATABASE_REJECTED, said)


def _primary(error: psycopg.Error) -> str:
    """The first line, without the detail, which quotes rows."""
    text = error.diag.message_primary or str(error) or type(error).__name__
    return text.splitlines()[0].rstrip(". ")


def _place(error: psycopg.Error) -> str:
    """The table and constraint, if Postgres names them."""
    named = [
        ("constraint", error.diag.constraint_name),
        ("table", error.diag.table_name),
        ("column", error.diag.column_name),
    ]
    names = ", ".join(f"{kind} {name}" for kind, name in named if name)
    return f" ({names})" if names else ""
