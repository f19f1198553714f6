"""The statement that finds passages: the nearest by vector, those that hold the rarest words, and what each
of both is worth to the other half.

The worth of a word in a passage is BM25's: its weight (`weights.weight`) times a frequency that saturates,
over the passage's length. Postgres' `ts_rank` of a single word saturates too (the sum of 1 / i^2 over its
occurrences, tsrank.c), reads a passage without unpacking it, and stands for the frequency. The formula is
written so that it stands there once: Postgres would compute it as often as it is named. A word of the title
counts `TITLE_SHARE` of one that is spoken.
"""

from collections.abc import Sequence
from typing import Any, Final

from pgvector import HalfVector
from psycopg import sql

from ingest_worker.store.searching.terms import TermKind
from ingest_worker.store.searching.values import Query
from ingest_worker.store.searching.weights import (
    MOST_COMPARED_PASSAGES,
    MOST_SAMPLED_PASSAGES,
    Choice,
    Counted,
    weight,
)

TITLE_SHARE: Final = 0.3
"""Of the worth of a word that is spoken: all passages of a recording share its title."""
MOST_TITLED_RECORDINGS: Final = 20
"""Recordings whose passages are looked at because of their title alone."""
SATURATION_FACTOR: Final = 1.2
"""k1 of BM25."""
LENGTH_SHARE: Final = 0.75
"""b of BM25. Both as Lucene has them."""
ONE_OCCURRENCE_SHARE: Final = 0.6079271
"""`ts_rank` of a word that occurs once: 1 / (pi^2 / 6)."""

_CANDIDATES_FACTOR: Final = 4
"""Each half brings this many times the passages that are wanted, and at least `_FEWEST_CANDIDATES`: a passage
late in one list may be early in the other."""
_FEWEST_CANDIDATES: Final = 50
FEW_PASSAGES: Final = 5_000
"""Passages that fit the filters of which each is compared at once. The vectors' index is walked from the
question outwards, past all that does not fit, and what fits may all lie far away."""
MOST_FITTING_PASSAGES: Final = 100_000
"""The same where a walk has found too few, and one more, by which it is known that there are more. About 25
microseconds of the server each."""
_MORE_FACTOR: Final = 8
"""Of candidates, where most of them say nearly the same."""

_OF_ELIGIBLE: Final = sql.SQL("""from ingest.shown_segment s
    join ingest.shown_recording v on v.current_run = s.run
    {joins}
    left join ingest.shown_speaker p on p.run = s.run and p.speaker = s.speaker
   where {filters}""")
_WORDS: Final = """
with asked as materialized (
  select *, numnode(query) as parts
    from unnest(%(languages)s::text[], %(places)s::int[], %(queries)s::text[]::tsquery[],
                %(weights)s::float8[], %(kinds)s::text[]) as a (language, place, query, weight, kind)
), titled as materialized (
  select t.run, a.place, min(a.weight) as weight
    from (select distinct place, query, weight from asked where kind <> 'Excluded') a
    join ingest.shown_title t on t.words @@ a.query
   where t.run is not null
   group by t.run, a.place
), eligible as not materialized (
  select s.id, s.run, s.seq, s.language, s.tsv, s.start_seconds, s.end_seconds, s.text, p.label,
         v.id as recording, v.title, v.channel, v.url, v.published_at
  {of_eligible}
), matching as materialized (
  {matching}
"""
_WALKED: Final = """
), nearest as materialized (
  select e.segment as id, e.vector <=> %(vector)s as distance
    from {table} e
    join eligible s on s.id = e.segment
   where e.model = %(model)s
   order by e.vector <=> %(vector)s
   limit %(candidates)s
"""
_COMPARED: Final = """
), fitting as materialized (
  select id from {among} limit %(fitting)s
), nearest as materialized (
  select id, distance
    from (select s.id, e.vector <=> %(vector)s as distance
            from fitting s
           cross join lateral (select * from {table} each where each.segment = s.id offset 0) e
           where e.model = %(model)s offset 0) each
   order by distance
   limit %(candidates)s
"""
_POOL: Final = """
), pool as materialized (
  select id, run, language, tsv, length(tsv)::float8 as words from matching
  union all
  select s.id, s.run, s.language, s.tsv, length(s.tsv)::float8
    from (select id from {nearest}
          union (select s.id from eligible s
                   join (select run from titled group by run order by sum(weight) desc, run
                          limit %(recordings)s) t on t.run = s.run
                  limit %(compared)s)
          except select id from matching) found
   cross join lateral (select * from ingest.shown_segment each where each.id = found.id offset 0) s
), held as (
  select s.id,
         a.weight * greatest(
           case when t.run is not null and not s.tsv @@ a.query then 0
                when a.parts > 1 then 1
                else (1 + %(saturation)s) / (1 + %(saturation)s * (1 - %(by_length)s
                     + %(by_length)s * s.words / greatest(1, (select avg(words) from pool)))
                     / (ts_rank('{{1,1,1,1}}', s.tsv, a.query) / %(once)s)) end,
           case when t.run is null then 0 else %(title)s end) as worth
    from pool s
    join asked a on a.language = s.language and a.kind <> 'Excluded'
    left join titled t on t.run = s.run and t.place = a.place
   where s.tsv @@ a.query or t.run is not null
  offset 0
), worded as materialized (
  select id, sum(worth) as words from held group by id
), best as (
  (select w.id from worded w left join {nearest} n using (id)
    order by w.words desc, n.distance, w.id limit %(candidates)s)
  union select id from {nearest}
)
select s.id as segment, s.run, s.seq, s.recording, s.title, s.channel, s.url, s.published_at, s.language,
       s.label as speaker, s.start_seconds as start, s.end_seconds as end, s.text,
       (select r.transcript_source from ingest.shown_run r where r.id = s.run) as transcript_source,
       {similarity} as similarity,
       coalesce(w.words, 0) / (select sum(a.weight) from asked a
                                where a.language = s.language and a.kind <> 'Excluded') as words,
       array(select a.place from asked a
              where a.language = s.language and a.kind <> 'Excluded'
                and (s.tsv @@ a.query
                     or exists (select from titled t where t.run = s.run and t.place = a.place)))
         as places, (select count(*) from {nearest} n) as near,
       {fitting} as fitting
  from best
  join eligible s on s.id = best.id
  left join worded w on w.id = best.id
 order by s.id
"""

