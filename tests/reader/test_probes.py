"""Probes are answered whatever searches do, and cost and tell nothing, since they need no token."""

import threading
from collections.abc import Awaitable, Callable

import anyio
import httpx
import pytest

from ingest_contract.failures import Reason
from ingest_reader.app import application
from ingest_reader.corpus import Corpus
from ingest_reader.guard import Access
from ingest_reader.probes import NOT_READY
from ingest_worker.errors import StageError
from ingest_worker.store.reading.pool import ReadingPool
from tests.support.problems import problem

MANY = 60
"""More than there are threads for searches."""


class Away(Corpus):
    """Its store answers when it is let, and says as much as a real one."""

    def __init__(self) -> None:
        super().__init__(ReadingPool("dbname=none"), lambda _: None)
        self.asked = 0
        self.let = threading.Event()
        self.said: str | None = None

    def check(self) -> None:
        self.asked += 1
        assert self.let.wait(180)
        if self.said:
            raise StageError(Reason.DATABASE_REJECTED, self.said)


@pytest.fixture
def corpus() -> Away:
    return Away()


def asking(corpus: Corpus, story: Callable[[httpx.AsyncClient], Awaitable[None]]) -> None:
    """A story of one client, in a loop whose threads for searches are all taken."""

    async def told() -> None:
        searches = anyio.to_thread.current_default_thread_limiter()
        for each in range(int(searches.total_tokens)):
            searches.acquire_on_behalf_of_nowait(each)
        transport = httpx.ASGITransport(application(corpus, Access("0123456789abcdef")))
        with anyio.fail_after(180):
            async with httpx.AsyncClient(transport=transport, base_url="http://reader") as client:
                await story(client)

    anyio.run(told)


def test_searches_that_have_every_thread_hold_up_no_probe(corpus: Away) -> None:
    corpus.let.set()

    async def story(client: httpx.AsyncClient) -> None:
        assert (await client.get("/healthz")).text == "ok\n"
        assert (await client.get("/readyz")).text == "ok\n"

    asking(corpus, story)


def test_many_who_ask_while_the_store_is_away_share_one_question_and_its_answer(corpus: Away) -> None:
    answers: list[int] = []

    async def story(client: httpx.AsyncClient) -> None:
        async def ask() -> None:
            answers.append((await client.get("/readyz")).status_code)

        async with anyio.create_task_group() as everybody:
            for _ in range(MANY):
                everybody.start_soon(ask)
            await anyio.wait_all_tasks_blocked()
            assert (await client.get("/healthz")).status_code == 200
            assert (answers, corpus.asked) == ([], 1)
            corpus.let.set()
        assert (await client.get("/readyz")).status_code == 200

    asking(corpus, story)
    assert (answers, corpus.asked) == ([200] * MANY, 2), "what is asked later is asked anew"


def test_one_who_leaves_ends_the_question_for_nobody_else(corpus: Away) -> None:
    async def story(client: httpx.AsyncClient) -> None:
        leaving = anyio.CancelScope()

        async def leave() -> None:
            with leaving:
                await client.get("/readyz")

        async def stay() -> None:
            assert (await client.get("/readyz")).status_code == 200

        async with anyio.create_task_group() as both:
            both.start_soon(leave)
            await anyio.wait_all_tasks_blocked()
            both.start_soon(stay)
            await anyio.wait_all_tasks_blocked()
            leaving.cancel()
            await anyio.wait_all_tasks_blocked()
            corpus.let.set()

    asking(corpus, story)
    assert corpus.asked == 1


def test_who_has_no_token_hears_a_reason_and_the_log_hears_the_rest(
    corpus: Away, caplog: pytest.LogCaptureFixture
) -> None:
    corpus.let.set()
    corpus.said = "The login 'worker' could write ingest.recording."

    async def story(client: httpx.AsyncClient) -> None:
        for _ in range(2):
            told = problem(await client.get("/readyz"), 503)
            assert (told["reason"], told["detail"]) == ("DatabaseRejected", NOT_READY)
        corpus.said = None
        assert (await client.get("/readyz")).status_code == 200

    asking(corpus, story)
    assert [each.message for each in caplog.records if each.name == "ingest_reader.probes"] == [
        "not ready: DatabaseRejected: The login 'worker' could write ingest.recording.", "ready",
    ]  # fmt: skip
