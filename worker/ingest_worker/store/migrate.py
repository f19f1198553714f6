"""`python -m ingest_worker.store.migrate`: bring the store in `INGEST_DSN` up to this version, as its owner.
Safe to repeat.

The chart's migration Job runs it. Workers do not have these rights, and refuse a store that was not migrated.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ingest_contract.failures import Reason
from ingest_worker.command import carried_out, store_address
from ingest_worker.errors import StageError
from ingest_worker.store.roles import NO_ROLES, create_roles, grant_reading, grant_writing
from ingest_worker.store.schema import ensure_dimension, expected_version, migrate


def main() -> int:
    """The exit code: 0, or the failure table's."""
    parser = argparse.ArgumentParser(
        prog="python -m ingest_worker.store.migrate",
        description="Bring the store in INGEST_DSN up to this version, as its owner. Safe to repeat.",
    )
    parser.add_argument(
        "--dimension",
        action="append",
        type=int,
        default=[],
        metavar="N",
        help="make the table for vectors of N numbers; may be repeated",
    )
    parser.add_argument(
        "--grant",
        action="append",
        default=[],
        metavar="ROLE",
        help="let this login role write as workers do; may be repeated",
    )
    parser.add_argument(
        "--grant-reading",
        action="append",
        default=[],
        metavar="ROLE",
        help="let this login role read as a reader does, and nothing else; may be repeated",
    )
    chosen = parser.parse_args()
    granted = Granted(chosen.grant, chosen.grant_reading)
    return carried_out(lambda: brought_up(store_address(), chosen.dimension, granted))


@dataclass(frozen=True, slots=True)
class Granted:
    """Login roles that become members of the group roles."""

    writers: Sequence[str] = ()
    readers: Sequence[str] = ()


def brought_up(dsn: str, dimensions: Sequence[int], granted: Granted) -> Iterator[str]:
    """Migrate, with a line for each step. Raises `StageError`."""
    applied = migrate(dsn)
    yield f"schema {expected_version()}: {'applied ' + ', '.join(applied) if applied else 'nothing to do'}"
    for dimension in dimensions:
        ensure_dimension(dsn, dimension)
        yield f"vectors of {dimension} numbers have their table"
    if create_roles(dsn):
        yield "members of ingest_writer may write, of ingest_reader read"
    elif granted.writers or granted.readers:
        raise StageError(Reason.DATABASE_REJECTED, NO_ROLES)
    else:
        yield NO_ROLES
    for writer in granted.writers:
        grant_writing(dsn, writer)
        yield f"{writer} may write"
    for reader in granted.readers:
        grant_reading(dsn, reader)
        yield f"{reader} may read"


if __name__ == "__main__":
    sys.exit(main())
