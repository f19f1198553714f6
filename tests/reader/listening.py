"""The reader as it listens in fact: uvicorn on a port of its own."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ingest_reader.app import application
from ingest_reader.corpus import Corpus
from ingest_reader.guard import LOOPBACK, Access
from ingest_reader.serving import Door, server_of
from ingest_worker.store.reading.pool import ReadingPool
from tests.reader.conftest import embed


@contextmanager
def listening(
    dsn: str,
    access: Access | None = None,
    prefix: str = "",
    corpus: Corpus | None = None,
    *,
    youtube: bool = True,
) -> Iterator[str]:
    """The address of a reader over a store; questions are embedded by hand, unless a corpus is given."""
    told: list[Door] = []
    listens = threading.Event()

    def tell(door: Door) -> None:
        told.append(door)
        listens.set()

    with ReadingPool(dsn) as pool:
        read, asks = corpus or Corpus(pool, embed), access or Access(None, LOOPBACK)
        app = application(read, asks, prefix, youtube=youtube)
        server = server_of(app, Door("127.0.0.1", 0), tell)
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            assert listens.wait(180)
            yield f"http://127.0.0.1:{told[0].port}"
        finally:
            server.should_exit = True
            thread.join(180)
