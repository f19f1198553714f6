"""Polling workers: the real server of a worker answers, and nothing that another server does harms more than
its own line."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from socket import AF_INET6, socket

import pytest

from ingest_contract.progress import Progress
from ingest_contract.stages import Stage
from ingest_operator.kube.batches import batch_jobs
from ingest_operator.kube.batches.progress_poller import MAX_ANSWER_BYTES, ProgressPoller
from ingest_worker.gpu.sampler import Sampler
from ingest_worker.progress import Board
from ingest_worker.progress_server import ProgressServer
from ingest_worker.stopwatch import Stopwatch
from testkit.objects import kube_objects as kube

GOOD = b'{"stage":"transcribe","percent":21,"seconds":12.3}'
Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[str]:
    """A server of any manners; its address."""

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await answer(reader, writer)
        except ConnectionError:
            pass  # the poller had enough
        finally:
            writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def saying(data: bytes) -> Answer:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(data)
        await writer.drain()

    return answer


def http(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = (f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers)
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def looked(*answers: Answer, at_once: int = 32, patience: float = 30.0) -> dict[int, Progress]:
    """What a look at servers of such manners finds, by their places."""

    async def poll() -> dict[int, Progress]:
        async with AsyncExitStack() as stack:
            bases = [await stack.enter_async_context(serving(answer)) for answer in answers]
            poller = await stack.enter_async_context(ProgressPoller(at_once, patience))
            found = await poller.poll({(index, 1): base for index, base in enumerate(bases)})
        return {index: progress for (index, _), progress in found.items()}

    return asyncio.run(poll())


@pytest.fixture
def worker() -> Iterator[tuple[Board, str]]:
    """What a worker serves."""
    with socket() as free:
        free.bind(("", 0))
        port = int(free.getsockname()[1])
    board = Board(None, lambda: 12.34)
    server = ProgressServer(port, board.progress, Stopwatch(Sampler(None), born=0.0))
    yield board, f"http://127.0.0.1:{port}"
    server.close()


def test_a_real_worker_is_heard_once_it_has_begun(worker: tuple[Board, str]) -> None:
    board, base = worker

    async def reconciles() -> list[object]:
        async with ProgressPoller() as poller:
            before = await poller.poll({(3, 2): base})
            board.begin(Stage.TRANSCRIBE)(0.5)
            return [before, await poller.poll({(3, 2): base})]

    assert asyncio.run(reconciles()) == [
        {},
        {(3, 2): Progress(stage=Stage.TRANSCRIBE, percent=21, seconds=12.3)},
    ]


def has_ipv6() -> bool:
    """Whether this machine has a loopback of that family: a container often has none."""
    try:
        with socket(AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", pytest.param("::1", marks=pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here"))],
)
def test_a_worker_is_heard_at_the_address_of_its_pod_of_either_family(
    worker: tuple[Board, str], address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    board, base = worker
    board.begin(Stage.TRANSCRIBE)
    monkeypatch.setattr(batch_jobs, "PROGRESS_PORT", int(base.rpartition(":")[2]))
    found = batch_jobs.addresses({(3, 2): (kube.a_job(), kube.running_pod(podIP=address))})

    async def heard() -> list[tuple[int, int]]:
        async with ProgressPoller() as poller:
            return list(await poller.poll(found))

    assert asyncio.run(heard()) == [(3, 2)]


NONSENSE = {
    "no HTTP": b"hello\n",
    "nothing at all": b"",
    "no JSON": http(b"percent: 3"),
    "another form": http(b'{"stage":"transcribe","percent":21,"seconds":1.0,"more":1}'),
    "an impossible share": http(GOOD.replace(b"21", b"121")),
    "not a number": http(b'{"stage":"transcribe","percent":21,"seconds":NaN}'),
    "no text": http(b"\xff\xfe\x00"),
    "an error that carries an answer": http(GOOD, status="500 Oops"),
    "half of what was announced": http(GOOD + b" " * 20)[:-30],
    "too much": http(GOOD + b" " * MAX_ANSWER_BYTES),
    "compressed": http(b"\x1f\x8b\x08\x00garbage", "Content-Encoding: gzip"),
}


@pytest.mark.parametrize("data", NONSENSE.values(), ids=NONSENSE)
def test_nonsense_is_left_out_and_the_others_are_heard(data: bytes) -> None:
    found = looked(saying(data), saying(http(GOOD)))
    assert found == {1: Progress(stage=Stage.TRANSCRIBE, percent=21, seconds=12.3)}


async def stall(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()  # until the poller gives up


async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Announce an answer, begin it and never end it."""
    writer.write(http(GOOD)[:-3])
    await reader.read()


