"""The store of `bench.search` at a size: made once and kept in the cache, then measured as often as wanted.

Texts by Zipf's law over 20,000 words, 200 passages to a recording; vectors of 384 numbers that vary in 32
directions, as those of sentences do, and a little in all. Postgres has the settings of `_SETTINGS`.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from pgvector import HalfVector

from bench.rows import Figures
from ingest_worker.domain import FloatArray
from ingest_worker.store.connect import Connection, connect, use_vectors
from ingest_worker.store.embedded import embedded
from ingest_worker.store.schema import ensure_dimension, migrate
from ingest_worker.store.search import INDEX_CANDIDATES, Query, search
from testkit.cache import once, say

VERSION: Final = "1"
"""Of the stores: count it up if what is made here changes."""
DIMENSION: Final = 384
IDENTITY: Final = "all-MiniLM-L6-v2@bench"
TOP: Final = 10
WORDS: Final = 20_000
PER_RECORDING: Final = 200
ASKED: Final = 200
_CHUNK: Final = 100_000

_SETTINGS: Final = {"shared_buffers": "4GB", "max_wal_size": "8GB", "checkpoint_timeout": "30min"}
"""The first as Postgres' manual advises, up to a quarter of a server's memory: with the default of 128 MB,
the index of 100,000 vectors is read from the kernel again and again. The others concern making."""
_CORPUS: Final = """
insert into ingest.recording (id, url, title)
  select 'bench:' || i, 'https://media.example/' || i, 'Talk ' || i from generate_series(1, {recordings}) i;
insert into ingest.run (id, recording, batch, trace_id, number, pipeline_hash, started_at, finished_at,
                        seconds, media_seconds, language, models, figures)
  select gen_random_uuid(), id, 'default/bench', repeat('0', 32), 1, 'x', now(), now(), 1, 600, 'en', '{{}}',
         '{{}}' from ingest.recording;
update ingest.recording r set current_run = u.id from ingest.run u where u.recording = r.id;
insert into ingest.speaker (run, speaker, decision, name, threshold, seconds, voice_model)
  select id, 0, 'Named', 'Ann', 0.4, 600, 'voices@1' from ingest.run;
insert into ingest.embedding_model (model, dimension) values ('{model}', 384);
"""
_INDEX: Final = (
    "create index embeddings_384_nearest on ingest.embeddings_384 using hnsw (vector halfvec_cosine_ops)"
)
_SIZES: Final = (
    "select pg_total_relation_size('ingest.embeddings_384'), "
    "pg_relation_size('ingest.embeddings_384_nearest'), pg_total_relation_size('ingest.segment')"
)
_WARM: Final = """
select pg_prewarm(each) from unnest(array['ingest.segment', 'ingest.segment_pkey', 'ingest.segment_text',
  'ingest.embeddings_384', 'ingest.embeddings_384_pkey', 'ingest.embeddings_384_nearest']::regclass[]) each
