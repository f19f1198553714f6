"""Looks for something into every column of every table, by the catalogue: a table that comes later is looked
into too."""

import contextlib
import zlib
from collections.abc import Iterable
from typing import Any

import numpy as np
from pgvector import HalfVector, Vector
from psycopg import sql

from ingest_worker.domain import FloatArray
from ingest_worker.store.connect import Connection, use_vectors

_COLUMNS = """
select n.nspname, c.relname, a.attname from pg_attribute a
  join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r', 'p', 'm') and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
   and a.attnum > 0 and not a.attisdropped order by 1, 2, 3
"""


def columns(connection: Connection) -> list[tuple[str, str, str]]:
    return [tuple(row) for row in connection.execute(_COLUMNS)]


def places(connection: Connection, texts: Iterable[str] = (), vectors: Iterable[FloatArray] = ()) -> set[str]:
    """`schema.table.column` of every column in which one of these is."""
    use_vectors(connection)
    wanted, known = [text.casefold() for text in texts], list(vectors)
    found = set()
    for schema, table, column in columns(connection):
        rows = connection.execute(
            sql.SQL("select {} from {}").format(sql.Identifier(column), sql.Identifier(schema, table))
        )
        if any(_holds(value, wanted, known) for (value,) in rows):
            found.add(f"{schema}.{table}.{column}")
    return found


def _holds(value: Any, texts: list[str], vectors: list[FloatArray]) -> bool:
    if isinstance(value, Vector | HalfVector):
        row = value.to_numpy().astype(np.float32)
        return any(len(row) == len(each) and np.allclose(row, each, atol=1e-3) for each in vectors)
    if isinstance(value, bytes):
        with contextlib.suppress(zlib.error):
            value = zlib.decompress(value)
        return any(text.encode() in value.lower() for text in texts) or any(
            each.astype("<f4").tobytes() in value for each in vectors
        )
    return value is not None and any(text in str(value).casefold() for text in texts)
