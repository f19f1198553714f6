"""Whether the store takes the vectors of a text model: there is a table for their dimension, and the model's
name has no other.

Asked before a run begins, because hours of work end in it, and once more in the transaction that stores.
"""

from dataclasses import dataclass
from typing import Final

from ingest_contract.failures import Reason
from ingest_worker.errors import StageError
from ingest_worker.store.connect import Connection
from ingest_worker.store.errors import translated

_TABLES: Final = (
    "select substring(tablename from '[0-9]+$')::integer as dimension from pg_tables "
    "where schemaname = 'ingest' and tablename ~ '^embeddings_[0-9]+$' order by dimension"
)


@dataclass(frozen=True, slots=True)
class TextModel:
    """Whose vectors a run will store."""

    name: str
    """As `name@sha256-prefix`."""
    dimension: int


def require_vector_table(connection: Connection, model: TextModel) -> None:
    """Refuse a store that would refuse these vectors. Raises `StageError(DIMENSION_MISMATCH)`."""
    with translated("looking for the table of vectors"):
        tables = [int(row[0]) for row in connection.execute(_TABLES)]
        known = connection.execute(
            "select dimension from ingest.embedding_model where model = %s", [model.name]
        ).fetchone()
    if known is not None and known[0] != model.dimension:
        said = f"{model.name} makes {model.dimension} numbers here, and made {known[0]} for what is stored."
        raise StageError(Reason.DIMENSION_MISMATCH, said)
    if model.dimension not in tables:
        there = ", ".join(map(str, tables)) or "none"
        said = (
            f"The store has no table for vectors of {model.dimension} numbers, which {model.name} makes "
            f"(it has: {there}). Run `ingestctl migrate --dimension {model.dimension}` as its owner, or set "
            "the chart's `store.migration.dimensions`."
        )
        raise StageError(Reason.DIMENSION_MISMATCH, said)
