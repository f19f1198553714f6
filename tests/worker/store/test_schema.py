"""Migrations, versions and rights."""

import hashlib
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from ingest_contract.failures import Reason
from ingest_contract.stages import Stage
from ingest_worker.errors import StageError
from ingest_worker.store import artifacts, reads, schema
from ingest_worker.store.claims import claim, release, renew
from ingest_worker.store.commit import record_outcome
from ingest_worker.store.connect import Connection, connect
from ingest_worker.store.records import FinalEnd
from ingest_worker.store.search import Query, search
from testkit.cluster.program import until
from testkit.postgres import DIMENSION
from tests.worker.store.makers import MODEL, a_recording, a_run, content, named, store, unit, unknown

pytestmark = pytest.mark.postgres


def as_role(dsn: str, role: str) -> str:
    """The address of somebody who logs in as a member of a group role and nothing more."""
    with connect(dsn, application="tests") as owner:
        if not owner.execute("select 1 from pg_roles where rolname = %s", [f"some_{role}"]).fetchone():
            owner.execute(f"create role some_{role} login in role {role}")
    return make_conninfo(dsn, user=f"some_{role}")


def test_a_migration_applies_once_and_the_second_one_finds_nothing_to_do(empty_database: str) -> None:
    assert schema.migrate(empty_database) == tuple(migration.name for migration in schema.migrations())
    assert schema.migrate(empty_database) == ()
    with connect(empty_database, application="tests") as connection:
        schema.check(connection)
        applied = connection.execute(
            "select version, checksum from ingest.schema_version order by version"
        ).fetchall()
    assert applied == [(m.version, hashlib.sha256(m.text.encode()).hexdigest()) for m in schema.migrations()]
    assert schema.expected_version() == applied[-1][0]


def test_no_two_migrations_have_one_number() -> None:
    numbers = [migration.version for migration in schema.migrations()]
    assert numbers == sorted(set(numbers))


def test_a_database_without_a_schema_is_refused_with_the_next_step(empty_database: str) -> None:
    with connect(empty_database, application="tests") as connection, pytest.raises(StageError) as caught:
        schema.check(connection)
    assert caught.value.reason is Reason.SCHEMA_MISMATCH


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            "update ingest.schema_version set checksum = 'another' where version = 1",
            "0001_videos.sql was applied with another text",
        ),
        (
            "insert into ingest.schema_version values (99, '0099_later.sql', 'x')",
            "version 99, newer than this program's",
        ),
    ],
)
def test_another_versions_schema_is_refused_by_migration_and_worker(
    database: str, connection: Connection, change: str, told: str
) -> None:
    connection.execute(change)
    for look in (lambda: schema.migrate(database), lambda: schema.check(connection)):
        with pytest.raises(StageError, match=told) as caught:
            look()
        assert caught.value.reason is Reason.SCHEMA_MISMATCH


def test_an_older_schema_is_refused_by_the_worker(connection: Connection) -> None:
    connection.execute("delete from ingest.schema_version where version = %s", [schema.expected_version()])
    with pytest.raises(StageError, match="Run the migration"):
        schema.check(connection)


def test_a_schema_that_lacks_a_migration_below_its_newest_is_refused_by_the_worker(
    connection: Connection,
) -> None:
    connection.execute("delete from ingest.schema_version where version = 3")
    with pytest.raises(StageError, match=r"it lacks 0003_views\.sql"):
        schema.check(connection)


