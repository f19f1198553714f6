"""The database's schema: numbered migrations, each applied once by the owner's role; all others only check
the version.

`migrate` and `ensure_dimension` need the owner's role: a migration Job or the local mode runs them. Workers
call `check`.
"""

import hashlib
import logging
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

import psycopg
from psycopg import sql

from ingest_contract.failures import Reason
from ingest_worker.errors import StageError
from ingest_worker.store.connect import Connection
from ingest_worker.store.errors import translated
from ingest_worker.store.roles import grant_again, owner

MINIMUM_POSTGRES_VERSION: Final = 160_000
"""As `server_version_num`: the oldest version that the tests consider; features of 17 and 18 are not used
unless named."""
MINIMUM_PGVECTOR: Final = (0, 8, 0)
"""Iterative index scans (pgvector CHANGELOG 0.8.0): without them, a search with a filter on speaker or date
finds too few rows."""
SOUND_PGVECTOR: Final = (0, 8, 4)
"""Earlier versions have a buffer overflow in parallel HNSW builds, and graphs damaged or not repaired by
vacuum (pgvector CHANGELOG 0.8.2-0.8.4)."""
MAX_DIMENSIONS: Final = 4000
"""The most that an HNSW index over halfvec accepts (pgvector README)."""

MAX_ATTEMPTS: Final = 5
"""Times that a migration is begun if readers hold what it changes in another order: they lock in the order of
their queries."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file."""

    version: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        """sha256 of the text."""
        return hashlib.sha256(self.text.encode()).hexdigest()


@cache
def migrations() -> tuple[Migration, ...]:
    """Every migration of this version, in order."""
    found = sorted(
        (entry.name, entry.read_text("utf-8"))
        for entry in files(__package__).joinpath("migrations").iterdir()
    )
    return tuple(
        Migration(int(name[:4]), name, text) for name, text in found if re.fullmatch(r"\d{4}_\w+\.sql", name)
    )


def expected_version() -> int:
    """The schema version that this code reads and writes."""
    return migrations()[-1].version


def migrate(dsn: str) -> tuple[str, ...]:
    """Migrate a database to this version. Returns the names of the applied migrations; none the second time.

    Raises `StageError(SCHEMA_MISMATCH)` for a server that is too old, a database that is newer than this
    code, or an applied migration whose text has changed since.
    """
    with owner(dsn, "migrate") as connection:
        _require_server(connection)
        connection.execute("create schema if not exists ingest")
        connection.execute(
            "create table if not exists ingest.schema_version (version integer primary key, "
            "name text not null, checksum text not null, applied_at timestamptz not null default now())"
        )
        known = applied(connection) or {}
        _refuse_drift(known)
        pending = [migration for migration in migrations() if migration.version not in known]
        for migration in pending:
            _apply(connection, migration)
        grant_again(connection)
    return tuple(migration.name for migration in pending)


def check(connection: Connection) -> None:
    """Refuse a database whose schema is not exactly this version's. Raises `StageError(SCHEMA_MISMATCH)`."""
    with translated("reading the schema's version"):
        known = applied(connection) or {}
    _refuse_drift(known)
    if missing := [migration.name for migration in migrations() if migration.version not in known]:
        said = (
            f"The database's schema is version {max(known, default=0)}, "
            f"this worker's is {expected_version()}. Run the migration:"
        )
        raise StageError(Reason.SCHEMA_MISMATCH, f"{said} it lacks {', '.join(missing)}.")


def ensure_dimension(dsn: str, dimension: int) -> None:
    """Create the table and HNSW index for vectors of one dimension, if they are missing."""
    if not 1 <= dimension <= MAX_DIMENSIONS:
        said = (
            f"Vectors of {dimension} numbers cannot be indexed: "
            f"1 to {MAX_DIMENSIONS} can (pgvector, halfvec)."
        )
        raise StageError(Reason.DIMENSION_MISMATCH, said)
    with owner(dsn, "dimension") as connection, connection.transaction():
        table = f"embeddings_{dimension}"
        connection.execute(
            sql.SQL(
                "create table if not exists {} "
                "(segment bigint primary key references ingest.segment on delete cascade, "
                "model integer not null references ingest.embedding_model, vector halfvec({}) not null)"
            ).format(sql.Identifier("ingest", table), sql.Literal(dimension))
        )
        connection.execute(
            sql.SQL("create index if not exists {} on {} using hnsw (vector halfvec_cosine_ops)").format(
                sql.Identifier(f"{table}_nearest"), sql.Identifier("ingest", table)
            )
        )
        shown = sql.SQL("create or replace view {} as select segment, model, vector from {}")
        connection.execute(
            shown.format(sql.Identifier("ingest", f"shown_{table}"), sql.Identifier("ingest", table))
        )
        grant_again(connection)


