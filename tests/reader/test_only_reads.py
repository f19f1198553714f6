"""A reader can write nothing and sees nothing but what it must, whoever it logs in as."""

from collections.abc import Callable, Iterator
from uuid import uuid4

import psycopg
import pytest
from psycopg import errors, sql
from psycopg.conninfo import make_conninfo

from ingest_contract.failures import Reason
from ingest_worker.errors import StageError
from ingest_worker.store.connect import Connection, connect
from ingest_worker.store.reading.heard import nearest_voices
from ingest_worker.store.reading.pool import ReadingPool, writable
from tests.worker.store.makers import content, store

refused = pytest.raises
pytestmark = pytest.mark.postgres


@pytest.fixture
def member(database: str, connection: Connection) -> Iterator[Callable[[str], str]]:
    """The address of a login that is a member of one group and of nothing else."""
    made: list[sql.Identifier] = []

    def address(group: str) -> str:
        name = f"test_{uuid4().hex}"
        made.append(sql.Identifier(name))
        statement = sql.SQL("create role {} login in role {}")
        connection.execute(statement.format(made[-1], sql.Identifier(group)))
        return make_conninfo(database, user=name)

    yield address
    for role in made:
        connection.execute(sql.SQL("drop role {}").format(role))


@pytest.fixture
def login(member: Callable[[str], str]) -> str:
    return member("ingest_reader")


TABLES = (
    "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname = 'ingest' "
    "union select format('%I.%I', schemaname, viewname) from pg_views "
    "where schemaname in ('ingest', 'public')"
)


def names(connection: Connection) -> list[str]:
    return [row[0] for row in connection.execute(TABLES)]


def test_no_table_and_no_view_takes_a_write_even_where_transactions_may(
    login: str, connection: Connection
) -> None:
    tables = names(connection)
    assert len(tables) > 20
    with connect(login, application="tests") as reader:
        for table in tables:
            for statement in ("insert into {} default values", "delete from {}", "truncate {}"):
                with refused(psycopg.Error):
                    reader.execute(statement.format(table).encode())


def test_an_owners_login_reads_as_the_reader_and_writes_nothing(database: str) -> None:
    with connect(database, application="tests") as owner:
        store(owner, content("said"))
        tables = names(owner)
    with ReadingPool(database) as pool, pool.connection() as connection:
        assert connection.execute("select current_user").fetchone() == ("ingest_reader",)
        assert writable(connection) == ()
        for table in tables:
            with pytest.raises(psycopg.Error):
                connection.execute(b"delete from " + table.encode())
        with pytest.raises(errors.ReadOnlySqlTransaction):
            connection.execute("create table public.mine (a int)")


def test_a_login_that_is_not_a_reader_is_warned_what_it_could_write_and_still_cannot(
    member: Callable[[str], str],
) -> None:
    with ReadingPool(member("ingest_writer")) as pool, pool.connection() as reader:
        assert "ingest.segment" in writable(reader)
        with pytest.raises(errors.ReadOnlySqlTransaction):
            reader.execute("delete from ingest.segment")


@pytest.mark.parametrize("table", ["speaker", "unknown_voice", "address", "artifact", "enrolment", "claim"])
def test_voices_addresses_and_artifacts_are_out_of_sight(login: str, table: str) -> None:
    with ReadingPool(login) as pool, pool.connection() as reader, refused(errors.InsufficientPrivilege):
        reader.execute(b"select * from ingest." + table.encode())


@pytest.mark.parametrize("group", ["ingest_reader", "ingest_writer", "ingest_curator"])
def test_likeness_is_for_every_group_that_reads_the_rest(member: Callable[[str], str], group: str) -> None:
    with ReadingPool(member(group)) as pool, pool.connection() as reader:
        assert nearest_voices(reader, ["unknown #1"]) == ()


def test_likeness_is_not_for_whoever_may_connect_and_never_of_all_voices_at_once(
    database: str, connection: Connection
) -> None:
    with pytest.raises(errors.UndefinedFunction):
        connection.execute("select * from ingest.nearest_voices()")
    name = sql.Identifier(f"test_{uuid4().hex}")
    connection.execute(sql.SQL("create role {} login").format(name))
    connection.execute(sql.SQL("grant usage on schema ingest to {}").format(name))
    with (
        connect(make_conninfo(database, user=name.as_string().strip('"')), application="tests") as other,
        refused(errors.InsufficientPrivilege),
    ):
        other.execute("select * from ingest.nearest_voices('{}')")
    connection.execute(sql.SQL("drop owned by {}").format(name))
    connection.execute(sql.SQL("drop role {}").format(name))


def test_a_statement_that_never_ends_is_ended(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest_worker.store.reading.pool.STATEMENT_TIMEOUT_SECONDS", 0.05)
    with ReadingPool(database) as pool, pool.connection() as connection, refused(errors.QueryCanceled):
        connection.execute("select pg_sleep(60)")


def test_a_store_that_is_not_there_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest_worker.store.reading.pool.WAIT_SECONDS", 0.2)
    with ReadingPool("host=127.0.0.1 port=1 dbname=none") as pool, refused(StageError) as told:
        pool.check_schema()
    assert told.value.reason is Reason.DATABASE_UNAVAILABLE


def test_questions_that_have_every_connection_keep_no_reader_from_being_ready(
    database: str,
) -> None:
    with ReadingPool(database, size=1) as pool, pool.connection() as one:
        one.execute("select 1")
        pool.check_schema()
        pool.check_schema()
        rows = one.execute(
            "select count(*) from pg_stat_activity where application_name = 'video-ingest reader' "
            "and datname = current_database()"
        )
        assert rows.fetchone() == (2,), "one connection beside the others, kept"
