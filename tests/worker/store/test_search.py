"""The right passage, by meaning and by words, within the filters, by the index."""

from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pytest

from ingest_contract.captions import TranscriptSource
from ingest_contract.failures import Reason
from ingest_worker.domain import FloatArray
from ingest_worker.errors import StageError
from ingest_worker.store.connect import Connection
from ingest_worker.store.reads import transcript
from ingest_worker.store.schema import ensure_dimension
from ingest_worker.store.search import By, Filters, Hit, Query, search, tuned
from ingest_worker.store.searching.lookup import counted_in_store, stored
from ingest_worker.store.searching.statement import candidates_of, parameters, statement
from ingest_worker.store.searching.terms import terms_of
from ingest_worker.store.searching.weights import chosen
from tests.worker.store.makers import MODEL, a_recording, content, named, store, unit, unknown

pytestmark = pytest.mark.postgres

NEAR, FAR, AWAY = unit(1, 0.1), unit(0.5, 1), unit(0, 0, 1)
CAPTIONS = TranscriptSource.CAPTIONS
RECORDINGS = "select id, transcript_source from recordings"
TEXTS = ("the operator watches graphics cards", "a recipe for lentil soup", "graphics memory is returned")


def found(
    connection: Connection, text: str, vector: FloatArray, limit: int = 10, **filters: object
) -> list[str]:
    query = Query(text, vector, MODEL, limit, Filters(**filters))  # type: ignore[arg-type]  # a test's own filters
    return [hit.text for hit in search(connection, query).hits]


def by_words(connection: Connection, text: str) -> set[str]:
    """What is found by words alone."""
    return {hit.text for hit in search(connection, Query(text, None, None, 50)).hits}


def hits(connection: Connection, text: str, limit: int = 50) -> tuple[Hit, ...]:
    return search(connection, Query(text, NEAR, MODEL, limit)).hits


@pytest.fixture
def corpus(connection: Connection) -> Connection:
    """Two recordings: June, Ann and a stranger; August, the stranger alone."""
    both = (named(0, "ann"), unknown(1))
    store(connection, content(*TEXTS, vectors=np.stack([NEAR, AWAY, FAR]), identities=both))
    alone = content(
        "lentils in august",
        vectors=np.stack([NEAR]),
        identities=(unknown(0),),
        voices=np.stack([unit(0, 1, dimension=4)]),
    )
    store(connection, alone, a_recording("test:august", published_at=datetime(2025, 8, 2, tzinfo=UTC)))
    return connection


def test_a_question_finds_what_holds_any_of_its_words_the_rare_ones_first(corpus: Connection) -> None:
    assert by_words(corpus, "what did they say about the graphics and the operator") == {TEXTS[0], TEXTS[2]}
    best = search(corpus, Query("who told us about graphics on a card of the operator", None, None)).hits
    assert [hit.text for hit in best] == [TEXTS[0], TEXTS[2]]
    assert best[0].matched == ("graphics", "card", "operator")


def test_a_passage_that_both_halves_find_comes_before_what_one_finds(corpus: Connection) -> None:
    assert found(corpus, "graphics memory", unit(0.5, 1))[0] == TEXTS[2]
    assert found(corpus, "lentil", AWAY)[0] == TEXTS[1]


def test_a_hit_says_where_it_is_and_what_its_score_is_made_of(corpus: Connection) -> None:
    answer = search(corpus, Query("the operator", NEAR, MODEL, filters=Filters(recording="test:one")))
    best = answer.hits[0]
    assert (best.recording, best.title, best.url, best.channel, best.language) == (
        "test:one",
        "Title of test:one",
        "https://media.example/one",
        "Channel",
        "en",
    )
    assert (best.speaker, best.start, best.end, best.text, best.seq) == ("ann", 0.0, 2.0, TEXTS[0], 0)
    assert (best.similarity, best.word_score) == pytest.approx((1, 1), abs=0.1)
    assert best.score == pytest.approx(1, abs=0.15)
    assert (answer.by, answer.words, answer.ignored, answer.notes) == (By.BOTH, ("operator",), ("the",), ())


def test_words_are_asked_in_the_dictionary_of_the_recordings_language(connection: Connection) -> None:
    store(connection, content("the cards were returned"))
    german = replace(content("die Karten wurden zurückgegeben"), language="de")
    store(connection, german, a_recording("test:deutsch"))
    other = replace(content("Ŋgoma cards"), language="xx")
    store(connection, other, a_recording("test:other"))

    def recordings(text: str) -> set[str]:
        return {hit.recording for hit in hits(connection, text) if hit.matched}

    assert recordings("returning card") == {"test:one"}
    assert recordings("Karte") == {"test:deutsch"}
    assert recordings("CARDS") == {"test:one", "test:other"}
    assert recordings("ŋgoma") == {"test:other"}


