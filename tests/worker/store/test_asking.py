"""How a question is read, and what an answer says of filters that fit nothing."""

import numpy as np
import pytest

from ingest_contract.failures import Reason
from ingest_worker.errors import StageError
from ingest_worker.store.connect import Connection
from ingest_worker.store.search import Filters, Query, fault_of, search
from ingest_worker.store.searching.terms import Term, TermKind, terms_of
from tests.worker.store.makers import MODEL, a_recording, a_run, content, store, unit

WORD, PHRASE, EXCLUDED = TermKind.WORD, TermKind.PHRASE, TermKind.EXCLUDED


@pytest.mark.parametrize("question", ["“night bus”", "„night bus“", "«night bus»", "« night bus »"])
def test_quotes_are_quotes_however_a_telephone_writes_them(question: str) -> None:
    assert terms_of(question) == terms_of('"night bus"') == (Term("night bus", PHRASE),)


@pytest.mark.parametrize(
    ("question", "terms"),
    [
        ('the 5" disk', (("the", WORD), ("5", WORD), ("disk", WORD))),
        ('"night bus" or "tram', (("night bus", PHRASE), ("tram", WORD))),
        ('night -"last bus', (("night", WORD), ("last bus", EXCLUDED))),
    ],
)
def test_a_quote_that_nothing_closes_demands_no_phrase(
    question: str, terms: tuple[tuple[str, TermKind], ...]
) -> None:
    assert terms_of(question) == tuple(Term(*each) for each in terms)


@pytest.mark.parametrize("question", ["-cost", '-cost -"night bus"', "-5"])
def test_a_question_of_minuses_alone_is_refused(question: str) -> None:
    assert fault_of(question) == "says only what must not occur: say what to look for, too"
    assert fault_of(f"{question} bees") is None


def test_more_phrases_and_minuses_than_are_looked_up_are_refused_rather_than_left_out() -> None:
    minuses = " ".join(f"-x{i}" for i in range(65))
    assert fault_of(f"bees {minuses}") == "has 65 phrases and minuses; at most 64 can be asked"
    assert fault_of(f"bees {minuses.removesuffix(' -x64')}") is None


@pytest.mark.postgres
def test_a_minus_and_a_phrase_hold_behind_however_many_words(connection: Connection) -> None:
    store(connection, content("bees dance", "bees sleep", "bees eat"))
    many = " ".join(f"w{i}" for i in range(100))
    answer = search(connection, Query(f"bees {many} -sleep", None, None))
    assert {hit.text for hit in answer.hits} == {"bees dance", "bees eat"}
    assert set(answer.ignored) >= {"w70", "w99"}
    answer = search(connection, Query(f'{many} "bees eat"', None, None))
    assert [hit.text for hit in answer.hits] == ["bees eat"]
    with pytest.raises(StageError, match="says only what must not occur") as caught:
        search(connection, Query("-sleep", unit(1), MODEL))
    assert caught.value.reason is Reason.ORDER_INVALID


@pytest.mark.postgres
def test_an_answer_without_hits_says_which_filter_names_nothing(connection: Connection) -> None:
    store(connection, content("bees dance"), a_recording("test:one", channel="Hives"), a_run(batch="a/b"))

    def notes(question: str = "bees", **filters: str) -> tuple[str, ...]:
        return search(connection, Query(question, None, None, filters=Filters(**filters))).notes  # type: ignore[arg-type]  # a test's own filters

    assert notes(speaker="Ann") == ("There is no speaker 'Ann' in this store; there is 'ann'.",)
    assert notes(channel="hives", language="de") == (
        "There is no channel 'hives' in this store; there is 'Hives'.",
        "There is no language 'de' in this store.",
    )
    assert notes(recording="test:two") == ("There is no recording 'test:two' in this store.",)
    assert notes(batch="a/c", speaker="ann") == ("There is no batch 'a/c' in this store.",)
    assert notes("wasps", speaker="ann", channel="Hives", language="en", batch="a/b") == ()
    assert notes(speaker="ann") == ()


@pytest.mark.postgres
def test_what_every_episode_repeats_hides_no_other_passage(connection: Connection) -> None:
    notice = "please subscribe to the channel and ring the bell"
    near = np.stack([unit(1, i / 100) for i in range(20)])
    for episode in range(10):
        store(connection, content(*[notice] * 20, vectors=near), a_recording(f"test:{episode}"))
    others = ("a channel is a queue in go", "they subscribe on fridays")
    far = np.stack([unit(0.5, 1), unit(0.4, 1)])
    store(connection, content(*others, vectors=far), a_recording("test:other"))
    for vector, model in ((None, None), (unit(1), MODEL)):
        hits = search(connection, Query("subscribe channel", vector, model)).hits
        assert [hit.text for hit in hits[:1]] == [notice]
        assert {hit.text for hit in hits[1:]} == set(others)
        assert len(hits[0].folded) == 199, "each of them once"