_FILTERS: Final = {
    "speaker": sql.SQL("p.label = any(%(speaker)s)"),
    "recording": sql.SQL("v.id = %(recording)s"),
    "channel": sql.SQL("v.channel = any(%(channel)s)"),
    "batch": sql.SQL("o.batch = %(batch)s"),
    "language": sql.SQL("s.language = %(language)s"),
    "published_from": sql.SQL("v.published_at >= %(published_from)s::date at time zone 'UTC'"),
    "published_before": sql.SQL("v.published_at < %(published_before)s::date at time zone 'UTC'"),
    "shortest_seconds": sql.SQL("coalesce(v.duration_seconds, o.media_seconds) >= %(shortest_seconds)s"),
    "longest_seconds": sql.SQL("coalesce(v.duration_seconds, o.media_seconds) <= %(longest_seconds)s"),
}
_OF_THE_RUN: Final = ("batch", "shortest_seconds", "longest_seconds")
_EXCLUDED: Final = sql.SQL(
    "not exists (select from asked a where a.kind = 'Excluded' and a.language = s.language "
    "and s.tsv @@ a.query)"
)
_DEMANDED: Final = (
    "(not exists (select from asked a where a.place = {place} and a.language = s.language)"
    " or exists (select from asked a where a.place = {place} and a.language = s.language"
    " and s.tsv @@ a.query)"
    " or exists (select from titled t where t.place = {place} and t.run = s.run))"
)
_NOTHING: Final = sql.SQL("select s.id, s.run, s.language, s.tsv from ingest.shown_segment s where false")
_NOBODY: Final = sql.SQL("(select null::bigint as id, null::float8 as distance where false)")


def narrowing(query: Query) -> sql.Composed | None:
    """Counts what fits the filters, up to one more than `FEW_PASSAGES`; None if there are none."""
    if all(value is None for value in query.filters.asked().values()):
        return None
    fits = _OF_ELIGIBLE.format(joins=_joins(query), filters=_conditions(query, ()))
    return sql.SQL("select count(*) from (select {} limit {}) found").format(
        fits, sql.Literal(FEW_PASSAGES + 1)
    )


def statement(query: Query, counted: Sequence[Counted], choice: Choice, *, walk: bool = True) -> sql.Composed:
    """The statement with only the conditions that the query sets, and with its rarest words as values, so
    that Postgres' planner sees what there is. Without `walk` each passage that fits is compared."""
    demanded = any(each.term.kind is TermKind.PHRASE and each.queries for each in counted)
    nearest = sql.SQL("nearest") if query.vector is not None else _NOBODY
    filled = {
        "of_eligible": _OF_ELIGIBLE.format(joins=_joins(query), filters=_conditions(query, counted)),
        "matching": _matching(choice),
        "nearest": nearest,
        "similarity": sql.SQL("null::float8"),
        "fitting": sql.SQL("null::bigint"),
    }
    text = _WORDS + _POOL
    if query.vector is not None:
        table = sql.Identifier("ingest", f"shown_embeddings_{query.vector.shape[0]}")
        filled["table"] = table
        filled["among"] = sql.SQL("matching" if demanded else "eligible")
        filled["similarity"] = sql.SQL(
            "(select 1 - (e.vector <=> %(vector)s) from {} e where e.segment = s.id and e.model = %(model)s)"
        ).format(table)
        compared = demanded or not walk
        filled["fitting"] = sql.SQL("(select count(*) from fitting)" if compared else "null::bigint")
        text = _WORDS + (_COMPARED if compared else _WALKED) + _POOL
    return sql.SQL(text).format(**filled)