def test_a_language_without_a_dictionary_takes_the_silent_words_of_the_question(
    connection: Connection,
) -> None:
    store(connection, content("the cards were returned"))
    store(connection, replace(content("what the zebra"), language="xx"), a_recording("test:other"))
    answer = search(connection, Query("what were the cards", NEAR, MODEL))
    assert [hit.recording for hit in answer.hits if hit.matched] == ["test:one"]
    assert answer.ignored == ("what", "were", "the")


def test_a_minus_and_quotes_hold_for_the_whole_answer(corpus: Connection) -> None:
    assert by_words(corpus, "graphics") == {TEXTS[0], TEXTS[2]}
    assert set(found(corpus, "graphics -memory", NEAR)) == {TEXTS[0], TEXTS[1], "lentils in august"}
    assert found(corpus, '"graphics memory" lentil', NEAR) == [TEXTS[2]]
    assert found(corpus, '"memory graphics"', NEAR) == []
    assert by_words(corpus, "' & | ! ( zebra") == set()
    assert by_words(corpus, "lentil OR graphics") == {*TEXTS, "lentils in august"}


def test_a_question_of_silent_words_is_answered_by_meaning_and_says_so(corpus: Connection) -> None:
    answer = search(corpus, Query("what is it about", NEAR, MODEL))
    assert (answer.by, answer.words, answer.ignored) == (By.MEANING, (), ("what", "is", "it", "about"))
    assert answer.hits[0].text == TEXTS[0]
    assert answer.hits[0].word_score is None
    with pytest.raises(StageError, match="only words that say nothing") as caught:
        search(corpus, Query("what is it about", None, None))
    assert caught.value.reason is Reason.ORDER_INVALID


def test_words_of_a_title_count_for_its_passages(corpus: Connection) -> None:
    store(
        corpus,
        content("we begin", "the budget at last", vectors=np.stack([AWAY, AWAY])),
        a_recording("test:talk", title="Zürich keynotes of 2024"),
    )
    assert by_words(corpus, "zürich keynote") == {"we begin", "the budget at last"}
    best = search(corpus, Query("keynote budget", None, None)).hits
    assert [(hit.text, hit.matched) for hit in best] == [
        ("the budget at last", ("keynote", "budget")),
        ("we begin", ("keynote",)),
    ]
    corpus.execute("update ingest.recording set title = 'Another' where id = 'test:talk'")
    assert by_words(corpus, "keynote") == set()


UNSPACED = {
    "ja": ("東京は大きい。Google Chromeを使う", "大阪と京都の茶", "ｶﾀｶﾅの話、２０２６年"),
    "zh": ("我们用 Google Chrome 打开网页", "北京的猫喜欢喝茶，2026年", "机器学习很有意思"),
    "th": ("เราใช้ Google ที่กรุงเทพ", "อาหารไทยอร่อย"),
    "ko": ("서울에서 만나요", "부산으로 갑니다"),
    "my": ("ကျွန်တော် Google သုံးတယ်", "မြန်မာစာ"),
}


ANSWERS: dict[str, set[str]] = {
    "東京": {"東京は大きい。Google Chromeを使う"},
    "大きい": {"東京は大きい。Google Chromeを使う"},
    "東京は大きいですか": {"東京は大きい。Google Chromeを使う"},
    "日本の東京の話をしました": {"東京は大きい。Google Chromeを使う", "ｶﾀｶﾅの話、２０２６年"},
    "京": {"東京は大きい。Google Chromeを使う", "大阪と京都の茶", "北京的猫喜欢喝茶，2026年"},
    "京は大": {"東京は大きい。Google Chromeを使う"},
    "京大": set(),
    "東京　Ｇｏｏｇｌｅ": {
        "東京は大きい。Google Chromeを使う",
        "我们用 Google Chrome 打开网页",
        "เราใช้ Google ที่กรุงเทพ",
        "ကျွန်တော် Google သုံးတယ်",
    },
    "京都、大阪": {"大阪と京都の茶"},
    "茶 -猫": {"大阪と京都の茶"},
    "茶 -京都": {"北京的猫喜欢喝茶，2026年"},
    "カタカナ": {"ｶﾀｶﾅの話、２０２６年"},
    "2026年": {"ｶﾀｶﾅの話、２０２６年", "北京的猫喜欢喝茶，2026年"},
    "猫": {"北京的猫喜欢喝茶，2026年"},
    "学习": {"机器学习很有意思"},
    "学习 or 网页": {"机器学习很有意思", "我们用 Google Chrome 打开网页"},
    '"用 Google Chrome 打开"': {"我们用 Google Chrome 打开网页"},
    '"Google 打开"': set(),
    "Chrome打开": {"我们用 Google Chrome 打开网页"},
    "กรุงเทพ": {"เราใช้ Google ที่กรุงเทพ"},
    "ไทย": {"อาหารไทยอร่อย"},
    "서울": {"서울에서 만나요"},
    "မြန်မာ": {"မြန်မာစာ"},
    "google": {
        "東京は大きい。Google Chromeを使う",
        "我们用 Google Chrome 打开网页",
        "เราใช้ Google ที่กรุงเทพ",
        "ကျွန်တော် Google သုံးတယ်",
    },
}


