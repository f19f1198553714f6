"""The migration as a Job runs it: an address in the environment, lines for people, an exit code of the
failure table."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import rmtree

import psycopg
import pytest
from psycopg import errors
from psycopg.conninfo import make_conninfo

from ingest_contract.failures import FAILURES, Reason
from ingest_worker.store.connect import connect
from ingest_worker.store.embedded import embedded
from ingest_worker.store.reading.pool import writable
from ingest_worker.store.schema import check, expected_version, migrations
from tests.support.commands import run_module

pytestmark = pytest.mark.postgres

MIGRATE = "ingest_worker.store.migrate"


def test_an_empty_database_is_brought_up_and_the_second_time_there_is_nothing_to_do(
    empty_database: str,
) -> None:
    first = run_module(
        MIGRATE, "--dimension", "384", "--dimension", "8", environment={"INGEST_DSN": empty_database}
    )
    assert (first.returncode, first.stderr) == (0, "")
    applied = ", ".join(migration.name for migration in migrations())
    assert first.stdout.splitlines() == [
        f"schema {expected_version()}: applied {applied}",
        "vectors of 384 numbers have their table",
        "vectors of 8 numbers have their table",
        "members of ingest_writer may write, of ingest_reader read",
    ]
    second = run_module(MIGRATE, "--dimension", "384", environment={"INGEST_DSN": empty_database})
    assert (second.returncode, second.stdout.splitlines()[0]) == (
        0,
        f"schema {expected_version()}: nothing to do",
    )
    with connect(empty_database, application="tests") as connection:
        check(connection)
        assert connection.execute("select to_regclass('ingest.embeddings_384')").fetchone() != (None,)


def test_a_login_role_that_is_granted_may_write_as_workers_do_and_change_no_tables(
    empty_database: str,
) -> None:
    with connect(empty_database, application="tests") as owner:
        owner.execute(
            "do $$ begin create role worker_of_jobs login; exception when duplicate_object then null; end $$"
        )
    for _ in range(2):
        run = run_module(MIGRATE, "--grant", "worker_of_jobs", environment={"INGEST_DSN": empty_database})
        assert (run.returncode, run.stdout.splitlines()[-1]) == (0, "worker_of_jobs may write")
    with connect(make_conninfo(empty_database, user="worker_of_jobs"), application="tests") as worker:
        check(worker)
        worker.execute("insert into ingest.embedding_model (model, dimension) values ('m@1', 8)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            worker.execute("create table ingest.mine ()")


@pytest.mark.parametrize(
    ("address", "arguments", "reason", "said"),
    [
        ("", (), Reason.ORDER_INVALID, "INGEST_DSN is not set"),
        (
            "postgresql://ann:secret@127.0.0.1:1/video",
            (),
            Reason.DATABASE_UNAVAILABLE,
            "ann@127.0.0.1:1/video",
        ),
        (None, ("--dimension", "5000"), Reason.DIMENSION_MISMATCH, "5000"),
        (None, ("--grant", "nobody_at_all"), Reason.DATABASE_REJECTED, "There is no role 'nobody_at_all'"),
    ],
)
def test_what_goes_wrong_is_one_line_with_its_reason_and_its_exit_code(
    empty_database: str, address: str | None, arguments: tuple[str, ...], reason: Reason, said: str
) -> None:
    run = run_module(
        MIGRATE, *arguments, environment={"INGEST_DSN": empty_database if address is None else address}
    )
    assert run.returncode == FAILURES[reason].exit_code
    (line,) = run.stderr.splitlines()
    assert line.startswith(f"{reason.value}: ")
    assert said in line
    assert "secret" not in line


@pytest.fixture(scope="module")
def bare_server() -> Iterator[str]:
    """The address of a server of the module's own: roles are a server's, and another test has made ours on
    that of the session."""
    folder = Path(tempfile.mkdtemp(prefix="ingest-pg-"))
    with embedded(folder) as dsn:
        yield dsn
    rmtree(folder)


@pytest.fixture
def owned(bare_server: str) -> Iterator[Callable[[str], str]]:
    """A database set up as docs/install.md says, given what may be said of its owner; both are gone
    afterwards, and so are our roles."""
    with connect(bare_server, application="tests") as administrator:

        def made(may: str) -> str:
            administrator.execute(f"create role owner login {may}".encode())
            administrator.execute("create role worker login")
            administrator.execute("create database recording owner owner")
            with connect(make_conninfo(bare_server, dbname="recording"), application="tests") as inside:
                inside.execute("create extension vector")
            return make_conninfo(bare_server, dbname="recording", user="owner")

        yield made
        administrator.execute("drop database recording with (force)")
        administrator.execute("drop role if exists worker, owner, ingest_writer, ingest_reader")


def writes(dsn: str) -> None:
    with connect(make_conninfo(dsn, user="worker"), application="tests") as worker:
        check(worker)
        worker.execute("insert into ingest.embedding_model (model, dimension) values ('m@1', 8)")


def test_an_owner_who_is_no_superuser_sets_up_all_that_a_worker_needs(owned: Callable[[str], str]) -> None:
    dsn = owned("createrole")
    run = run_module(MIGRATE, "--dimension", "8", "--grant", "worker", environment={"INGEST_DSN": dsn})
    assert (run.returncode, run.stderr, run.stdout.splitlines()[-1]) == (0, "", "worker may write")
    writes(dsn)


def test_who_becomes_a_member_after_the_migration_may_write_as_well(owned: Callable[[str], str]) -> None:
    dsn = owned("createrole")
    assert run_module(MIGRATE, environment={"INGEST_DSN": dsn}).returncode == 0
    with connect(dsn, application="tests") as owner:
        owner.execute("grant ingest_writer to worker")
    writes(dsn)


def test_an_owner_who_may_make_no_roles_says_so_and_takes_those_that_an_administrator_has_made(
    owned: Callable[[str], str], bare_server: str
) -> None:
    dsn = owned("")
    told = run_module(MIGRATE, environment={"INGEST_DSN": dsn})
    assert (told.returncode, told.stdout.splitlines()[-1].split(":")[0]) == (
        0,
        "Nobody but the owner may write or read",
    )
    refused = run_module(MIGRATE, "--grant", "worker", environment={"INGEST_DSN": dsn})
    assert refused.returncode == FAILURES[Reason.DATABASE_REJECTED].exit_code
    assert "WITH ADMIN OPTION" in refused.stderr
    with connect(bare_server, application="tests") as administrator:
        administrator.execute("create role ingest_writer")
        administrator.execute("create role ingest_reader")
        administrator.execute("grant ingest_writer, ingest_reader to owner with admin option")
    assert run_module(MIGRATE, "--grant", "worker", environment={"INGEST_DSN": dsn}).returncode == 0
    writes(dsn)


def test_roles_that_somebody_else_has_made_are_taken_and_who_may_add_members_is_reported(
    owned: Callable[[str], str], bare_server: str
) -> None:
    dsn = owned("createrole")
    with connect(bare_server, application="tests") as administrator:
        administrator.execute("create role ingest_writer")
        refused = run_module(MIGRATE, "--grant", "worker", environment={"INGEST_DSN": dsn})
        assert refused.returncode == FAILURES[Reason.DATABASE_REJECTED].exit_code
        assert "As an administrator, GRANT ingest_writer TO worker" in refused.stderr
        administrator.execute("grant ingest_writer to worker")
    assert run_module(MIGRATE, "--grant", "worker", environment={"INGEST_DSN": dsn}).returncode == 0
    writes(dsn)


def test_half_of_the_roles_hinders_no_migration(owned: Callable[[str], str], bare_server: str) -> None:
    dsn = owned("")
    with connect(bare_server, application="tests") as administrator:
        administrator.execute("create role ingest_writer")
    told = run_module(MIGRATE, environment={"INGEST_DSN": dsn})
    assert (told.returncode, told.stdout.splitlines()[-1].split(":")[0]) == (
        0,
        "Nobody but the owner may write or read",
    )


def test_the_command_for_people_says_so_too(owned: Callable[[str], str]) -> None:
    run = run_module("ingestctl", "migrate", "--roles", "--dsn", owned(""))
    assert run.returncode != 0
    assert "may not make them" in " ".join((run.stdout + run.stderr).split())


def test_a_database_of_a_newer_program_is_left_alone(database: str) -> None:
    with connect(database, application="tests") as owner:
        owner.execute("insert into ingest.schema_version values (99, '0099_later.sql', 'x')")
    run = run_module(MIGRATE, environment={"INGEST_DSN": database})
    assert run.returncode == FAILURES[Reason.SCHEMA_MISMATCH].exit_code
    assert "newer than this program's" in run.stderr


def test_a_reader_is_let_read_and_nothing_else(owned: Callable[[str], str]) -> None:
    dsn = owned("createrole")
    run = run_module(MIGRATE, "--grant-reading", "worker", environment={"INGEST_DSN": dsn})
    assert (run.returncode, run.stderr, run.stdout.splitlines()[-1]) == (0, "", "worker may read")
    with connect(make_conninfo(dsn, user="worker"), application="tests") as reader:
        assert writable(reader, role="session_user") == ()
        reader.execute("select * from ingest.shown_recording")
        with pytest.raises(errors.InsufficientPrivilege):
            reader.execute("insert into ingest.embedding_model (model, dimension) values ('m@1', 8)")
    refused = run_module(MIGRATE, "--grant-reading", "nobody_at_all", environment={"INGEST_DSN": dsn})
    assert "There is no role 'nobody_at_all' to let read" in refused.stderr
