"""Two hundred clients of a reader at once: what fails, and how long answers take.

The corpus has 100,000 passages (`reader_corpus`), each with the same twelve words, which is the worst that a
search can meet; the rows of made texts ask the store of `bench.search` at that size, whose words are as rare
and as common as those of a language. The reader is a process of its own, as `ingestctl serve` runs it, but
for the text model: vectors of questions are made by hand. Clients ask without a pause, each on a connection
of its own, in this process and so on the same cores. Milliseconds.

    python -m bench.reader [--again] [ROW ...]
"""

import asyncio
import itertools
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import httpx2
import numpy as np

from bench import search_scale
from bench.reader_corpus import RECORDINGS, VERSION, WORDS, embed, fill
from bench.rows import Figures, rows_main
from ingest_reader.app import application
from ingest_reader.corpus import Corpus, Embed, Embedded
from ingest_reader.guard import Access
from ingest_reader.serving import Door, serve
from ingest_worker.store.embedded import embedded
from ingest_worker.store.reading.pool import ReadingPool
from ingest_worker.store.schema import migrate
from testkit.cache import once

CLIENTS: Final = 200
ASKED_TIMES: Final = 5
"""By each of them."""
ASKED_ALONE_TIMES: Final = 200
"""By a client alone: of fewer answers the slowest twentieth is an accident."""

COLUMNS: Final = ("answers", "failed", "p50", "p95", "per_second")

PATHS: Final = {
    "page of a transcript": "/recordings/bench:{n}",
    "page of a search": "/?q=the+{word}+and+the+{other}",
    "page of recordings": "/recordings?title={n}",
    "page of speakers": "/speakers",
    "JSON of a search": "/api/v1/search?q=the+{word}+and+the+{other}",
    "JSON of a passage": "/api/v1/passages/bench:{n}?at=120",
    "JSON of a transcript": "/api/v1/transcripts/bench:{n}",
}


MADE_PATHS: Final = {
    "page of a search, made texts": "/?q={said}",
    "JSON of a search, made texts": "/api/v1/search?q={said}",
}
MADE_PASSAGES: Final = 100_000


def _drawn(text: str) -> Embedded:
    """A vector for a question over made texts."""
    values = np.random.default_rng(sum(text.encode())).standard_normal(search_scale.DIMENSION)
    return Embedded((values / np.linalg.norm(values)).astype(np.float32), search_scale.IDENTITY)


def _reader(dsn: str, embedder: Embed, port: Any) -> None:
    with ReadingPool(dsn) as pool:
        app = application(Corpus(pool, embedder), Access())
        serve(app, Door("127.0.0.1", 0), lambda door: port.send(door.port))


@contextmanager
def corpus() -> Iterator[str]:
    """The address of the store, made if it is not there yet."""
    with embedded(once("bench-reader", VERSION, _make) / "pg") as dsn:
        migrate(dsn)
        yield dsn


def _make(folder: Path) -> None:
    with embedded(folder / "pg") as dsn:
        fill(dsn)


@contextmanager
def reader(dsn: str, embedder: Embed) -> Iterator[str]:
    """The address of a reader over a store."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_reader, args=(dsn, embedder, there))
    process.start()
    try:
        yield f"http://127.0.0.1:{here.recv()}"
    finally:
        process.terminate()
        process.join()


def path_of(kind: str, number: int) -> str:
    """The number-th address of a kind."""
    if kind in MADE_PATHS:
        asked = search_scale.said(np.random.default_rng(number), 6)
        return MADE_PATHS[kind].format(said=asked.replace(" ", "+"))
    word, other = WORDS[number % len(WORDS)], WORDS[(number * 7 + 3) % len(WORDS)]
    return PATHS[kind].format(n=number * 37 % RECORDINGS, word=word, other=other)


async def crowd(address: str, paths: Iterator[str], clients: int) -> Figures:
    """All clients ask at once, each again and again."""
    times = ASKED_TIMES if clients > 1 else ASKED_ALONE_TIMES
    taken: list[float] = []
    failed: list[str] = []

    async def client() -> None:
        async with httpx2.AsyncClient(base_url=address, timeout=120) as session:
            for _ in range(times):
                path, began = next(paths), time.perf_counter()
                try:
                    answer = await session.get(path)
                except httpx2.HTTPError as error:
                    failed.append(repr(error))
                    continue
                taken.append((time.perf_counter() - began) * 1000)
                if answer.status_code != httpx2.codes.OK:
                    failed.append(f"{answer.status_code} {path}")

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    seconds = time.perf_counter() - began
    p50, p95 = (round(float(each), 1) for each in np.percentile(taken or [0.0], [50, 95]))
    return {
        "clients": clients, "answers": len(taken), "failed": len(failed), "p50": p50, "p95": p95,
        "per_second": round(len(taken) / seconds, 1), "first_failures": failed[:3],
    }  # fmt: skip


def measured(kind: str | None, clients: int) -> Figures:
    """One kind of answer, or all in turn."""
    kinds = itertools.cycle([kind] if kind else PATHS)
    paths = (path_of(each, number) for number, each in enumerate(kinds))
    made = kind in MADE_PATHS
    kept = search_scale.store(MADE_PASSAGES) if made else corpus()
    with kept as dsn, reader(dsn, _drawn if made else embed) as address:
        httpx2.get(address, timeout=120)
        return asyncio.run(crowd(address, paths, clients))


def everything() -> dict[str, Callable[[], Figures]]:
    """The rows."""
    alone = {f"{kind}, one client": partial(measured, kind, 1) for kind in (*PATHS, *MADE_PATHS)}
    return {f"everything, {CLIENTS} clients": partial(measured, None, CLIENTS), **alone}


def table(rows: dict[str, Figures]) -> str:
    """As docs/performance.md has it."""
    head = "| what is asked | answers | failed | p50 | p95 | answers/s |\n|---|---|---|---|---|---|\n"
    return head + "\n".join(
        f"| {name} | {' | '.join(str(each[key]) for key in COLUMNS)} |" for name, each in rows.items()
    )


if __name__ == "__main__":
    sys.exit(rows_main("reader", __doc__, everything(), table))