def applied(connection: Connection) -> dict[int, str] | None:
    """Version to checksum of every applied migration; None if there is no schema.

    Read from the view that readers may use, or from the table if the schema is older than the view.
    """
    for name in ("shown_version", "schema_version"):
        if connection.execute("select to_regclass(%s)", [f"ingest.{name}"]).fetchone() != (None,):
            rows = connection.execute(
                sql.SQL("select version, checksum from {}").format(sql.Identifier("ingest", name))
            )
            return dict(rows.fetchall())
    return None


def _refuse_drift(known: dict[int, str]) -> None:
    ours = {migration.version: migration for migration in migrations()}
    if newer := sorted(set(known) - set(ours)):
        said = (
            f"The database's schema is version {newer[-1]}, "
            f"newer than this program's {expected_version()}. Use the newer program."
        )
        raise StageError(Reason.SCHEMA_MISMATCH, said)
    for version, checksum in sorted(known.items()):
        if checksum != ours[version].checksum:
            said = (
                f"Migration {ours[version].name} was applied with another text than this program's. "
                "Restore the file, or a new database."
            )
            raise StageError(Reason.SCHEMA_MISMATCH, said)


def _apply(connection: Connection, migration: Migration) -> None:
    """Apply one migration, again if it and somebody else waited for each other: Postgres ends one of the two,
    and mostly the one that came last."""
    for _ in range(MAX_ATTEMPTS - 1):
        try:
            _apply_once(connection, migration)
        except psycopg.errors.DeadlockDetected:
            _log.warning("migration %s met a deadlock and is applied again", migration.name)
        else:
            return
    _apply_once(connection, migration)


def _apply_once(connection: Connection, migration: Migration) -> None:
    with connection.transaction():
        if connection.execute("select to_regclass('ingest.claim')").fetchone() != (None,):
            # Workers of the version before write on, and lock the claim before anything else: what has begun
            # ends first, what comes later waits, and neither deadlocks with the tables that change here.
            connection.execute("lock table ingest.claim in access exclusive mode")
        connection.execute(migration.text.encode())
        connection.execute(
            "insert into ingest.schema_version (version, name, checksum) values (%s, %s, %s)",
            [migration.version, migration.name, migration.checksum],
        )


def _require_server(connection: Connection) -> None:
    if connection.info.server_version < MINIMUM_POSTGRES_VERSION:
        said = (
            f"Postgres {connection.info.server_version // 10_000} is too old: "
            f"{MINIMUM_POSTGRES_VERSION // 10_000} or newer is needed."
        )
        raise StageError(Reason.SCHEMA_MISMATCH, said)
    if (encoding := connection.info.parameter_status("server_encoding")) != "UTF8":
        said = (
            f"The database is encoded in {encoding}, and people speak more languages than it can write. "
            "Make one with ENCODING 'UTF8'."
        )
        raise StageError(Reason.SCHEMA_MISMATCH, said)
    try:
        connection.execute("create extension if not exists vector")
    except (
        psycopg.errors.FeatureNotSupported,
        psycopg.errors.UndefinedFile,
        psycopg.errors.InsufficientPrivilege,
    ) as error:
        said = (
            "The pgvector extension cannot be made here: "
            "install it on the server, or have an administrator run CREATE EXTENSION vector."
        )
        raise StageError(Reason.SCHEMA_MISMATCH, said) from error
    row = connection.execute("select extversion from pg_extension where extname = 'vector'").fetchone()
    text = row[0] if row else "0"
    require_pgvector(text)


def require_pgvector(text: str) -> None:
    """Refuse a pgvector that is too old, given its version as Postgres reports it; warn about versions that
    are known to damage indexes."""
    version = tuple(int(part) for part in re.findall(r"\d+", text)[:3])
    if version < MINIMUM_PGVECTOR:
        said = (
            f"pgvector {text} is too old: 0.8.0 or newer is needed. "
            "Install it, then run ALTER EXTENSION vector UPDATE."
        )
        raise StageError(Reason.SCHEMA_MISMATCH, said)
    if warning := unsound_pgvector(text):
        _log.warning("%s", warning)


def unsound_pgvector(text: str) -> str | None:
    """A sentence about a version of pgvector that is known to damage indexes; None for a sound one."""
    if tuple(int(part) for part in re.findall(r"\d+", text)[:3]) >= SOUND_PGVECTOR:
        return None
    return (
        f"pgvector {text} can damage HNSW indexes (its CHANGELOG, 0.8.2 to 0.8.4), so that passages are not "
        "found: update it to 0.8.4 or newer, then REINDEX."
    )
