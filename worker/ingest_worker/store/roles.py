"""The owner of a store and the group roles of all others: `ingest_writer` for workers, `ingest_reader` for
people.

A database belongs to an owner, roles to the whole server. So the group roles may exist already, made by the
owner of another store or by an administrator, and since Postgres 16 only the role's creator, or a grantee
with the admin option, may add members.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import Final

from psycopg import sql

from ingest_contract.failures import Reason
from ingest_worker.errors import StageError
from ingest_worker.store.connect import Connection, connect
from ingest_worker.store.errors import translated

NO_ROLES: Final = (
    "Nobody but the owner may write or read: the roles ingest_writer and ingest_reader are missing, "
    "and the owner may not make them. As an administrator, ALTER ROLE the owner CREATEROLE, "
    "or CREATE ROLE both and GRANT them to the owner WITH ADMIN OPTION; then do it again."
)

_LOCK_KEY: Final = 0x1D6E57
"""Advisory lock for everything that changes the schema."""

_POSSIBLE: Final = """
    select (select count(*) = 2 from pg_roles where rolname in ('ingest_writer', 'ingest_reader'))
        or (select rolsuper or rolcreaterole from pg_roles where rolname = current_user)
"""


@contextmanager
def owner(dsn: str, application: str) -> Iterator[Connection]:
    """The owner's connection, with the exclusive right to change the schema. The lock belongs to the session,
    so it is released if the process dies."""
    with (
        connect(dsn, application=application, statement_timeout_seconds=0) as connection,
        translated("changing the schema"),
    ):
        connection.execute("select pg_advisory_lock(%s)", [_LOCK_KEY])
        yield connection


def create_roles(dsn: str) -> bool:
    """Create the group roles if they are missing, and grant them what they need; safe to repeat.

    Returns:
        Whether they exist now: an owner without CREATEROLE creates none (`NO_ROLES`).
    """
    with owner(dsn, "roles") as connection:
        if possible := _holds(connection, _POSSIBLE):
            _grant(connection)
        return possible


def grant_writing(dsn: str, login: str) -> None:
    """Let a login role write as workers do: `_join` it to `ingest_writer`."""
    _join(dsn, login, "ingest_writer", "write")


def grant_reading(dsn: str, login: str) -> None:
    """Let a login role read as a reader does: `_join` it to `ingest_reader`."""
    _join(dsn, login, "ingest_reader", "read")


def _join(dsn: str, login: str, group: str, let: str) -> None:
    """Make a login a member of a group that `create_roles` has created. Safe to repeat.

    Raises:
        StageError: `DATABASE_REJECTED`: there is no such login, or this owner may not grant the group.
    """
    with owner(dsn, "roles") as connection:
        if not _holds(connection, "select exists (select from pg_roles where rolname = %s)", login):
            said = (
                f"There is no role {login!r} to let {let}. Make it first: CREATE ROLE ... LOGIN PASSWORD ..."
            )
            raise StageError(Reason.DATABASE_REJECTED, said)
        if _holds(connection, "select pg_has_role(%s, %s, 'member')", login, group):
            return
        if not _holds(connection, "select pg_has_role(%s, 'member with admin option')", group):
            said = (
                f"Somebody else has made {group}. "
                f"As an administrator, GRANT {group} TO {login}; then run this again."
            )
            raise StageError(Reason.DATABASE_REJECTED, said)
        granted = sql.SQL("grant {} to {}").format(sql.Identifier(group), sql.Identifier(login))
        connection.execute(granted)


def grant_again(connection: Connection) -> None:
    """Grant the group roles their rights on new tables, if the roles exist."""
    if _holds(connection, "select exists (select from pg_roles where rolname = 'ingest_writer')") and _holds(
        connection, _POSSIBLE
    ):
        _grant(connection)


def _grant(connection: Connection) -> None:
    with connection.transaction():
        connection.execute(files(__package__).joinpath("grants.sql").read_bytes())


def _holds(connection: Connection, question: str, *values: str) -> bool:
    return connection.execute(question.encode(), values or None).fetchone() == (True,)