def candidates_of(limit: int) -> tuple[int, int]:
    """Passages that each half brings for so many hits; and how many where those say nearly the same, and fold
    into fewer hits than are wanted: a notice that every episode repeats has hundreds."""
    few = max(_FEWEST_CANDIDATES, _CANDIDATES_FACTOR * limit)
    return few, max(few, min(_MORE_FACTOR * few, MOST_COMPARED_PASSAGES))


def parameters(
    query: Query, counted: Sequence[Counted], model: int | None, of: int, candidates: int
) -> dict[str, Any]:
    """Of `statement`: the filters, and a row per language and term."""
    rows = [
        (language, place, asked, weight(each.passages, of), each.term.kind.value)
        for place, each in enumerate(counted)
        for language, asked in each.queries.items()
    ]
    columns = [list(column) for column in zip(*rows, strict=True)] if rows else [[], [], [], [], []]
    names = ("languages", "places", "queries", "weights", "kinds")
    return {
        **dict(zip(names, columns, strict=True)),
        **query.filters.asked(),
        "vector": None if query.vector is None else HalfVector(query.vector),
        "model": model,
        "candidates": candidates,
        "compared": MOST_COMPARED_PASSAGES,
        "sampled": MOST_SAMPLED_PASSAGES,
        "fitting": MOST_FITTING_PASSAGES + 1,
        "recordings": MOST_TITLED_RECORDINGS,
        "title": TITLE_SHARE,
        "saturation": SATURATION_FACTOR,
        "by_length": LENGTH_SHARE,
        "once": ONE_OCCURRENCE_SHARE,
    }


def _joins(query: Query) -> sql.SQL:
    needed = any(getattr(query.filters, name) is not None for name in _OF_THE_RUN)
    return sql.SQL("join ingest.shown_run o on o.id = s.run" if needed else "")


def _conditions(query: Query, counted: Sequence[Counted]) -> sql.Composed:
    found: list[sql.Composable] = [
        condition for name, condition in _FILTERS.items() if getattr(query.filters, name) is not None
    ]
    if any(each.term.kind is TermKind.EXCLUDED for each in counted):
        found.append(_EXCLUDED)
    found += [
        sql.SQL(_DEMANDED).format(place=sql.Literal(place))
        for place, each in enumerate(counted)
        if each.term.kind is TermKind.PHRASE and each.queries
    ]
    return sql.SQL(" and ").join(found or [sql.SQL("true")])


def _matching(choice: Choice) -> sql.Composable:
    """Passages by their words, each kind of choice at most `MOST_COMPARED_PASSAGES`, and of those that hold
    one of common words `MOST_SAMPLED_PASSAGES`."""
    kinds = [
        (" & ", choice.all_of, "compared"),
        (" | ", choice.any_of if choice.has_others else (), "sampled" if choice.all_of else "compared"),
    ]
    conditions = [
        (condition, sql.Placeholder(most))
        for operator, terms, most in kinds
        if terms and (condition := _holding(operator, terms))
    ]
    found = [
        sql.SQL("(select s.id, s.run, s.language, s.tsv from eligible s where {} limit {})").format(
            sql.SQL(" and not ").join([condition, *(each for each, _ in conditions[:place])]),  # each once
            most,
        )
        for place, (condition, most) in enumerate(conditions)
    ]
    return sql.SQL(" union all ").join(found) if found else _NOTHING


def _holding(operator: str, terms: Sequence[Counted]) -> sql.Composable | None:
    """Holding any or all of the terms, each language in its own words."""
    languages: dict[str, list[str]] = {}
    for language in sorted({language for each in terms for language in each.queries}):
        asked = operator.join(f"({each.queries[language]})" for each in terms if language in each.queries)
        languages.setdefault(asked, []).append(language)
    one = "(s.language = any({}) and s.tsv @@ {}::tsquery)"
    found = [
        sql.SQL(one).format(sql.Literal(spoken), sql.Literal(asked)) for asked, spoken in languages.items()
    ]
    return sql.SQL("({})").format(sql.SQL(" or ").join(found)) if found else None
