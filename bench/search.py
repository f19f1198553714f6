"""How good and how quick search is.

`quality` asks the questions of `testkit/questions` of the store's own search: words as they were asked before
(every one must occur), words now, vectors alone, both by reciprocal ranks, and both as `search` adds them up.
nDCG@10 and recall@10; each question has one passage that answers it. `held out` asks what tuned nothing.

Each of the other rows is of that many passages (`search_scale`), which are made once and kept: COPY, the
index, its size; the latency of a whole search by both halves, warm, and the CPU time of both processes, which
is what a machine without other work would need; recall@10 of the index against exact search.

    python -m bench.search [--again] [ROW ...]
"""

import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
from pgvector import HalfVector

from bench.rows import Figures, rows_main
from bench.search_scale import DIMENSION, IDENTITY, TOP, scale
from ingest_worker.domain import FloatArray
from ingest_worker.engines.query import QueryEncoder
from ingest_worker.store.connect import Connection, connect, use_vectors
from ingest_worker.store.embedded import embedded
from ingest_worker.store.schema import ensure_dimension, migrate
from ingest_worker.store.search import Query, search
from testkit.models.demo_set import model
from testkit.questions.corpus import Asked, held_out, questions, store_corpus, texts

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


@contextmanager
def store() -> Iterator[Connection]:
    """An empty store of its own."""
    with tempfile.TemporaryDirectory(prefix="ingest-bench-") as folder, embedded(Path(folder) / "pg") as dsn:
        migrate(dsn)
        ensure_dimension(dsn, DIMENSION)
        with connect(dsn, application="bench", statement_timeout_seconds=0) as connection:
            use_vectors(connection)
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


def quality(asked: Sequence[Asked]) -> Figures:
    """Every method over these questions."""
    encoder = QueryEncoder(model("all-MiniLM-L6-v2"))
    with store() as connection:
        store_corpus(connection, np.stack([encoder.embed(text) for text in texts()]), IDENTITY)
        connection.execute("analyze")
        vectors = {each.text: encoder.embed(each.text) for each in asked}
        return {name: _measured(found, vectors, asked) for name, found in methods(connection).items()} | {
            "questions": len(asked),
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


def _measured(
    found: Callable[[Asked, FloatArray], Ranking], vectors: dict[str, FloatArray], questions: Sequence[Asked]
) -> Figures:
    ranks: dict[str, list[int | None]] = {}
    for asked in questions:
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


QUALITY: Final = ("quality", "held out")

ROWS: Final = {
    "quality": lambda: quality(questions()),
    "held out": lambda: quality(held_out()),
    "10k": lambda: scale(10_000),
    "100k": lambda: scale(100_000),
    "300k": lambda: scale(300_000),
    "1m": lambda: scale(1_000_000),
}


def table(rows: dict[str, Figures]) -> str:
    """Markdown, as in docs/search.md."""
    lines = []
    for row in QUALITY:
        kept = {name: each for name, each in rows.get(row, {}).items() if isinstance(each, dict)}
        groups = ("all", "paraphrase", "name", "number", "keywords", "en", "de")
        lines += [
            "",
            f"| {row}: nDCG@10 (recall@10) | {' | '.join(groups)} |",
            "|---" * (len(groups) + 1) + "|",
        ]
        for name, each in kept.items():
            cells = (f"{each[group]['ndcg']:.2f} ({each[group]['recall']:.2f})" for group in groups)
            lines.append(f"| {name} | {' | '.join(cells)} |")
    sizes = {name: each for name, each in rows.items() if name not in QUALITY}
    if sizes:
        columns = list(dict.fromkeys(column for each in sizes.values() for column in each))
        lines += ["", f"| passages | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
        for name, each in sizes.items():
            lines.append(f"| {name} | {' | '.join(str(each.get(column, '')) for column in columns)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(rows_main("search", __doc__, ROWS, table))
