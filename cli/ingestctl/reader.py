"""The reader on this machine: its store, and the text models that are here.

Called by `serve` and `mcp`.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from ingest_contract.failures import Reason
from ingest_reader.corpus import Corpus, Embed, Embedded
from ingest_worker.engines.query import QueryEncoder, UnknownArchitectureError
from ingest_worker.errors import StageError
from ingest_worker.models import Role, open_models
from ingest_worker.store.reading.pool import ReadingPool, writable
from ingest_worker.store.roles import create_roles
from ingest_worker.store.schema import migrate
from ingestctl.catalog import require_schema, stored_models
from ingestctl.place import Workplace, people
from ingestctl.search import QUERY_TOKENS, TextModel, choose, models_here


@dataclass(frozen=True, slots=True)
class TextModels:
    """Which text model embeds questions: None leaves it to what the store has."""

    model_set: str | None = None
    model: str | None = None


@contextmanager
def opened(place: Workplace, wanted: TextModels) -> Iterator[Corpus]:
    """The corpus of a workplace, for as long as the block lasts.

    Raises:
        StageError: there is no store, or one that does not fit this program.
    """
    if place.dsn is None and not (place.home / "postgres" / "data" / "PG_VERSION").exists():
        said = (
            f"Nothing is stored in {place.home} yet. Next: "
            "`ingestctl run batch.yaml`, or name another store with --dsn or --home."
        )
        raise StageError(Reason.DATABASE_UNAVAILABLE, said)
    with place.store() as dsn:
        if place.dsn is None:  # the embedded store is the command's own
            migrate(dsn)
            create_roles(dsn)
        with ReadingPool(dsn) as pool:
            with pool.connection() as connection:
                require_schema(connection)
                if rights := writable(connection):
                    people().print(
                        f"The store's login could write {len(rights)} tables: every session is read only, "
                        "and a member of ingest_reader could not write at all.",
                        soft_wrap=True,
                    )
            yield Corpus(pool, embedding(place, pool, wanted))


def embedding(place: Workplace, pool: ReadingPool, wanted: TextModels) -> Embed:
    """Embeds questions by the model of the store's vectors. A model is loaded at its first question, once."""
    loaded: dict[str, Callable[[str], Embedded]] = {}
    one_at_a_time = threading.Lock()

    def embed(text: str) -> Embedded | None:
        with pool.connection() as connection:
            stored = stored_models(connection)
        if not stored:
            return None
        chosen = choose(stored, models_here(place, wanted.model_set), wanted.model)
        with one_at_a_time:
            if chosen.identity not in loaded:
                loaded[chosen.identity] = encoder(chosen, place)
            return loaded[chosen.identity](text)

    return embed


def encoder(chosen: TextModel, place: Workplace) -> Callable[[str], Embedded]:
    """A text model that stays loaded; without torch where its architecture is known."""
    folder = open_models(place.models, chosen.set_name).path(Role.EMBEDDING, chosen.name)
    try:
        light = QueryEncoder(folder)
    except UnknownArchitectureError:
        from ingest_worker.engines.embedding import SentenceEmbedder

        heavy = SentenceEmbedder(folder, device="cpu", batch_tokens=QUERY_TOKENS, model_key=chosen.identity)
        return lambda text: Embedded(heavy.embed_query(text), chosen.identity)
    return lambda text: Embedded(light.embed(text), chosen.identity)


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """SIGTERM ends the block as Ctrl-C does, so that what it opened is closed."""

    def end(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    except KeyboardInterrupt:
        pass
    finally:
        signal.signal(signal.SIGTERM, before)