@pytest.fixture
def unspaced(connection: Connection) -> Connection:
    for language, texts in UNSPACED.items():
        store(connection, replace(content(*texts), language=language), a_recording(f"test:{language}"))
    store(connection, content("We met in Tokyo, at the 渋谷タワー."), a_recording("test:en"))
    return connection


def test_words_are_found_in_scripts_that_put_no_spaces_between_them(unspaced: Connection) -> None:
    assert {asked: by_words(unspaced, asked) for asked in ANSWERS} == ANSWERS


def test_a_japanese_name_in_an_english_recording_is_found(unspaced: Connection) -> None:
    assert [hit.recording for hit in hits(unspaced, "タワー") if hit.matched] == ["test:en"]


MARKED: dict[str, set[str]] = {
    "Foo": {"Foo™ is new", "Foo (TM) is old", "Foo and Baz"},
    "Foo™": {"Foo™ is new", "Foo (TM) is old", "Foo and Baz"},
    "foo(tm)": {"Foo™ is new", "Foo (TM) is old", "Foo and Baz"},
    '"Foo is new"': {"Foo™ is new"},
    "Bar": {"the Bar®, Qux℠ and ©Quux"},
    "qux®": {"the Bar®, Qux℠ and ©Quux"},
    "quux": {"the Bar®, Qux℠ and ©Quux"},
    "footm": set(),
}


def test_a_name_is_found_with_and_without_its_trademark_sign(connection: Connection) -> None:
    store(connection, content("Foo™ is new", "Foo (TM) is old", "Foo and Baz", "the Bar®, Qux℠ and ©Quux"))
    assert {asked: by_words(connection, asked) for asked in MARKED} == MARKED


def test_words_of_unspaced_scripts_are_asked_of_the_index(connection: Connection) -> None:
    texts = [f"第{i}章は東京の話" for i in range(3000)]
    store(connection, replace(content(*texts), language="ja"))
    connection.execute("analyze")
    connection.execute("set enable_seqscan = off")
    plan = _plan(connection, Query("第2026章", NEAR, MODEL))
    assert "Bitmap Index Scan on segment_text" in plan
    assert by_words(connection, "第2026章") == {texts[2026]}


def test_a_question_without_a_word_is_refused_rather_than_answered_with_anything(corpus: Connection) -> None:
    for asked in ("", "  \n", "?!", '""', "-", "' & | ! (", "。、「」", "\u200b", "🎉"):
        with pytest.raises(StageError, match="has no word to search for") as caught:
            search(corpus, Query(asked, NEAR, MODEL))
        assert caught.value.reason is Reason.ORDER_INVALID


def test_a_question_longer_than_anything_can_read_is_refused(corpus: Connection) -> None:
    with pytest.raises(StageError, match="has 1,001 characters; at most 1,000 can be asked"):
        search(corpus, Query("東" * 1001, NEAR, MODEL))


def test_no_question_breaks_the_search(unspaced: Connection) -> None:
    hostile = [
        "東" * 1000,
        "東 " * 500,
        '"' * 998 + "東京",
        "東京 " + "-" * 990 + "謎",
        "東\\\\'京''\"':*",
        "東:*&!|<->京",
        "京\u200b都",
        "x\\",
    ]
    for asked in hostile:
        assert len(hits(unspaced, asked, limit=3)) == 3, asked


def test_filters_leave_what_they_say(corpus: Connection) -> None:
    assert set(found(corpus, "lentil", AWAY)) == {*TEXTS, "lentils in august"}
    assert set(found(corpus, "lentil", AWAY, speaker="ann")) == {TEXTS[0], TEXTS[2]}
    assert set(found(corpus, "lentil", AWAY, speaker="unknown #1")) == {TEXTS[1], "lentils in august"}
    assert found(corpus, "lentil", AWAY, speaker="bob") == []
    assert set(found(corpus, "lentil", AWAY, recording="test:one")) == set(TEXTS)
    assert found(corpus, "lentil", AWAY, published_from=date(2025, 8, 2)) == ["lentils in august"]
    assert found(corpus, "lentil", AWAY, published_from=date(2025, 8, 3)) == []
    assert "lentils in august" not in found(corpus, "lentil", AWAY, published_before=date(2025, 8, 2))
    assert len(found(corpus, "lentil", AWAY, limit=2)) == 2


