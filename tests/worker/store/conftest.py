from collections.abc import Iterator

import pytest

from ingest_worker.store.connect import Connection, connect
from tests.support.postgres import database, empty_database

__all__ = ["connection", "database", "empty_database"]


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    with connect(database, application="tests") as opened:
        yield opened
