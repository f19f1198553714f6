"""How good and how quick search is.

`quality` asks the questions of `testkit/questions` of the store's own search: words as they were asked before
(every one must occur), words now, vectors alone, both by reciprocal ranks, and both as `search` adds them up.
nDCG@10 and recall@10; each question has one passage that answers it.

Each of the other rows makes that many passages: texts by Zipf's law over 20,000 words, 200 to a recording;
vectors of 384 numbers that vary in 32 directions, as those of sentences do, and a little in all. COPY, the
index, its size; the latency of a whole search by both halves, warm; recall@10 of the index against exact
search.

    python -m bench.search [--again] [ROW ...]
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from pgvector import HalfVector

from bench.rows import Figures, rows_main
from ingest_worker.domain import FloatArray
from ingest_worker.engines.query import QueryEncoder
from ingest_worker.store.connect import Connection, connect, use_vectors
from ingest_worker.store.embedded import embedded
from ingest_worker.store.schema import ensure_dimension, migrate
from ingest_worker.store.search import INDEX_CANDIDATES, Query, search
from testkit.models.demo_set import model
from testkit.questions.corpus import Asked, questions, store_corpus, texts

DIMENSION: Final = 384
IDENTITY: Final = "all-MiniLM-L6-v2@bench"
TOP: Final = 10
WORDS: Final = 20_000
PER_RECORDING: Final = 200
ASKED: Final = 200

Ranking = Sequence[str]
"""Texts of passages, best first."""

_BEFORE: Final = """
select s.text from (select distinct language from ingest.shown_run) l
  join ingest.shown_segment s
    on s.language = l.language and s.tsv @@ ingest.asked(ingest.text_configuration(l.language), %(text)s)
 order by ts_rank_cd(s.tsv, ingest.asked(ingest.text_configuration(l.language), %(text)s)) desc, s.id limit 50
"""
_NEAREST: Final = """
select s.text from ingest.shown_embeddings_384 e join ingest.shown_segment s on s.id = e.segment
 order by e.vector <=> %(vector)s limit 50
"""
_CORPUS: Final = """
insert into ingest.recording (id, url, title)
  select 'bench:' || i, 'https://media.example/' || i, 'Talk ' || i from generate_series(1, %(recordings)s) i;
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


@contextmanager
def store() -> Iterator[Connection]:
    """An empty store of its own."""
    with tempfile.TemporaryDirectory(prefix="ingest-bench-") as folder, embedded(Path(folder) / "pg") as dsn:
        migrate(dsn)
        ensure_dimension(dsn, DIMENSION)
        with connect(dsn, application="bench", statement_timeout_seconds=0) as connection:
            use_vectors(connection)
            connection.execute("set maintenance_work_mem = '1GB'")
            yield connection


def gain(rank: int | None) -> float:
    """nDCG@10 of one question with one answer: 1 / log2(1 + rank)."""
    return 0.0 if rank is None or rank > TOP else float(1 / np.log2(1 + rank))


def fused_by_rank(*rankings: Ranking) -> Ranking:
    """By reciprocal ranks, k = 60 (Cormack, Clarke, Buettcher, SIGIR 2009)."""
    scores: dict[str, float] = {}
    for ranking in rankings:
        for place, text in enumerate(ranking, start=1):
            scores[text] = scores.get(text, 0) + 1 / (60 + place)
    return sorted(scores, key=lambda text: -scores[text])


def quality() -> Figures:
    """Every method over every question."""
    encoder = QueryEncoder(model("all-MiniLM-L6-v2"))
    with store() as connection:
        store_corpus(connection, np.stack([encoder.embed(text) for text in texts()]), IDENTITY)
        connection.execute("analyze")
        vectors = {asked.text: encoder.embed(asked.text) for asked in questions()}
        return {name: _measured(found, vectors) for name, found in methods(connection).items()} | {
            "questions": len(questions()),
            "passages": len(texts()),
        }


def methods(connection: Connection) -> dict[str, Callable[[Asked, FloatArray], Ranking]]:
    """Name to ranking."""

    def before(asked: Asked, _: FloatArray) -> Ranking:
        return [row[0] for row in connection.execute(_BEFORE, {"text": asked.text})]

    def words(asked: Asked, _: FloatArray) -> Ranking:
        return [hit.text for hit in search(connection, Query(asked.text, None, None, 50)).hits]

    def vectors(_: Asked, vector: FloatArray) -> Ranking:
        return [row[0] for row in connection.execute(_NEAREST, {"vector": HalfVector(vector)})]

    def by_rank(asked: Asked, vector: FloatArray) -> Ranking:
        return fused_by_rank(words(asked, vector), vectors(asked, vector))

    def both(asked: Asked, vector: FloatArray) -> Ranking:
        return [hit.text for hit in search(connection, Query(asked.text, vector, IDENTITY, 50)).hits]

    def as_before(asked: Asked, vector: FloatArray) -> Ranking:
        return fused_by_rank(before(asked, vector), vectors(asked, vector))

    return {
        "words before": before,
        "words": words,
        "vectors": vectors,
        "both before": as_before,
        "both by rank": by_rank,
        "both": both,
    }