def test_another_models_vectors_are_never_compared(corpus: Connection) -> None:
    found_by_other = replace(
        content("same place, other model", vectors=np.stack([NEAR])), identities=(named(0, "ann"),)
    )
    other = replace(found_by_other, vectors=replace(found_by_other.vectors, model="other@1"))
    store(corpus, other, a_recording("test:other"))
    assert "same place, other model" not in found(corpus, "nothing", NEAR)
    answer = search(corpus, Query("nothing", NEAR, "other@1"))
    assert [hit.text for hit in answer.hits] == ["same place, other model"]
    assert len(answer.notes) == 1
    assert answer.notes[0].startswith(f"Passages with vectors of {MODEL} only were searched by their words")


def test_an_unknown_model_is_an_error_and_not_half_an_answer(corpus: Connection) -> None:
    with pytest.raises(
        StageError, match=r"no vectors of strange@1; it has some of tiny@0123456789ab"
    ) as caught:
        search(corpus, Query("operator", NEAR, "strange@1"))
    assert caught.value.reason is Reason.DIMENSION_MISMATCH
    with pytest.raises(StageError, match="makes 5 numbers here, and made 8 for the store"):
        search(corpus, Query("operator", unit(1, dimension=5), MODEL))


def test_an_empty_store_has_nothing_to_find(connection: Connection) -> None:
    assert search(connection, Query("operator", NEAR, MODEL)).hits == ()
    assert search(connection, Query("operator", None, None)).hits == ()


def _plan(connection: Connection, query: Query) -> str:
    with connection.transaction():
        tuned(connection)
        of = stored(connection).passages
        counted = counted_in_store(connection, terms_of(query.text), of)
        lines = connection.execute(
            b"explain (analyze, costs off, timing off) "
            + statement(query, counted, chosen(counted, of)).as_bytes(),
            parameters(query, counted, 1, of, candidates_of(query.limit)[0]),
        )
        return "\n".join(line[0] for line in lines)


def test_ten_thousand_passages_are_searched_through_the_index_and_a_rare_speaker_is_still_found(
    database: str, connection: Connection
) -> None:
    ensure_dimension(database, 384)
    values = np.random.default_rng(7).standard_normal((10_000, 384)).astype(np.float32)
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    who = (named(0, "ann"), *(unknown(speaker) for speaker in range(1, 100)))
    texts = [f"passage number {i}" for i in range(10_000)]
    store(connection, content(*texts, vectors=values, identities=who, voices=np.eye(100, dtype=np.float32)))
    connection.execute("analyze")
    target = 4321
    query = Query("nothing of the kind", values[target], MODEL, limit=5)
    assert "Index Scan using embeddings_384_nearest" in _plan(connection, query)
    assert search(connection, query).hits[0].text == texts[target]

    rare = replace(query, filters=Filters(speaker="ann"), limit=50)
    nearest = {texts[i] for i in np.argsort(-(values[::100] @ values[target]))[:50] * 100}
    assert {
        hit.text for hit in search(connection, rare).hits
    } == nearest  # few enough to compare each: the planner sorts them
    connection.execute("set enable_sort = off")  # as if they were too many for that
    assert "Index Scan using embeddings_384_nearest" in _plan(connection, rare)
    assert len({hit.text for hit in search(connection, rare).hits} & nearest) >= 45


def test_whoever_reads_a_passage_can_tell_whether_its_words_were_heard(corpus: Connection) -> None:
    captions = replace(content("lentils written down", vectors=np.stack([NEAR])), transcript_source=CAPTIONS)
    store(corpus, captions, a_recording("test:written"))

    def sources() -> dict[str, str]:
        return {hit.recording: hit.transcript_source for hit in hits(corpus, "lentils")}

    assert sources() == {"test:one": "Speech", "test:august": "Speech", "test:written": "Captions"}
    for view in ("select recording, transcript_source from current_segments", RECORDINGS):
        assert dict(corpus.execute(view).fetchall()) == sources()
    stored = transcript(corpus, "test:written")
    assert stored is not None
    assert (stored.run.transcript_source, stored.run.is_heard) == ("Captions", False)
    store(corpus, content("lentils heard", vectors=np.stack([NEAR])), a_recording("test:written"))
    assert sources()["test:written"] == "Speech"