def test_who_does_not_answer_in_time_is_left_out_and_the_others_are_heard() -> None:
    assert list(looked(stall, saying(http(GOOD)), drip, patience=0.3)) == [1]


async def pour_body(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    while True:
        writer.write(b" " * 65536)
        await writer.drain()


async def pour_headers(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-More: " + b"x" * 8000 + b"\r\n")
        await writer.drain()


@pytest.mark.parametrize("pour", [pour_body, pour_headers])
def test_who_sends_without_end_is_cut_off_long_before_its_time_is_up(pour: Answer) -> None:
    began = time.monotonic()
    assert list(looked(pour, saying(http(GOOD)))) == [1]
    assert time.monotonic() - began < 20


def test_no_more_are_asked_at_once_than_allowed() -> None:
    here, most = 0, 0
    three = asyncio.Barrier(3)

    async def together(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal here, most
        here += 1
        most = max(most, here)
        await reader.readuntil(b"\r\n\r\n")
        await three.wait()
        here -= 1
        writer.write(http(GOOD))
        await writer.drain()

    assert len(looked(*[together] * 12, at_once=3)) == 12
    assert most == 3


def test_to_wait_behind_those_that_do_not_answer_costs_nobody_their_answer() -> None:
    assert list(looked(*[stall] * 6, saying(http(GOOD)), at_once=2, patience=0.2)) == [6]


def test_a_redirect_is_not_followed() -> None:
    visits = []

    async def elsewhere(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visits.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(http(GOOD))

    async def poll() -> object:
        async with serving(elsewhere) as other, ProgressPoller() as poller:
            redirect = http(b"", f"Location: {other}/progress", status="302 Found")
            async with serving(saying(redirect)) as base:
                return await poller.poll({(0, 1): base})

    assert asyncio.run(poll()) == {}
    assert visits == []


def test_no_proxy_is_asked(worker: tuple[Board, str], monkeypatch: pytest.MonkeyPatch) -> None:
    board, base = worker
    board.begin(Stage.FETCH)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{taken.getsockname()[1]}")

        async def poll() -> object:
            async with ProgressPoller() as poller:
                return list(await poller.poll({(0, 1): base}))

        assert asyncio.run(poll()) == [(0, 1)]


@pytest.mark.parametrize(
    "base", ["http://127.0.0.1:1", "http://[::1", "not an address", "", "ftp://127.0.0.1"]
)
def test_an_address_at_which_nobody_is_or_that_is_none_is_left_out(base: str) -> None:
    async def poll() -> object:
        async with ProgressPoller() as poller:
            return await poller.poll({(0, 1): base})

    assert asyncio.run(poll()) == {}


def test_workers_that_never_answer_keep_a_reconcile_no_longer_than_one_round() -> None:
    """However many they are: where a policy drops connections, each takes all its time."""

    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async def poll() -> dict[int, Progress]:
        async with AsyncExitStack() as stack:
            answers = [saying(http(GOOD)), *[silent] * 20]
            bases = [await stack.enter_async_context(serving(answer)) for answer in answers]
            poller = await stack.enter_async_context(ProgressPoller(1, patience=3600.0, of_round=0.5))
            async with asyncio.timeout(60.0):
                found = await poller.poll({(index, 1): base for index, base in enumerate(bases)})
                again = await poller.poll({(0, 1): bases[0]})
        assert again == found, "what was late holds no place"
        return {index: progress for (index, _), progress in found.items()}

    assert set(asyncio.run(poll())) == {0}
