"""A store as the demo's workers find it: migrated, and with a table for the vectors of its text model."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from ingest_worker.store.schema import ensure_dimension, migrate
from testkit.postgres import fresh

DIMENSION = 384
"""Of all-MiniLM-L6-v2."""


def demo_store() -> AbstractContextManager[str]:
    """The address of a database of its own for the demo's text model, which is gone afterwards."""
    return store_of(DIMENSION)


@contextmanager
def store_of(dimension: int) -> Iterator[str]:
    """The address of a database of its own with a table for vectors of this size."""
    databases = fresh("template0")
    dsn = next(databases)
    try:
        migrate(dsn)
        ensure_dimension(dsn, dimension)
        yield dsn
    finally:
        next(databases, None)
