"""Addresses, limits, and what is said when something is wrong with them."""

import pytest

from ingest_contract.failures import Reason
from ingest_worker.errors import StageError
from ingest_worker.store.connect import Connection, connect, redacted, use_vectors
from ingest_worker.store.errors import translated


@pytest.mark.parametrize(
    ("dsn", "shown"),
    [
        ("postgresql://me:s3cret@db.example:5433/corpus?sslmode=require", "me@db.example:5433/corpus"),
        ("host=db.example dbname=corpus password=s3cret", "db.example:5432/corpus"),
        ("", "localhost:5432/"),
    ],
)
def test_a_message_shows_where_the_store_is_and_no_secret(dsn: str, shown: str) -> None:
    assert redacted(dsn) == shown


def test_an_address_that_cannot_be_read_is_not_repeated() -> None:
    with pytest.raises(StageError) as caught, connect("postgresqI//me:s3cret@db", application="tests"):
        pass
    assert caught.value.reason is Reason.ORDER_INVALID
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_server_that_is_not_there_is_unavailable() -> None:
    with (
        pytest.raises(StageError, match=r"connecting to me@127\.0\.0\.1:1/corpus") as caught,
        connect("postgresql://me:s3cret@127.0.0.1:1/corpus", application="tests"),
    ):
        pass
    assert caught.value.reason is Reason.DATABASE_UNAVAILABLE
    assert "s3cret" not in str(caught.value)


@pytest.mark.postgres
def test_a_connection_says_who_it_is_and_gives_up_on_a_statement_that_takes_too_long(database: str) -> None:
    with connect(database, application="tests", statement_timeout_seconds=1) as connection:
        assert connection.execute("show application_name").fetchone() == ("video-ingest tests",)
        with pytest.raises(StageError, match=r"statement timeout\. Next: ") as caught, translated("waiting"):
            connection.execute("select pg_sleep(30)")
    assert caught.value.reason is Reason.DATABASE_TOO_SLOW


@pytest.mark.postgres
def test_a_role_that_the_server_does_not_know_is_reported(database: str) -> None:
    with (
        pytest.raises(StageError, match='role "nobody" does not exist') as caught,
        connect(f"{database} user=nobody", application="tests"),
    ):
        pass
    assert caught.value.reason is Reason.DATABASE_UNAVAILABLE


@pytest.mark.postgres
def test_a_database_without_pgvector_wants_the_migration(empty_database: str) -> None:
    said = r"no pgvector extension\. Run the migration"
    with (
        connect(empty_database, application="tests") as connection,
        pytest.raises(StageError, match=said) as caught,
    ):
        use_vectors(connection)
    assert caught.value.reason is Reason.SCHEMA_MISMATCH


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("statement", "reason", "told"),
    [
        ("select nothing from ingest.nowhere", Reason.SCHEMA_MISMATCH, "ingest.nowhere"),
        ("select nothing from ingest.recording", Reason.SCHEMA_MISMATCH, "nothing"),
        ("select ingest.nothing()", Reason.SCHEMA_MISMATCH, "nothing"),
        (
            "insert into ingest.recording (id, url) values ('NO', '')",
            Reason.DATABASE_REJECTED,
            "constraint recording_id_check, table recording",
        ),
        ("insert into ingest.recording (id) values ('a:b')", Reason.DATABASE_REJECTED, "column url"),
        ("select 1 / 0", Reason.DATABASE_REJECTED, "division by zero"),
        (
            "select to_tsvector('simple', string_agg(md5(i::text), ' ')) from generate_series(1, 40000) i",
            Reason.DATABASE_REJECTED,
            "too long for tsvector",
        ),
        (
            "select pg_terminate_backend(pg_backend_pid())",
            Reason.DATABASE_UNAVAILABLE,
            "terminating connection",
        ),
    ],
)
def test_an_error_of_postgres_gets_a_reason_and_keeps_its_words(
    connection: Connection, statement: str, reason: Reason, told: str
) -> None:
    with pytest.raises(StageError, match=told) as caught, translated("asking"):
        connection.execute(statement.encode())
    assert caught.value.reason is reason
    assert caught.value.__cause__ is not None


@pytest.mark.postgres
def test_a_standby_or_read_only_server_is_not_the_rows_fault(connection: Connection) -> None:
    connection.execute("set default_transaction_read_only = on")
    with pytest.raises(StageError, match="read-only transaction") as caught, translated("writing"):
        connection.execute("delete from ingest.claim")
    assert caught.value.reason is Reason.DATABASE_UNAVAILABLE


@pytest.mark.postgres
def test_a_row_that_is_refused_is_not_quoted(connection: Connection) -> None:
    connection.execute("insert into ingest.recording (id, url) values ('a:private', 'u')")
    with pytest.raises(StageError) as caught, translated("writing"):
        connection.execute("insert into ingest.recording (id, url) values ('a:private', 'u')")
    assert "private" not in str(caught.value)
