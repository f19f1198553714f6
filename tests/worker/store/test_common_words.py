"""Questions of words that are all in more passages than are compared."""

import numpy as np
import pytest

from ingest_worker.store.connect import Connection
from ingest_worker.store.search import Query, search
from ingest_worker.store.searching.statement import statement
from ingest_worker.store.searching.terms import Term, TermKind
from ingest_worker.store.searching.weights import MOST_COMPARED_PASSAGES, Choice, Counted, chosen
from tests.worker.store.makers import content, store, unit

MILLION = 1_000_000
COMMON = MOST_COMPARED_PASSAGES + 500
SAID = (
    ("river bank {}", COMMON),
    ("stone wall {}", COMMON),
    ("a long afternoon {}", 2 * COMMON),
    ("river of stone {}", 3),
)
"""What is said, and in how many passages: both words of the question in the last ones alone."""


@pytest.mark.postgres
def test_passages_with_all_of_the_common_words_are_found_wherever_they_lie(connection: Connection) -> None:
    store(connection, content("at first", vectors=np.stack([unit(1)])))
    _say(connection)
    answer = search(connection, Query("river stone", None, None))
    assert [hit.text for hit in answer.hits[:3]] == [
        "river of stone 1",
        "river of stone 2",
        "river of stone 3",
    ]
    assert all(set(hit.matched) == {"river", "stone"} for hit in answer.hits[:3])
    assert any("common" in note for note in answer.notes)


@pytest.mark.postgres
def test_a_single_common_word_is_answered_from_some_of_its_passages(connection: Connection) -> None:
    store(connection, content("at first", vectors=np.stack([unit(1)])))
    _say(connection)
    answer = search(connection, Query("river", None, None))
    assert len(answer.hits) > 0
    assert all("river" in hit.text for hit in answer.hits)


def test_rare_words_choose_alone() -> None:
    assert _choice(10, 900_000, 90) == ((10, 90), ())


def test_of_common_words_the_fewest_choose_that_are_seldom_together() -> None:
    # 0.006 of 6 % of a million: 360 passages, if words come as they like.
    assert _choice(60_000, 6_000, 300_000) == ((6_000,), (6_000, 60_000))


def test_words_are_added_until_few_passages_have_them_all() -> None:
    assert _choice(100_000, 90_000, 80_000, 70_000) == ((70_000,), (70_000, 80_000, 90_000))


def test_a_word_that_most_passages_have_chooses_nothing_more() -> None:
    assert _choice(80_000, 100_000, 990_000) == ((80_000,), (80_000, 100_000))


def test_where_every_word_is_in_most_passages_the_rarest_chooses() -> None:
    assert _choice(900_000, 800_000) == ((800_000,), (800_000,))


def test_nothing_is_looked_for_beside_the_passages_of_a_single_common_word() -> None:
    alone, two = _of(900_000, 800_000), _of(60_000, 6_000, 300_000)
    query = Query("word0 word1", None, None)
    assert b"and not (" not in statement(query, alone, chosen(alone, MILLION)).as_bytes()
    assert b"and not (" in statement(query, two, chosen(two, MILLION)).as_bytes()


def _choice(*passages: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """In how many passages the words are that choose: any of them, and all of them."""
    choice: Choice = chosen(_of(*passages), MILLION)
    return tuple(each.passages for each in choice.any_of), tuple(each.passages for each in choice.all_of)


def _of(*passages: int) -> list[Counted]:
    return [
        Counted(Term(f"word{place}", TermKind.WORD), {"en": f"'word{place}'"}, each)
        for place, each in enumerate(passages)
    ]


def _say(connection: Connection) -> None:
    """More passages of the one recording that is stored."""
    first = 1
    for text, times in SAID:
        connection.execute(
            "insert into ingest.segment (run, seq, start_seconds, end_seconds, speaker, text, first_word, "
            "end_word, language) select s.run, %(first)s + n, n, n + 1, s.speaker, "
            "replace(%(text)s, '{}', n::text), 0, 1, 'en' "
            "from ingest.segment s, generate_series(1, %(times)s) n where s.seq = 0",
            {"first": first, "text": text, "times": times},
        )
        first += times
    connection.execute("analyze ingest.segment")
