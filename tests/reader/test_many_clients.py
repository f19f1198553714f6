"""Two hundred clients at once: each gets its answer. How long they wait, `bench.reader` measures."""

import asyncio

import httpx2
import pytest

from tests.reader.conftest import TALK
from tests.reader.listening import listening

CLIENTS = 200
PATHS = (
    "/?q=bees",
    f"/recordings/{TALK}",
    "/api/v1/search?q=bees",
    f"/api/v1/passages/{TALK}?at=2",
    "/speakers",
)


@pytest.mark.postgres
@pytest.mark.slow
def test_two_hundred_clients_at_once_are_all_answered(corpus_database: str) -> None:
    async def client(address: str, path: str) -> int:
        async with httpx2.AsyncClient(base_url=address, timeout=180) as session:
            return (await session.get(path)).status_code

    async def crowd(address: str) -> list[int]:
        return await asyncio.gather(*(client(address, PATHS[i % len(PATHS)]) for i in range(CLIENTS)))

    with listening(corpus_database) as address:
        assert asyncio.run(crowd(address)) == [200] * CLIENTS
