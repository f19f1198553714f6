"""Search by meaning and by words at once: nearest vectors and the words of the question, rare ones counting
most.

A question finds what holds any of its words; quotes make a phrase that must occur, a minus a word that must
not. Each language is searched with its own dictionary, and scripts without spaces between words by pairs of
characters. How a score comes about: `docs/search.md`; why: docs/decisions/0050.
"""

from dataclasses import replace
from typing import Any, Final

from psycopg import sql
from psycopg.rows import dict_row

from ingest_contract.failures import Reason
from ingest_worker.errors import StageError
from ingest_worker.store.connect import Connection, use_vectors
from ingest_worker.store.errors import translated
from ingest_worker.store.schema import unsound_pgvector
from ingest_worker.store.searching.absent import absent
from ingest_worker.store.searching.fusion import best_first, folded, scores
from ingest_worker.store.searching.lookup import StoreSummary, counted_in_store, stored
from ingest_worker.store.searching.snippets import marked, snippet
from ingest_worker.store.searching.statement import (
    FEW_PASSAGES,
    MOST_FITTING_PASSAGES,
    candidates_of,
    narrowing,
    parameters,
    statement,
)
from ingest_worker.store.searching.terms import MOST_FOUND_PASSAGES, fault_of, terms_of, within_bounds
from ingest_worker.store.searching.values import (
    Answer,
    By,
    Filters,
    Folded,
    Hit,
    Piece,
    Query,
)
from ingest_worker.store.searching.weights import MOST_COMPARED_PASSAGES, Choice, Counted, chosen, rarest

__all__ = [
    "MOST_FOUND_PASSAGES",
    "Answer",
    "By",
    "Filters",
    "Folded",
    "Hit",
    "Piece",
    "Query",
    "fault_of",
    "search",
]

INDEX_CANDIDATES: Final = 300
"""Passages that a walk of the vectors' index keeps in sight: recall against exact search is in
docs/search.md."""
MOST_WALKED_PASSAGES: Final = 100_000
"""Passages after which a walk that filters leave too few of is given up; five times pgvector's own."""
_WALKING_MEMORY_FACTOR: Final = 8
"""Of `work_mem`, for what a walk has seen."""


def search(connection: Connection, query: Query) -> Answer:
    """The best passages, best first; none if nothing is stored.

    Raises:
        StageError: `DIMENSION_MISMATCH` if the store's vectors are only of other models: half an answer would
            look like a whole one. `ORDER_INVALID` for a question that cannot be answered (`fault_of`).
    """
    if fault := fault_of(query.text):
        raise StageError(Reason.ORDER_INVALID, f"The question {fault}.")
    with translated("searching"), connection.transaction():
        store = stored(connection)
        model, of = _model(store, query), store.passages
        if not of or (query.vector is not None and model is None):
            return Answer((), By.WORDS if query.vector is None else By.BOTH, (), (), ())
        counted, silent = _words(connection, query, of)
        if query.vector is None and not any(each.is_asked for each in counted):
            said = "The question has only words that say nothing, such as `what` and `the`."
            raise StageError(Reason.ORDER_INVALID, said)
        choice = chosen(counted, of)
        hits, said_of_hits = _hits(connection, query, counted, choice, (model, of))
        texts = marked(connection, hits, counted)
        notes = (*said_of_hits, *_notes(connection, query, choice, store))
        if not hits:
            notes = (*notes, *absent(connection, query.filters))
    return Answer(
        tuple(_with_snippet(hit, texts) for hit in hits),
        _by(query, counted),
        tuple(each.term.text for each in counted if each.is_asked),
        silent,
        notes,
    )


def tuned(connection: Connection) -> None:
    """Set, for this transaction, how the vectors' index is walked.

    A filter on an HNSW scan of fixed depth leaves few rows or none; an iterative scan continues (pgvector
    README, 0.8.0). `relaxed_order` may give near neighbours out of order, which are sorted afterwards.
    Compiling costs more than the statement: the planner's estimate of a walk to its end is large enough for
    that, and no walk goes there. It also expects words in 200 passages where they are in thousands, and would
    sort those to join them with the hundred best.
    """
    use_vectors(connection)
    connection.execute(
        f"set local hnsw.iterative_scan = relaxed_order; set local hnsw.ef_search = {INDEX_CANDIDATES}; "
        f"set local hnsw.max_scan_tuples = {MOST_WALKED_PASSAGES}; "
        f"set local hnsw.scan_mem_multiplier = {_WALKING_MEMORY_FACTOR}; set local jit = off; "
        "set local enable_mergejoin = off"
    )


def _words(connection: Connection, query: Query, of: int) -> tuple[tuple[Counted, ...], tuple[str, ...]]:
    """The terms that are compared, and the words that are not."""
    terms, beyond = within_bounds(terms_of(query.text))
    found = counted_in_store(connection, terms, of)
    compared, common = rarest([each for each in found if each.queries])
    silent = [each.term.text for each in found if not each.queries]
    silent += [each.term.text for each in common]
    silent += [each.text for each in beyond]
    return compared, tuple(silent)


