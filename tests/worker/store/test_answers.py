"""What an answer shows beside its passages: marked words, near-duplicates, and what was left out."""

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest

from ingest_worker.store import search as searching
from ingest_worker.store.connect import Connection
from ingest_worker.store.search import Filters, Piece, Query, search
from ingest_worker.store.searching import weights
from ingest_worker.store.searching.snippets import snippet
from tests.worker.store.makers import MODEL, a_recording, a_run, content, store, unit, unknown

pytestmark = pytest.mark.postgres

NEAR, AWAY = unit(1, 0.1), unit(0, 0, 1)


def snippets(connection: Connection, text: str, language: str = "en") -> list[str]:
    """Marked words between brackets."""
    asked = Query(text, None, None, filters=Filters(language=language))
    return [
        "".join(f"[{piece.text}]" if piece.marked else piece.text for piece in hit.snippet)
        for hit in search(connection, asked).hits
    ]


def test_the_words_that_were_asked_for_are_marked_in_whatever_form_they_stand(connection: Connection) -> None:
    store(connection, content('He indexed <b>"vectors"</b> & an index\'s tail'))
    assert snippets(connection, "indexing the vector") == [
        'He [indexed] <b>"[vectors]"</b> & an [index]\'s tail'
    ]


def test_words_are_marked_where_no_spaces_are_written(connection: Connection) -> None:
    store(connection, replace(content("昨日は東京のGoogleで話した", "ｶﾀｶﾅの話"), language="ja"))
    assert snippets(connection, "東京 google", "ja") == ["昨日は[東京]の[Google]で話した"]
    assert snippets(connection, "カタカナ", "ja") == ["[ｶﾀｶﾅ]の話"]


def test_a_long_passage_is_cut_around_its_marks_and_shows_that_it_is() -> None:
    text = f"{'before ' * 80}\x02here\x03 and \x02there\x03 {'after ' * 80}"
    pieces = snippet(text)
    shown = "".join(piece.text for piece in pieces)
    assert [piece.text for piece in pieces if piece.marked] == ["here", "there"]
    assert shown.startswith("… before")
    assert shown.endswith(" …")
    assert len(shown) <= 330
    assert snippet("short \x02one\x03") == (Piece("short ", marked=False), Piece("one", marked=True))


def test_what_says_nearly_the_same_is_folded_and_counted_under_the_better_one(connection: Connection) -> None:
    said = "the bridge over the river is closed until the end of March"
    store(connection, content(said, "bees dance", vectors=np.stack([NEAR, AWAY])))
    again = content(f"{said}, yes", vectors=np.stack([NEAR]), identities=(unknown(0),))
    store(connection, again, a_recording("test:again"))
    answer = search(connection, Query("bridge closed", NEAR, MODEL))
    assert [hit.text for hit in answer.hits] == [said, "bees dance"]
    folded = answer.hits[0].folded
    assert [(each.recording, each.title, each.speaker, each.start) for each in folded] == [
        ("test:again", "Title of test:again", "unknown #1", 0.0)
    ]


def test_a_hit_is_what_every_filter_asks_for(connection: Connection) -> None:
    store(connection, content("graphics of one"), a_recording("test:one", duration_seconds=100.0))
    store(
        connection,
        replace(content("graphics of two"), language="xx"),
        a_recording("test:two", channel="Other", duration_seconds=900.0, published_at=None),
        a_run(batch="media/nightly"),
    )
    everything = {"test:one", "test:two"}
    cases: list[tuple[dict[str, Any], set[str]]] = [
        ({}, everything),
        ({"channel": "Other"}, {"test:two"}),
        ({"batch": "media/nightly"}, {"test:two"}),
        ({"language": "en"}, {"test:one"}),
        ({"shortest_seconds": 101.0}, {"test:two"}),
        ({"longest_seconds": 100.0}, {"test:one"}),
        ({"longest_seconds": 99.0}, set()),
        ({"published_from": date(2020, 1, 1)}, {"test:one"}),
        ({"channel": "Other", "language": "en"}, set()),
        ({"channel": "' or true --"}, set()),
    ]
    for filters, wanted in cases:
        for vector, model in ((NEAR, MODEL), (None, None)):
            asked = Query("graphics", vector, model, filters=Filters(**filters))
            assert {hit.recording for hit in search(connection, asked).hits} == wanted, filters


def test_where_every_word_is_common_the_answer_says_that_not_all_was_compared(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "MOST_COMPARED_PASSAGES", 5)
    monkeypatch.setattr(searching, "MOST_COMPARED_PASSAGES", 5)
    texts = [f"common number {'talk ' * (i == 17)}{i}" for i in range(20)]
    store(connection, content(*texts))
    answer = search(connection, Query("common talk", None, None))
    assert answer.hits[0].text == texts[17]
    assert answer.notes == ()
    answer = search(connection, Query("common number", None, None))
    assert "in more than 5 passages" in answer.notes[0]


def test_common_words_are_known_from_what_analyze_has_counted(connection: Connection) -> None:
    store(connection, content(*(f"speech {i}" for i in range(300))))
    assert dict(connection.execute("select * from ingest.common_words()").fetchall()) == {}
    connection.execute("analyze ingest.segment")
    assert dict(connection.execute("select * from ingest.common_words()").fetchall())["speech"] == 1.0
    assert search(connection, Query("speech 17", None, None)).hits[0].text == "speech 17"


def test_an_answer_warns_of_a_pgvector_that_damages_indexes(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(connection, content("first"))
    assert search(connection, Query("first", NEAR, MODEL)).notes == ()
    monkeypatch.setattr("ingest_worker.store.schema.SOUND_PGVECTOR", (99, 0, 0))
    assert "update it to 0.8.4" in search(connection, Query("first", NEAR, MODEL)).notes[0]
    assert search(connection, Query("first", None, None)).notes == ()
