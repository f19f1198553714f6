"""The reader on this machine: its store, and the text models that are here.

Called by `serve` and `mcp`.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from ingest_reader.corpus import Corpus
from ingest_reader.questions import TextModels, embedding
from ingest_worker.store.reading.pool import ReadingPool, writable
from ingest_worker.store.roles import create_roles
from ingest_worker.store.schema import migrate
from ingestctl.asking.running import Running, program_key, store_key
from ingestctl.asking.running import announced as announcement
from ingestctl.catalog import require_schema, require_store
from ingestctl.consoles import people
from ingestctl.place import Workplace
from ingestctl.progress import going
from ingestctl.search import set_name_of


@contextmanager
def opened(place: Workplace, model_set: str | None = None, model: str | None = None) -> Iterator[Corpus]:
    """The corpus of a workplace, for as long as the block lasts.

    Raises:
        StageError: there is no store, or one that does not fit this program.
    """
    require_store(place)
    with ExitStack() as stack:
        with going("opening the store"):
            dsn = stack.enter_context(place.store())
            if place.dsn is None:  # the embedded store is the command's own
                migrate(dsn)
                create_roles(dsn)
            pool = stack.enter_context(ReadingPool(dsn))
            with pool.connection() as connection:
                require_schema(connection)
                rights = writable(connection)
        if rights:
            people().print(
                f"The store's login could write {len(rights)} tables: every session is read only, "
                "and a member of ingest_reader could not write at all.",
                soft_wrap=True,
            )
        wanted = TextModels(place.models, model_set and set_name_of(model_set), model)
        yield Corpus(pool, embedding(pool, wanted))


def announced(
    place: Workplace, host: str, port: int, token_file: Path | None
) -> AbstractContextManager[None]:
    """Leaves the reader's address where `ingestctl search` looks for it."""
    bare = host.strip("[]")
    address = f"http://[{bare}]:{port}" if ":" in bare else f"http://{bare}:{port}"
    token = None if token_file is None else str(token_file.expanduser().resolve())
    reader = Running(address, token, store_key(place.dsn), program_key())
    return announcement(place.home, reader)