def _measured(found: Callable[[Asked, FloatArray], Ranking], vectors: dict[str, FloatArray]) -> Figures:
    ranks: dict[str, list[int | None]] = {}
    for asked in questions():
        ranking = list(found(asked, vectors[asked.text]))
        rank = ranking.index(asked.answer) + 1 if asked.answer in ranking else None
        for group in ("all", asked.kind, asked.language):
            ranks.setdefault(group, []).append(rank)
    return {
        group: {
            "ndcg": round(float(np.mean([gain(rank) for rank in each])), 3),
            "recall": round(float(np.mean([rank is not None and rank <= TOP for rank in each])), 3),
        }
        for group, each in ranks.items()
    }


def scale(passages: int) -> Figures:
    """COPY, index, latency and recall with so many passages."""
    random = np.random.default_rng(7)
    values = _vectors(random, passages)
    with store() as connection:
        connection.execute("drop index ingest.embeddings_384_nearest")
        # Without parameters: several statements at once.
        made = _CORPUS.format(model=IDENTITY).replace("%(recordings)s", str(-(-passages // PER_RECORDING)))
        connection.execute(made.encode())
        figures: Figures = {
            "texts_per_second": round(passages / _timed(lambda: _texts(connection, passages)))
        }
        seconds = _timed(lambda: _copy(connection, values))
        figures["vectors_per_second"] = round(passages / seconds)
        figures["index_seconds"] = round(_timed(lambda: connection.execute(_INDEX)), 1)
        connection.execute("vacuum analyze")
        row = connection.execute(_SIZES).fetchone()
        assert row is not None
        names = ("vectors_mb", "index_mb", "passages_mb")
        figures |= {name: round(each / 2**20) for name, each in zip(names, row, strict=True)}
        return figures | _latency(connection, values) | _recall(connection, values)


def _vectors(random: np.random.Generator, passages: int) -> FloatArray:
    directions = random.standard_normal((32, DIMENSION)).astype(np.float32)
    values = random.standard_normal((passages, 32)).astype(np.float32) @ directions
    values += random.standard_normal((passages, DIMENSION)).astype(np.float32)
    made: FloatArray = values / np.linalg.norm(values, axis=1, keepdims=True)
    return made


def _said(random: np.random.Generator, words: int) -> str:
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
            copy.write_row((run, place, place * 10, place * 10 + 9, 0, _said(random, 40), i, i + 1, "en"))


def _copy(connection: Connection, values: FloatArray) -> None:
    ids = [row[0] for row in connection.execute("select id from ingest.segment order by id").fetchall()]
    statement = "copy ingest.embeddings_384 (segment, model, vector) from stdin (format binary)"
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(["int8", "int4", "halfvec"])
        for number, row in zip(ids, values, strict=True):
            copy.write_row((number, 1, HalfVector(row)))


def _latency(connection: Connection, values: FloatArray) -> Figures:
    random = np.random.default_rng(9)
    asked = [
        Query(_said(random, 6), values[int(place)], IDENTITY)
        for place in random.integers(0, len(values), ASKED)
    ]
    for each in asked[:20]:
        search(connection, each)
    both = np.array([_timed(partial(search, connection, each)) for each in asked]) * 1000
    return {
        "p50_ms": round(float(np.percentile(both, 50)), 1),
        "p95_ms": round(float(np.percentile(both, 95)), 1),
    }


def _recall(connection: Connection, values: FloatArray) -> Figures:
    random = np.random.default_rng(10)
    ids = np.array(
        [row[0] for row in connection.execute("select id from ingest.segment order by id").fetchall()]
    )
    kept = values.astype(np.float16).astype(np.float32)
    found: dict[int, list[float]] = {40: [], INDEX_CANDIDATES: [], 200: []}
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


ROWS: Final = {
    "quality": quality,
    "10k": lambda: scale(10_000),
    "100k": lambda: scale(100_000),
}


def table(rows: dict[str, Figures]) -> str:
    """Markdown, as in docs/search.md."""
    lines = []
    if "quality" in rows:
        kept = {name: each for name, each in rows["quality"].items() if isinstance(each, dict)}
        groups = ("all", "paraphrase", "name", "number", "keywords", "en", "de")
        lines += [f"| nDCG@10 (recall@10) | {' | '.join(groups)} |", "|---" * (len(groups) + 1) + "|"]
        for name, each in kept.items():
            cells = (f"{each[group]['ndcg']:.2f} ({each[group]['recall']:.2f})" for group in groups)
            lines.append(f"| {name} | {' | '.join(cells)} |")
    sizes = {name: each for name, each in rows.items() if name != "quality"}
    if sizes:
        lines += ["", f"| passages | {' | '.join(next(iter(sizes.values())))} |", "|---" * 12 + "|"]
        lines += [f"| {name} | {' | '.join(map(str, each.values()))} |" for name, each in sizes.items()]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(rows_main("search", __doc__, ROWS, table))