def test_a_migration_that_fails_leaves_the_version_before_it(
    empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, *_ = schema.migrations()
    broken = replace(second, text="create table ingest.half (id int); select no_such_function()")
    monkeypatch.setattr(schema, "migrations", lambda: (first, broken))
    with pytest.raises(StageError, match="no_such_function"):
        schema.migrate(empty_database)
    with connect(empty_database, application="tests") as connection:
        assert connection.execute("select version from ingest.schema_version").fetchall() == [(1,)]
        assert connection.execute("select to_regclass('ingest.half')").fetchone() == (None,)


STORED_BY_AN_EARLIER_VERSION = """
insert into ingest.video (id, url) values ('test:one', 'https://media.example/one');
insert into ingest.run (id, video, batch, trace_id, try, pipeline_hash, started_at, finished_at, seconds,
  media_seconds, language, models, figures)
values ('00000000-0000-0000-0000-000000000001', 'test:one', 'default/talks', 'trace', 1, 'hash', now(), now(),
  1, 1, 'ja', '{}', '{}');
insert into ingest.segment (run, seq, start_seconds, end_seconds, text, first_word, end_word, language)
values ('00000000-0000-0000-0000-000000000001', 0, 0, 1, '東京は大きい Foo™', 0, 1, 'ja');
update ingest.video set current_run = '00000000-0000-0000-0000-000000000001';
"""


def at_version_before(number: str, database: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """Bring a database to the version before a migration; returns how many it has."""
    before = tuple(migration for migration in schema.migrations() if migration.name < number)
    with monkeypatch.context() as old:
        old.setattr(schema, "migrations", lambda: before)
        old.setattr(schema, "grant_again", lambda _: None)  # today's grants name today's views
        schema.migrate(database)
    return len(before)


def until_it_waits_for(connection: Connection, table: str) -> None:
    """Return once a migration waits for a lock on this table."""
    asked = (
        "select exists (select from pg_locks where not granted and relation = to_regclass(%s)"
        " and mode = 'AccessExclusiveLock')"
    )
    until(
        lambda: connection.execute(asked, [table]).fetchone() == (True,), f"it waits for {table}", every=0.01
    )


def test_a_worker_of_the_version_before_ends_what_it_has_begun_before_anything_changes(
    empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_version_before("0007", empty_database, monkeypatch)
    with (
        connect(empty_database, application="old worker") as worker,
        connect(empty_database, application="tests") as watching,
        ThreadPoolExecutor(1) as pool,
    ):
        with worker.transaction():
            worker.execute("select from ingest.claim for update")  # as every commit of a worker begins
            migrated = pool.submit(schema.migrate, empty_database)
            until_it_waits_for(watching, "ingest.claim")
            worker.execute(STORED_BY_AN_EARLIER_VERSION)
        assert migrated.result()[0] == "0007_recordings.sql"
        assert watching.execute("select id from ingest.recording").fetchall() == [("test:one",)]


def test_a_migration_that_meets_a_deadlock_is_applied_again(
    empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_version_before("0007", empty_database, monkeypatch)
    with (
        connect(empty_database, application="reader") as reader,
        connect(empty_database, application="tests") as watching,
        ThreadPoolExecutor(1) as pool,
    ):
        with reader.transaction():
            reader.execute("set local deadlock_timeout = '60s'")  # the migration is who is told
            reader.execute("select from ingest.run")
            migrated = pool.submit(schema.migrate, empty_database)
            until_it_waits_for(watching, "ingest.run")
            reader.execute("select from ingest.video")
        assert migrated.result()[0] == "0007_recordings.sql"


def test_what_an_earlier_version_stored_is_found_by_todays_words(
    empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = at_version_before("0004", empty_database, monkeypatch)
    with connect(empty_database, application="tests") as connection:
        connection.execute(STORED_BY_AN_EARLIER_VERSION)
        assert schema.migrate(empty_database) == tuple(
            migration.name for migration in schema.migrations()[before:]
        )
        schema.ensure_dimension(empty_database, DIMENSION)
        connection.execute(
            "insert into ingest.embedding_model (model, dimension) values (%s, %s)", [MODEL, DIMENSION]
        )
        connection.execute(
            f"insert into ingest.embeddings_{DIMENSION} (segment, model, vector)"  # noqa: S608  our own number
            " select s.id, m.id, %s::halfvec from ingest.segment s, ingest.embedding_model m",
            [str(unit(1).tolist())],
        )
        for asked in ("東京", "Foo"):
            assert search(connection, Query(asked, unit(1), MODEL)).hits[0].matched == (asked,)


def test_a_database_that_cannot_write_every_language_is_refused(empty_database: str) -> None:
    with connect(empty_database, application="tests") as connection:
        connection.execute(
            "create database latin encoding 'LATIN1' locale_provider libc locale 'C' template template0"
        )
    try:
        with pytest.raises(StageError, match="encoded in LATIN1") as caught:
            schema.migrate(make_conninfo(empty_database, dbname="latin"))
        assert caught.value.reason is Reason.SCHEMA_MISMATCH
    finally:
        with connect(empty_database, application="tests") as connection:
            connection.execute("drop database latin")


@pytest.mark.parametrize("dimension", [0, 4001])
def test_a_dimension_that_no_index_takes_is_refused(database: str, dimension: int) -> None:
    with pytest.raises(StageError, match="1 to 4000") as caught:
        schema.ensure_dimension(database, dimension)
    assert caught.value.reason is Reason.DIMENSION_MISMATCH


def test_the_largest_dimension_can_be_indexed_and_asking_twice_is_fine(
    database: str, connection: Connection
) -> None:
    for _ in range(2):
        schema.ensure_dimension(database, 4000)
    indexed = connection.execute(
        "select indexdef from pg_indexes where indexname = 'embeddings_4000_nearest'"
    ).fetchone()
    assert indexed is not None
    assert "hnsw (vector halfvec_cosine_ops)" in indexed[0]


def test_pgvector_without_iterative_scans_is_refused_and_one_that_damages_indexes_is_reported(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with pytest.raises(StageError, match=r"pgvector 0\.7\.4 is too old: 0\.8\.0 or newer"):
        schema.require_pgvector("0.7.4")
    with caplog.at_level(logging.WARNING):
        schema.require_pgvector("0.8.6")
        schema.require_pgvector("0.10.0")
        assert caplog.text == ""
        schema.require_pgvector("0.8.2")
    assert "update it to 0.8.4" in caplog.text


def test_a_worker_without_rights_on_the_schema_can_do_all_that_a_worker_does(database: str) -> None:
    with connect(as_role(database, "ingest_writer"), application="worker") as worker:
        schema.check(worker)
        held = claim(worker, "test:one", "worker")
        assert renew(worker, held)
        artifacts.put(worker, held, Stage.EMBED, "hash", b"kept")
        artifacts.put(worker, held, Stage.EMBED, "hash", b"kept")
        release(worker, held)
        both = (named(0, "ann"), unknown(1))
        store(worker, content("one", "two", identities=both))
        store(worker, content("three", "four", identities=both), run=a_run())
        silent = a_recording("test:silent")
        record_outcome(
            worker,
            claim(worker, silent.id, "worker"),
            silent,
            FinalEnd("default/batch", Reason.NO_SPEECH, "", "hash-1"),
        )
        assert artifacts.get(worker, "test:one", Stage.EMBED, "hash") == b"kept"
        assert reads.transcript(worker, "test:one") is not None
        assert set(reads.stored(worker, ["test:one", "test:silent"])) == {"test:one", "test:silent"}
        assert len(search(worker, Query("three", unit(1), MODEL)).hits) == 2


@pytest.mark.parametrize("role", ["ingest_writer", "ingest_reader"])
@pytest.mark.parametrize(
    "statement",
    [
        "create table ingest.mine (id int)",
        "create table public.mine (id int)",
        "create schema mine",
        "create role mine",
        "alter table ingest.segment add column mine int",
        "drop table ingest.segment",
        "truncate ingest.segment",
        "drop index ingest.segment_text",
        "drop view public.recordings",
        "insert into ingest.schema_version values (99, 'x', 'x')",
        "update ingest.schema_version set checksum = 'x'",
        "delete from ingest.unknown_voice",
        "update ingest.embedding_model set dimension = 1",
        "select setval('ingest.claim_token', 1)",
    ],
)
def test_a_worker_or_reader_can_do_nothing_else(database: str, role: str, statement: str) -> None:
    with (
        connect(as_role(database, role), application="worker") as somebody,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        somebody.execute(statement.encode())


def test_a_reader_searches_and_reads_and_writes_nothing(database: str, connection: Connection) -> None:
    store(connection, content("one"))
    with connect(as_role(database, "ingest_reader"), application="reader") as reader:
        assert reads.transcript(reader, "test:one") is not None
        assert [hit.text for hit in search(reader, Query("one", unit(1), MODEL)).hits] == ["one"]
        assert reader.execute("select count(*) from current_segments").fetchone() == (1,)
        with pytest.raises(StageError, match="permission denied") as caught:
            claim(reader, "test:one", "reader")
    assert caught.value.reason is Reason.DATABASE_REJECTED


def test_a_reader_reads_views_and_no_table(database: str, connection: Connection) -> None:
    store(connection, content("one"))
    tables = connection.execute(
        "select format('%I.%I', schemaname, tablename) "
        "from pg_tables where schemaname in ('ingest', 'public')"
    ).fetchall()
    views = connection.execute(
        "select format('%I.%I', schemaname, viewname) from pg_views where schemaname in ('ingest', 'public')"
    ).fetchall()
    with connect(as_role(database, "ingest_reader"), application="reader") as reader:
        schema.check(reader)
        for (view,) in views:
            columns = [each.name for each in reader.execute(f"table {view}".encode()).description or ()]
            assert "voice" not in columns, "of a person: for workers alone"
        for (table,) in tables:
            for action in ("select", "insert", "update", "delete"):
                held = reader.execute("select has_table_privilege(%s, %s)", [table, action]).fetchone()
                assert held == (False,), f"{action} {table}"
    assert {"ingest.speaker", "ingest.address", f"ingest.embeddings_{DIMENSION}"} <= {
        table for (table,) in tables
    }


@pytest.mark.parametrize(
    "statement",
    [
        "delete from ingest.recording",
        "delete from ingest.run",
        "delete from ingest.shown_recording",
        "delete from ingest.shown_segment",
        "update ingest.shown_run set batch = 'mine'",
        "insert into ingest.shown_version values (99, 'x', 'x', now())",
    ],
)
def test_a_worker_removes_no_recording_and_no_history(database: str, statement: str) -> None:
    with (
        connect(as_role(database, "ingest_writer"), application="worker") as worker,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        worker.execute(statement.encode())


def test_readers_of_an_older_version_lose_their_rights_on_tables(
    database: str, connection: Connection
) -> None:
    connection.execute("grant select on all tables in schema ingest to ingest_reader")
    schema.migrate(database)
    assert connection.execute(
        "select has_table_privilege('ingest_reader', 'ingest.speaker', 'select')"
    ).fetchone() == (False,)


def test_a_dimension_made_after_the_roles_can_be_written_by_workers(database: str) -> None:
    schema.ensure_dimension(database, 5)
    five = content("five", vectors=np.stack([unit(1, dimension=5)]))
    five = replace(five, vectors=replace(five.vectors, model="five@0"))
    with connect(as_role(database, "ingest_writer"), application="worker") as worker:
        store(worker, five)
        assert worker.execute("select count(*) from ingest.embeddings_5").fetchone() == (1,)


def test_two_migrations_at_once_apply_everything_once(empty_database: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        applied = list(pool.map(schema.migrate, [empty_database] * 4))
    assert sorted(map(len, applied)) == [0, 0, 0, len(schema.migrations())]
