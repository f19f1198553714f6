"""Questions as vectors, by a model that is loaded at its first question and stays.

Called by the composition roots of a reader (`ingestctl serve` and `mcp`, `python -m ingest_reader`), and by
`ingestctl search` where there is none.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ingest_contract.failures import Reason
from ingest_reader.corpus import Embed, Embedded
from ingest_reader.text_models import TextModel, choose, models_here
from ingest_worker.engines.query import QueryEncoder, UnknownArchitectureError
from ingest_worker.errors import StageError
from ingest_worker.models import Role, open_models
from ingest_worker.store.reading.pool import ReadingPool
from ingest_worker.store.reading.text_models import stored_models

QUERY_TOKENS: Final = 512
"""Tokens in the model's batch: a question is one text."""


@dataclass(frozen=True, slots=True)
class TextModels:
    """Where text models lie, and which of them embeds questions: None leaves it to what the store has."""

    folder: Path
    set_name: str | None = None
    name: str | None = None


def embedding(pool: ReadingPool, models: TextModels) -> Embed:
    """Embeds questions by the model of the store's vectors. A model is loaded at its first question, once."""
    loaded: dict[str, Callable[[str], Embedded]] = {}
    one_at_a_time = threading.Lock()

    def embed(text: str) -> Embedded | None:
        with pool.connection() as connection:
            stored = stored_models(connection)
        if not stored:
            return None
        chosen = choose(stored, models_here(models.folder, models.set_name), models.name)
        with one_at_a_time:
            if chosen.identity not in loaded:
                loaded[chosen.identity] = encoder(chosen, models.folder)
            return loaded[chosen.identity](text)

    return embed


def encoder(chosen: TextModel, folder: Path) -> Callable[[str], Embedded]:
    """A text model that stays loaded; without torch where its architecture is known.

    Raises:
        StageError: `MODELS_UNAVAILABLE`: its files are not those of the lock, or it needs torch and there is
            none.
    """
    files = open_models(folder, chosen.set_name).path(Role.EMBEDDING, chosen.name)
    try:
        light = QueryEncoder(files)
    except UnknownArchitectureError as error:
        return _heavy(chosen, files, error)
    return lambda text: Embedded(light.embed(text), chosen.identity)


def _heavy(chosen: TextModel, files: Path, why: UnknownArchitectureError) -> Callable[[str], Embedded]:
    from ingest_worker.engines.embedding import SentenceEmbedder

    try:
        # On the CPU: it is fast enough for one short text, and a running batch may have filled the GPU.
        heavy = SentenceEmbedder(files, device="cpu", batch_tokens=QUERY_TOKENS, model_key=chosen.identity)
    except ImportError as error:
        said = (
            f"{chosen.name} needs torch, which is not installed here: {why}. "
            "Next: `ingestctl search --dsn ...` or `ingestctl serve --dsn ...` on a machine where it is "
            "(`pip install '.[cli]'`)."
        )
        raise StageError(Reason.MODELS_UNAVAILABLE, said) from error
    note = f"{chosen.name} is run by torch, which takes seconds to load: {why}."
    return lambda text: Embedded(heavy.embed_query(text), chosen.identity, (note,))