def _hits(
    connection: Connection,
    query: Query,
    counted: tuple[Counted, ...],
    choice: Choice,
    stored: tuple[int | None, int],
) -> tuple[tuple[Hit, ...], tuple[str, ...]]:
    """(the best of the candidates, what must be told of them): of more candidates, if there are some and
    these fold into too few hits. `stored` is the model's number and about how many passages there are."""
    tuned(connection)
    walk = not _is_few(connection, query)
    hits: tuple[Hit, ...] = ()
    notes: tuple[str, ...] = ()
    for candidates in candidates_of(query.limit):
        given = parameters(query, counted, *stored, candidates)
        rows = _rows(connection, statement(query, counted, choice, walk=walk), given)
        if walk and query.vector is not None and _near(rows) < min(candidates, stored[1]):
            walk = False  # it gave up
            rows = _rows(connection, statement(query, counted, choice, walk=walk), given)
        if rows and (rows[0]["fitting"] or 0) > MOST_FITTING_PASSAGES:
            notes = (_TOO_MANY,)
        hits = folded(best_first(_found(rows, counted)), query.limit)
        if len(hits) == query.limit or len(rows) < candidates:
            break
    return hits, notes


_TOO_MANY: Final = (
    f"More than {MOST_FITTING_PASSAGES:,} passages fit the filters, all far from the question: that many "
    "were compared by their meaning. Narrow it further."
)


def _rows(connection: Connection, asked: sql.Composed, given: dict[str, Any]) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(asked, given).fetchall()


def _near(rows: list[dict[str, Any]]) -> int:
    """How many passages the walk of the vectors' index has found."""
    return rows[0]["near"] if rows else 0


def _is_few(connection: Connection, query: Query) -> bool:
    """Whether so few passages fit the filters that each is compared at once."""
    counting = None if query.vector is None else narrowing(query)
    if counting is None:
        return False
    row = connection.execute(counting, query.filters.asked()).fetchone()
    return row is not None and row[0] <= FEW_PASSAGES


def _found(rows: list[dict[str, Any]], counted: tuple[Counted, ...]) -> list[Hit]:
    asked = any(each.is_asked for each in counted)
    worded = [min(1.0, float(row["words"] or 0)) if asked else None for row in rows]
    scored = scores([(row["similarity"], words) for row, words in zip(rows, worded, strict=True)])
    texts = [each.term.text for each in counted]
    return [
        Hit(
            **{name: value for name, value in row.items() if name not in _OF_THE_SEARCH},
            score=score,
            word_score=words,
            matched=tuple(texts[place] for place in sorted(row["places"])),
        )
        for row, words, score in zip(rows, worded, scored, strict=True)
    ]


_OF_THE_SEARCH: Final = frozenset({"words", "places", "near", "fitting"})
"""Columns that are no fields of a hit."""


def _with_snippet(hit: Hit, texts: dict[int, str]) -> Hit:
    return replace(hit, snippet=snippet(texts.get(hit.segment, hit.text)))


def _by(query: Query, counted: tuple[Counted, ...]) -> By:
    if query.vector is None:
        return By.WORDS
    return By.BOTH if any(each.is_asked for each in counted) else By.MEANING


def _notes(connection: Connection, query: Query, choice: Choice, store: StoreSummary) -> tuple[str, ...]:
    found = []
    if choice.all_of:
        rarest_word = choice.any_of[0].term.text
        found.append(
            f"Every word of the question is common ({rarest_word!r} is in more than "
            f"{MOST_COMPARED_PASSAGES:,} passages), so not every passage with one of them was compared. "
            "Ask for more, or use a filter."
        )
    others = [(name, size) for name, (_, size) in store.models.items() if name != query.model]
    if query.model and (names := [name for name, size in others if _has_vectors(connection, name, size)]):
        found.append(
            f"Passages with vectors of {', '.join(names)} only were searched by their words: "
            "vectors of two models are never compared. A batch of the store embeds them with this one "
            "(examples/relabel.yaml)."
        )
    if query.vector is not None and store.pgvector and (said := unsound_pgvector(store.pgvector)):
        found.append(said)
    return tuple(found)


def _has_vectors(connection: Connection, model: str, dimension: int) -> bool:
    asked = sql.SQL(
        "select exists (select from {} e join ingest.shown_model m on m.id = e.model where m.model = %s)"
    ).format(sql.Identifier("ingest", f"shown_embeddings_{dimension}"))
    return connection.execute(asked, [model]).fetchone() == (True,)


def _model(store: StoreSummary, query: Query) -> int | None:
    known = store.models
    if query.vector is None or not known:
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
    return number
