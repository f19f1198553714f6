"""Search by meaning and by words at once: nearest vectors and full text, fused by reciprocal rank.

Score = sum of 1 / (60 + rank) over the two lists (Cormack, Clarke, Buettcher, "Reciprocal Rank Fusion", SIGIR
2009, whose k = 60 it is). Ranks need no common scale, so a cosine and a text rank can be added. Full text is
Postgres' web search: all words must occur, quotes make a phrase, a minus excludes; each language is searched
with its own dictionary. Scripts without spaces between words are stored and searched as pairs of characters
(`migrations/*_search.sql`, docs/decisions/0013).
"""

import unicodedata
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from pgvector import HalfVector
from psycopg import sql
from psycopg.rows import class_row

from ingest_contract.captions import TranscriptSource
from ingest_contract.failures import Reason
from ingest_worker.domain import FloatArray
from ingest_worker.errors import StageError
from ingest_worker.store.connect import Connection, use_vectors
from ingest_worker.store.errors import translated

FUSION_K: Final = 60

LONGEST_QUESTION_CHARACTERS: Final = 1_000
"""Characters. Text models see about 512 tokens,
and a question of 20,000 words exceeds the depth of Postgres' stack."""

_CANDIDATES_FACTOR: Final = 4
"""Each list has this many times the passages that are wanted, and at least `_FEWEST_CANDIDATES`: a passage
late in one list may be early in the other."""
_FEWEST_CANDIDATES: Final = 50


@dataclass(frozen=True, slots=True)
class Query:
    """What to search for."""

    text: str
    vector: FloatArray
    """(dimension,) vector of the text, by `model`."""
    model: str
    """`name@sha256-prefix`: only vectors of this model are compared."""
    limit: int = 10
    speaker: str | None = None
    """A name, or `unknown #k`."""
    published_from: date | None = None
    """The first day, in UTC. A recording without a date is left out if either bound is given."""
    published_before: date | None = None
    """The first day that no longer counts."""
    recording: str | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage that was found."""

    recording: str
    title: str
    url: str
    published_at: datetime | None
    speaker: str | None
    start: float
    end: float
    text: str
    score: float
    vector_rank: int | None
    """Rank in the list by meaning, from 1; None if it is not in it."""
    similarity: float | None
    """Cosine similarity."""
    text_rank: int | None
    """Rank in the list by words."""
    transcript_source: TranscriptSource
    """Where its words are from."""


_SEARCH: Final = """
with eligible as not materialized (
  select s.id, s.run, s.language, s.tsv, s.start_seconds, s.end_seconds, s.text, p.label,
         v.id as recording, v.title, v.url, v.published_at
    from ingest.shown_segment s
    join ingest.shown_recording v on v.current_run = s.run
    left join ingest.shown_speaker p on p.run = s.run and p.speaker = s.speaker
   where {filters}
), nearest as materialized (
  select e.segment as id, e.vector <=> %(vector)s as distance
    from {table} e join eligible s on s.id = e.segment
   where e.model = %(model)s
   order by e.vector <=> %(vector)s
   limit %(candidates)s
), worded as materialized (
  select s.id, ts_rank_cd(s.tsv, asked.query) as rank
    from (select language, ingest.asked(ingest.text_configuration(language), %(text)s) as query
            from (select distinct r.language
                    from ingest.shown_run r
                    join ingest.shown_recording v on v.current_run = r.id) languages) asked
    join eligible s on s.language = asked.language and s.tsv @@ asked.query
   order by rank desc, s.id
   limit %(candidates)s
), by_vector as (
  select id, 1 - distance as similarity, row_number() over (order by distance, id)::int as place from nearest
), by_text as (
  select id, row_number() over (order by rank desc, id)::int as place from worded
)
select s.recording, s.title, s.url, s.published_at, s.label as speaker, s.start_seconds as start,
       s.end_seconds as end, s.text,
       (coalesce(1.0 / (%(k)s + a.place), 0) + coalesce(1.0 / (%(k)s + b.place), 0))::float8 as score,
       a.place as vector_rank, a.similarity, b.place as text_rank,
       r.transcript_source
  from by_vector a full join by_text b using (id)
  join eligible s using (id)
  join ingest.shown_run r on r.id = s.run
 order by score desc, a.similarity desc nulls last, s.id
 limit %(limit)s
