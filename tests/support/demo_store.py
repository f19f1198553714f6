"""A store as the demo's workers find it: migrated, and with a table for the vectors of its text model."""

from collections.abc import Iterator
from contextlib import contextmanager

from ingest_worker.store.schema import ensure_dimension, migrate
from testkit.postgres import fresh

DIMENSION = 384
"""Of all-MiniLM-L6-v2."""


@contextmanager
def demo_store() -> Iterator[str]:
    """The address of a database of its own, which is gone afterwards."""
    databases = fresh("template0")
    dsn = next(databases)
    try:
        migrate(dsn)
        ensure_dimension(dsn, DIMENSION)
        yield dsn
    finally:
        next(databases, None)
