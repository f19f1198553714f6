"""The terms of a question as the store has them: in the dictionary of each language, and in how many passages
each is.

Common words are in the statistics that Postgres' ANALYZE keeps, at no cost; what is not there is rare, and
counted through the index, up to a bound.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from psycopg import sql

from ingest_worker.store.connect import Connection
from ingest_worker.store.searching.terms import Term, TermKind
from ingest_worker.store.searching.weights import MOST_COMPARED_PASSAGES, Counted

_LANGUAGES: Final = """
with recursive spoken (language) as (
  select min(r.language) from ingest.shown_run r where r.superseded_at is null
  union all
  select (select min(r.language) from ingest.shown_run r
           where r.superseded_at is null and r.language > spoken.language)
    from spoken where spoken.language is not null
)
select language, ingest.text_configuration(language)::text from spoken where language is not null
"""
"""From each language to the next by its index: of tens of thousands of runs, a few are read."""
_STORED: Final = """
select ingest.passage_count(),
       (select extversion from pg_extension where extname = 'vector'),
       (select coalesce(json_agg(json_build_array(model, id, dimension) order by model), '[]')
          from ingest.shown_model)
"""
_ASKED: Final = """
select t.place::int, c.configuration, ingest.asked(c.configuration::regconfig, t.text)::text
  from unnest(%(terms)s::text[]) with ordinality as t (text, place)
 cross join unnest(%(configurations)s::text[]) as c (configuration)
"""
_COMMON: Final = "select lexeme, share from ingest.common_words() where lexeme = any(%s)"
_RARE: Final = sql.SQL(
    "(select count(*) from (select from ingest.shown_segment where tsv @@ {}::tsquery limit {}) found)"
)
_LEXEME: Final = re.compile(r"'((?:[^'\\]|''|\\\\)*)'")
_SIMPLE: Final = "simple"


@dataclass(frozen=True, slots=True)
class StoreSummary:
    """What a search must know of a store before it asks."""

    passages: int
    """About how many there are."""
    models: dict[str, tuple[int, int]]
    """Those of its vectors, by name: the store's number of a model, and how many numbers its vectors have."""
    pgvector: str | None
    """The extension's version; None without it."""


def stored(connection: Connection) -> StoreSummary:
    """All of it in one round trip."""
    row = connection.execute(_STORED).fetchone()
    assert row is not None  # noqa: S101  a select without a table gives one row
    passages, pgvector, models = row
    return StoreSummary(passages, {name: (number, size) for name, number, size in models}, pgvector)


def counted_in_store(connection: Connection, terms: Sequence[Term], of: int) -> tuple[Counted, ...]:
    """Each term with its queries and its passages, in their order; one that says nothing in any language has
    no queries."""
    languages: dict[str, str] = dict(connection.execute(_LANGUAGES).fetchall())
    by_configuration = _asked(connection, terms, set(languages.values()))
    guessed = _guessed(by_configuration, terms)
    queries = [
        {
            language: query
            for language, configuration in languages.items()
            if (query := by_configuration.get((place, configuration)))
            # A language without a dictionary has no list of words that say nothing: the question's own holds.
            and (configuration != _SIMPLE or term.kind is not TermKind.WORD or place not in guessed)
        }
        for place, term in enumerate(terms, start=1)
    ]
    counts = _counts(connection, {query for each in queries for query in each.values()}, of)
    return tuple(
        Counted(term, asked, min(of, sum(counts[query] for query in set(asked.values()))))
        for term, asked in zip(terms, queries, strict=True)
    )


def _asked(
    connection: Connection, terms: Sequence[Term], configurations: set[str]
) -> dict[tuple[int, str], str]:
    given = {"terms": [term.websearch for term in terms], "configurations": sorted(configurations)}
    return {(place, name): query for place, name, query in connection.execute(_ASKED, given)}


def _guessed(asked: dict[tuple[int, str], str], terms: Sequence[Term]) -> set[int]:
    """Places of words that say nothing in the question's own language: the one in which most say nothing."""
    silent = {
        (place, name)
        for (place, name), query in asked.items()
        if not query and terms[place - 1].kind is TermKind.WORD
    }
    most = Counter(name for _, name in sorted(silent)).most_common(1)
    return {place for place, name in silent if most and name == most[0][0]}


def _counts(connection: Connection, queries: Iterable[str], of: int) -> dict[str, int]:
    lexemes = {
        query: match[1].replace("''", "'").replace("\\\\", "\\")
        for query in sorted(queries)
        if (match := _LEXEME.fullmatch(query))
    }
    found = connection.execute(_COMMON, [list(lexemes.values())]).fetchall() if lexemes else []
    shares: dict[str, float] = dict(found)
    counts = {query: round(shares[text] * of) for query, text in lexemes.items() if text in shares}
    if rare := [query for query in sorted(queries) if query not in counts]:
        # Each by a value of its own, so that the planner sees how rare it is.
        asked = sql.SQL(", ").join(
            _RARE.format(sql.Literal(query), sql.Literal(MOST_COMPARED_PASSAGES + 1)) for query in rare
        )
        row = connection.execute(sql.SQL("select {}").format(asked)).fetchone()
        assert row is not None  # noqa: S101  a select without a table gives one row
        counts |= dict(zip(rare, map(int, row), strict=True))
    return counts
