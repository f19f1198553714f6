"""Whose vectors a store has: the text models by which a question can be embedded."""

from ingest_worker.store.connect import Connection
from ingest_worker.store.errors import translated


def stored_models(connection: Connection) -> tuple[str, ...]:
    """Text models, as `name@sha256-prefix`, of which the store has vectors; a superseded model's row stays,
    but does not count."""
    with translated("asking whose vectors are stored"):
        rows = connection.execute(
            "select id, model, dimension from ingest.shown_model order by model"
        ).fetchall()
        asked = "select exists (select from ingest.shown_embeddings_{} where model = %s)"
        return tuple(
            m
            for number, m, size in rows
            if connection.execute(asked.format(int(size)).encode(), [number]).fetchone() == (True,)
        )
