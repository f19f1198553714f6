from collections.abc import Iterator

import pytest

from ingest_worker.store.connect import Connection, connect


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    with connect(database, application="tests") as opened:
        yield opened
