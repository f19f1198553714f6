"""A real Postgres for tests: one server per run, one migrated template in it, and a clone of the template per
test.

A plugin of `tests/conftest.py`.
"""

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from ingest_worker.store.connect import connect
from ingest_worker.store.embedded import embedded
from ingest_worker.store.roles import create_roles
from ingest_worker.store.schema import ensure_dimension, migrate
from testkit.shared_servers import reach

DIMENSION = 8
"""Of the test vectors: small, so that a test can write them down."""
TEMPLATE = "template_of_tests"

_numbers = itertools.count(1)


def started(ends: ExitStack) -> str:
    """The address of a server. Asked for by all through `server()`."""
    folder = Path(tempfile.mkdtemp(prefix="ingest-pg-"))
    ends.callback(shutil.rmtree, folder, ignore_errors=True)
    dsn = ends.enter_context(embedded(folder))
    with connect(dsn, application="tests") as connection:
        # Durability is Postgres' own business and not what these tests ask about; a clone takes a third of
        # the time without it.
        connection.execute("alter system set fsync = off")
        connection.execute("select pg_reload_conf()")
    return dsn


def with_template() -> str:
    """The name of a database with the schema, the roles and one dimension. Made when it is first asked for:
    roles are a whole server's."""
    with connect(server(), application="tests") as connection:
        connection.execute(f"create database {TEMPLATE}")
    dsn = make_conninfo(server(), dbname=TEMPLATE)
    migrate(dsn)
    create_roles(dsn)
    ensure_dimension(dsn, DIMENSION)
    return TEMPLATE


def server() -> str:
    """The address of this run's server, as its administrator."""
    return str(reach("postgres"))


def fresh(like: str | None = None) -> Iterator[str]:
    """The address of a new database, a clone of the template or of another, dropped afterwards with whoever
    is still in it."""
    name = sql.Identifier(f"test_{os.getpid()}_{next(_numbers)}")
    dsn = server()
    with connect(dsn, application="tests") as connection:
        connection.execute(
            sql.SQL("create database {} template {}").format(
                name, sql.Identifier(like or reach("postgres template"))
            )
        )
        yield make_conninfo(dsn, dbname=name.as_string().strip('"'))
        connection.execute(sql.SQL("drop database {} with (force)").format(name))


@pytest.fixture
def database() -> Iterator[str]:
    """The address of a migrated database of the test's own, as its owner."""
    yield from fresh()


@pytest.fixture
def empty_database() -> Iterator[str]:
    """The address of a database without a schema."""
    yield from fresh("template0")
