"""What the command asks a store about itself: whether it fits this program, which models' vectors and which
tables it has.

Called by `search`, `export`, `prepare` and `doctor`. Changes nothing, with one exception: the embedded store
is the command's own, and is migrated before it is read.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from ingest_contract.failures import Reason
from ingest_worker.errors import StageError
from ingest_worker.store.connect import Connection, connect
from ingest_worker.store.errors import translated
from ingest_worker.store.schema import applied, check, expected_version, migrate
from ingestctl.place import Workplace
from ingestctl.progress import going


@contextmanager
def reading(place: Workplace) -> Iterator[Connection]:
    """A connection to a store that fits this program. Raises `StageError` with the next step if there is no
    store, or one that does not fit."""
    require_store(place)
    with ExitStack() as opened:
        with going("opening the store"):
            dsn = opened.enter_context(place.store())
            if place.dsn is None:
                migrate(dsn)
            connection = opened.enter_context(connect(dsn, application="ingestctl"))
            require_schema(connection)
        yield connection


def require_store(place: Workplace) -> None:
    """Refuse a workplace without a store, with the command that makes one.
    Raises `StageError(DATABASE_UNAVAILABLE)`."""
    if not place.has_store:
        said = (
            f"Nothing is stored in {place.home} yet. Next: "
            "`ingestctl run batch.yaml`, or name another store with --dsn or --home."
        )
        raise StageError(Reason.DATABASE_UNAVAILABLE, said)


def require_schema(connection: Connection) -> None:
    """Refuse a schema that is not this program's, with the command that fixes it.
    Raises `StageError(SCHEMA_MISMATCH)`."""
    found = schema_version(connection)
    if found is None or found < expected_version():
        has = "no schema of this program" if found is None else f"schema version {found}"
        said = (
            f"The database has {has}, and version {expected_version()} is wanted. "
            "Run `ingestctl migrate --dsn ...` as its owner."
        )
        raise StageError(Reason.SCHEMA_MISMATCH, said)
    check(connection)


def schema_version(connection: Connection) -> int | None:
    """The newest migration that was applied; None if none was."""
    with translated("reading the schema's version"):
        found = applied(connection)
    return None if found is None else max(found, default=None)


def has_table(connection: Connection, dimension: int) -> bool:
    """Whether there is a table for vectors of this dimension."""
    with translated("looking for the table of vectors"):
        return connection.execute(
            "select to_regclass(%s)", [f"ingest.embeddings_{dimension}"]
        ).fetchone() != (None,)


def pgvector_version(connection: Connection) -> str | None:
    """Version of the extension in this database, else of the one that the server could create; None if the
    server has none."""
    asked = (
        "select coalesce(installed_version, default_version) "
        "from pg_available_extensions where name = 'vector'"
    )
    with translated("looking for pgvector"):
        row = connection.execute(asked).fetchone()
    return None if row is None else row[0]


def server_version(connection: Connection) -> int:
    """`server_version_num`, for example 180003."""
    return connection.info.server_version