"""

_FILTERS: Final = {
    "speaker": sql.SQL("p.label = %(speaker)s"),
    "published_from": sql.SQL("v.published_at >= %(published_from)s::date at time zone 'UTC'"),
    "published_before": sql.SQL("v.published_at < %(published_before)s::date at time zone 'UTC'"),
    "recording": sql.SQL("v.id = %(recording)s"),
}


def search(connection: Connection, query: Query) -> tuple[Passage, ...]:
    """The best passages, best first; none if nothing is stored.

    Raises:
        StageError: `DIMENSION_MISMATCH` if the store's vectors are only of other models: half an answer would
            look like a whole one. `ORDER_INVALID` for a question that cannot be answered (`fault_of`).
    """
    if fault := fault_of(query.text):
        raise StageError(Reason.ORDER_INVALID, f"The question {fault}.")
    with translated("searching"), connection.transaction():
        use_vectors(connection)
        model = _model(connection, query)
        if model is None:
            return ()
        # A filter on an HNSW scan of fixed depth leaves few rows or none; an iterative scan continues
        # (pgvector README, 0.8.0). `relaxed` may give near neighbours out of order, which `row_number` fixes.
        connection.execute("set local hnsw.iterative_scan = relaxed_order")
        connection.execute("set local hnsw.ef_search = 100")
        with connection.cursor(row_factory=class_row(Passage)) as cursor:
            return tuple(cursor.execute(statement(query), _parameters(query, model)))


def fault_of(question: str) -> str | None:
    """Why a question cannot be answered; None if it can.

    Every text has a nearest passage: for a question without a letter or a digit it would be arbitrary.
    """
    if not any(unicodedata.category(character)[0] in "LN" for character in question):
        return "has no word to search for"
    if len(question) > LONGEST_QUESTION_CHARACTERS:
        return f"has {len(question):,} characters; at most {LONGEST_QUESTION_CHARACTERS:,} can be asked"
    return None


def statement(query: Query) -> sql.Composed:
    """The query's SQL, with only the conditions that it sets,
    so that Postgres' planner sees what there is."""
    filters = [condition for name, condition in _FILTERS.items() if getattr(query, name) is not None]
    table = sql.Identifier("ingest", f"shown_embeddings_{query.vector.shape[0]}")
    return sql.SQL(_SEARCH).format(table=table, filters=sql.SQL(" and ").join(filters or [sql.SQL("true")]))


def _parameters(query: Query, model: int) -> dict[str, Any]:
    asked = {name: getattr(query, name) for name in ("text", "limit", *_FILTERS)}
    candidates = max(_FEWEST_CANDIDATES, _CANDIDATES_FACTOR * query.limit)
    return {
        **asked,
        "vector": HalfVector(query.vector),
        "model": model,
        "candidates": candidates,
        "k": FUSION_K,
    }


def _model(connection: Connection, query: Query) -> int | None:
    known = {
        row[0]: row[1:] for row in connection.execute("select model, id, dimension from ingest.shown_model")
    }
    if not known:
        return None
    dimension = query.vector.shape[0]
    if query.model not in known:
        said = (
            f"The store has no vectors of {query.model}; it has some of {', '.join(sorted(known))}. "
            "Use that model, or embed again."
        )
        raise StageError(Reason.DIMENSION_MISMATCH, said)
    number, expected = known[query.model]
    if expected != dimension:
        raise StageError(
            Reason.DIMENSION_MISMATCH,
            f"{query.model} makes {dimension} numbers here, and made {expected} for the store.",
        )
    return int(number)