"""


def scale(passages: int) -> Figures:
    """COPY, index, latency and recall with so many passages."""
    figures: Figures = json.loads((folder_of(passages) / "made.json").read_text("utf-8"))
    values = vectors(passages)
    with store(passages) as dsn, _connected(dsn) as connection:
        pages = connection.execute("show huge_pages_status").fetchone()
        figures["huge_pages"] = pages and pages[0]
        return figures | _latency(connection, values) | _recall(connection, values)


def folder_of(passages: int) -> Path:
    """Where the store lies, made now if it is not there."""
    return once(f"bench-search-{passages}", VERSION, partial(_make, passages))


@contextmanager
def store(passages: int) -> Iterator[str]:
    """The address of the store, all of it in memory."""
    with embedded(folder_of(passages) / "pg") as dsn:
        migrate(dsn)
        with _connected(dsn) as connection:
            connection.execute("create extension if not exists pg_prewarm")
            connection.execute(_WARM)
        yield dsn


@contextmanager
def _connected(dsn: str) -> Iterator[Connection]:
    with connect(dsn, application="bench", statement_timeout_seconds=0) as connection:
        use_vectors(connection)
        yield connection


@contextmanager
def _opened(folder: Path) -> Iterator[Connection]:
    with embedded(folder) as dsn:
        migrate(dsn)
        ensure_dimension(dsn, DIMENSION)
        with _connected(dsn) as connection:
            yield connection


def _make(passages: int, folder: Path) -> None:
    values = vectors(passages)
    with _opened(folder / "pg") as connection:
        for name, setting in _SETTINGS.items():
            connection.execute(f"alter system set {name} = '{setting}'".encode())
    figures: Figures = {}
    with _opened(folder / "pg") as connection:
        connection.execute("set maintenance_work_mem = '2GB'")
        connection.execute("drop index ingest.embeddings_384_nearest")
        # Without parameters: several statements at once.
        made = _CORPUS.format(model=IDENTITY, recordings=-(-passages // PER_RECORDING))
        connection.execute(made.encode())
        figures["texts_per_second"] = round(passages / _timed(lambda: _texts(connection, passages)))
        figures["vectors_per_second"] = round(passages / _timed(lambda: _copy(connection, values)))
        say(f"{json.dumps(figures)}; now the index")
        figures["index_seconds"] = round(_timed(lambda: connection.execute(_INDEX)), 1)
        connection.execute("vacuum analyze")
        row = connection.execute(_SIZES).fetchone()
        assert row is not None
        names = ("vectors_mb", "index_mb", "passages_mb")
        figures |= {name: round(each / 2**20) for name, each in zip(names, row, strict=True)}
    (folder / "made.json").write_text(json.dumps(figures), "utf-8")


@cache
def vectors(passages: int) -> FloatArray:
    """(passages, DIMENSION) L2-normalised: the same at each call."""
    random = np.random.default_rng(7)
    directions = random.standard_normal((32, DIMENSION)).astype(np.float32)
    made = np.empty((passages, DIMENSION), np.float32)
    for first in range(0, passages, _CHUNK):
        part = made[first : first + _CHUNK]
        part[:] = random.standard_normal((len(part), 32)).astype(np.float32) @ directions
        part += random.standard_normal(part.shape, dtype=np.float32)
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return made


def said(random: np.random.Generator, words: int) -> str:
    """So many words, the first of the law in about every second place."""
    return " ".join(f"w{number % WORDS}" for number in random.zipf(1.15, words))


def _texts(connection: Connection, passages: int) -> None:
    random = np.random.default_rng(8)
    runs = [row[0] for row in connection.execute("select id from ingest.run order by id").fetchall()]
    statement = (
        "copy ingest.segment (run, seq, start_seconds, end_seconds, speaker, text, first_word, end_word, "
        "language) from stdin"
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for i in range(passages):
            run, place = runs[i // PER_RECORDING], i % PER_RECORDING
            copy.write_row((run, place, place * 10, place * 10 + 9, 0, said(random, 40), i, i + 1, "en"))


def _copy(connection: Connection, values: FloatArray) -> None:
    ids = [row[0] for row in connection.execute("select id from ingest.segment order by id").fetchall()]
    statement = "copy ingest.embeddings_384 (segment, model, vector) from stdin (format binary)"
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(["int8", "int4", "halfvec"])
        for number, row in zip(ids, values, strict=True):
            copy.write_row((number, 1, HalfVector(row)))


def asked_at(passages: int) -> list[Query]:
    """Questions of six words, each with the vector of some passage."""
    random, values = np.random.default_rng(9), vectors(passages)
    return [
        Query(said(random, 6), values[int(place)], IDENTITY) for place in random.integers(0, passages, ASKED)
    ]


def _latency(connection: Connection, values: FloatArray) -> Figures:
    asked = asked_at(len(values))
    for each in asked:
        search(connection, each)
    server = Path(f"/proc/{connection.info.backend_pid}/schedstat")
    taken = []
    for each in asked:
        cpu = _cpu_ms(server)
        taken.append((1000 * _timed(partial(search, connection, each)), _cpu_ms(server) - cpu))
    figures: Figures = {}
    for name, each in zip(("", "cpu_"), np.array(taken).T, strict=True):
        for share in (50, 95):
            figures[f"{name}p{share}_ms"] = round(float(np.percentile(each, share)), 1)
    return figures


def _cpu_ms(server: Path) -> float:
    """Of this process and of the server's for this connection (`/proc`: nanoseconds first)."""
    return 1000 * time.process_time() + int(server.read_text("ascii").split()[0]) / 1e6


def _recall(connection: Connection, values: FloatArray) -> Figures:
    random = np.random.default_rng(10)
    ids = np.array(
        [row[0] for row in connection.execute("select id from ingest.segment order by id").fetchall()]
    )
    kept = values.astype(np.float16).astype(np.float32)
    found: dict[int, list[float]] = {40: [], 100: [], 200: [], INDEX_CANDIDATES: []}
    for place in random.integers(0, len(values), 100):
        near = values[place] + random.standard_normal(DIMENSION).astype(np.float32) * 0.02
        exact = set(ids[np.argpartition(-(kept @ near), TOP)[:TOP]].tolist())
        for ef, shares in found.items():
            with connection.transaction():
                connection.execute(f"set local hnsw.ef_search = {ef}; set local enable_seqscan = off")
                rows = connection.execute(
                    "select segment from ingest.shown_embeddings_384 order by vector <=> %s limit 10",
                    [HalfVector(near)],
                ).fetchall()
            shares.append(len(exact & {row[0] for row in rows}) / TOP)
    return {f"recall_ef_{ef}": round(float(np.mean(shares)), 3) for ef, shares in found.items()}


def _timed(done: Callable[[], Any]) -> float:
    started = time.monotonic()
    done()
    return time.monotonic() - started
