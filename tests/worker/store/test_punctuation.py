"""Punctuation beyond ASCII is no part of a word, whatever the database's locale takes it for."""

from dataclasses import replace

import pytest

from ingest_worker.store.connect import Connection
from ingest_worker.store.schema import migrations
from ingest_worker.store.search import Query, search
from tests.worker.store.makers import content, store

pytestmark = pytest.mark.postgres

SAID = {
    "¿Dónde está? ¡Hola!": ("dónde", "hola"),
    "“Bees” dance’s end…": ("bees", "dance", "end"),
    "wasps—ants–flies": ("wasps", "ants", "flies"),
    "«abeilles» l’été": ("abeilles", "été", "l'été"),
    "„Bienen“ ‚Biene‘": ("bienen", "biene"),
    "मधुमक्खी। अंत": ("मधुमक्खी", "अंत"),
    "نحلة؟ نحل،": ("نحلة", "نحل"),
    "μέλισσα· τέλος": ("μέλισσα", "τέλος"),
    "שלום־עולם": ("שלום", "עולם"),
    "col·lecció": ("col·lecció",),
    "♪music♪ 🎉party €55 10°C": ("music", "party", "55", "10"),
}


def by_words(connection: Connection, question: str) -> dict[str, list[str]]:
    """What is found by words alone, and which of its words are marked."""
    hits = search(connection, Query(question, None, None)).hits
    return {hit.text: [piece.text for piece in hit.snippet if piece.marked] for hit in hits}


def test_a_word_is_found_and_marked_without_the_punctuation_that_touches_it(connection: Connection) -> None:
    store(connection, replace(content(*SAID), language="xx"))
    for text, words in SAID.items():
        for word in words:
            assert list(by_words(connection, word)) == [text]
    assert by_words(connection, "dónde hola") == {"¿Dónde está? ¡Hola!": ["Dónde", "Hola"]}
    assert by_words(connection, "bees") == {"“Bees” dance’s end…": ["Bees"]}
    assert by_words(connection, "col·lecció") == {"col·lecció": ["col·lecció"]}


def test_what_was_stored_before_is_found_after_the_migration(connection: Connection) -> None:
    before, after = (next(m.text for m in migrations() if m.version == number) for number in (8, 21))
    connection.execute(before.encode())
    store(connection, replace(content("¿Dónde está?", "plain"), language="es"))
    assert by_words(connection, "dónde") == {}
    rows = "select text, xmin::text from ingest.segment order by seq"
    was = dict(connection.execute(rows).fetchall())
    connection.execute(after.encode())
    assert list(by_words(connection, "dónde")) == ["¿Dónde está?"]
    now = dict(connection.execute(rows).fetchall())
    assert now["plain"] == was["plain"], "what stays as it is is not written again"
