"""A real Postgres for tests: one server per session, one migrated template in it, and a clone of the template per test.

A conftest imports the fixtures it wants: `from tests.support.postgres import database`. However many do, there is one server.
"""

import atexit
import functools
import itertools
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

DIMENSION = 8
"""Of the test vectors: small, so that a test can write them down."""
TEMPLATE = "template_of_tests"

_numbers = itertools.count(1)


@functools.cache
def server() -> str:
    """The address of the session's server, which ends with the process."""
    folder = Path(tempfile.mkdtemp(prefix="ingest-pg-"))
    open_until_exit = ExitStack()
    atexit.register(open_until_exit.close)
    open_until_exit.callback(shutil.rmtree, folder, ignore_errors=True)
    dsn = open_until_exit.enter_context(embedded(folder))
    with connect(dsn, application="tests") as connection:
        # Durability is Postgres' own business and not what these tests ask about; a clone takes a third of the time without it.
        connection.execute("alter system set fsync = off")
        connection.execute("select pg_reload_conf()")
    return dsn


@functools.cache
def template() -> str:
    """The name of a database with the schema, the roles and one dimension."""
    with connect(server(), application="tests") as connection:
        connection.execute(f"create database {TEMPLATE}")
    dsn = make_conninfo(server(), dbname=TEMPLATE)
    migrate(dsn)
    create_roles(dsn)
    ensure_dimension(dsn, DIMENSION)
    return TEMPLATE


def fresh(like: str) -> Iterator[str]:
    """The address of a new database, a clone of another, dropped afterwards with whoever is still in it."""
    name = sql.Identifier(f"test_{next(_numbers)}")
    with connect(server(), application="tests") as connection:
        connection.execute(sql.SQL("create database {} template {}").format(name, sql.Identifier(like)))
        yield make_conninfo(server(), dbname=name.as_string().strip('"'))
        connection.execute(sql.SQL("drop database {} with (force)").format(name))


@pytest.fixture
def database() -> Iterator[str]:
    """The address of a migrated database of the test's own, as its owner."""
    yield from fresh(template())


@pytest.fixture
def empty_database() -> Iterator[str]:
    """The address of a database without a schema."""
    yield from fresh("template0")
