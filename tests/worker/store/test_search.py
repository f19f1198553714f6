"""The right passage, by meaning and by words, within the filters, by the index."""

from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pytest

from ingest_contract.captions import TranscriptSource
from ingest_contract.failures import Reason
from ingest_worker.domain import FloatArray
from ingest_worker.errors import StageError
from ingest_worker.store import search as searching
from ingest_worker.store.connect import Connection, use_vectors
from ingest_worker.store.reads import transcript
from ingest_worker.store.schema import ensure_dimension
from ingest_worker.store.search import Query, search
from tests.worker.store.makers import MODEL, a_recording, content, named, store, unit, unknown

pytestmark = pytest.mark.postgres

NEAR, FAR, AWAY = unit(1, 0.1), unit(0.5, 1), unit(0, 0, 1)
CAPTIONS = TranscriptSource.CAPTIONS
RECORDINGS = "select id, transcript_source from recordings"
TEXTS = ("the operator watches graphics cards", "a recipe for lentil soup", "graphics memory is returned")


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


def found(connection: Connection, text: str, vector: FloatArray, **filters: object) -> list[str]:
    return [passage.text for passage in search(connection, replace(Query(text, vector, MODEL), **filters))]  # type: ignore[arg-type]  # a test's own filters


def test_a_passage_that_both_lists_find_comes_before_what_one_finds(corpus: Connection) -> None:
    assert found(corpus, "graphics memory", unit(0.5, 1))[0] == TEXTS[2]
    assert found(corpus, "lentil", AWAY)[0] == TEXTS[1]


def test_a_passage_says_where_it_is_and_what_its_score_is_made_of(corpus: Connection) -> None:
    best = search(corpus, Query("operator", NEAR, MODEL, recording="test:one"))[0]
    assert (best.recording, best.title, best.url) == (
        "test:one",
        "Title of test:one",
        "https://media.example/one",
    )
    assert (best.speaker, best.start, best.end, best.text) == ("ann", 0.0, 2.0, TEXTS[0])
    assert (best.vector_rank, best.text_rank) == (1, 1)
    assert best.score == pytest.approx(2 / 61)
    assert best.similarity == pytest.approx(1, abs=0.001)


def test_words_are_asked_in_the_dictionary_of_the_recordings_language(connection: Connection) -> None:
    store(connection, content("the cards were returned"))
    german = replace(content("die Karten wurden zurückgegeben"), language="de")
    store(connection, german, a_recording("test:deutsch"))
    other = replace(content("Ŋgoma cards"), language="xx")
    store(connection, other, a_recording("test:other"))

    def by_words(text: str) -> set[str]:
        return {
            passage.recording for passage in search(connection, Query(text, NEAR, MODEL)) if passage.text_rank
        }

    assert by_words("returning card") == {"test:one"}
    assert by_words("Karte") == {"test:deutsch"}
    assert by_words("CARDS") == {"test:one", "test:other"}
    assert by_words("ŋgoma") == {"test:other"}


def test_a_minus_and_quotes_mean_what_they_do_in_a_web_search(corpus: Connection) -> None:
    def by_words(text: str) -> set[str]:
        return {passage.text for passage in search(corpus, Query(text, NEAR, MODEL)) if passage.text_rank}

    assert by_words("graphics") == {TEXTS[0], TEXTS[2]}
    assert by_words("graphics -memory") == {TEXTS[0]}
    assert by_words('"graphics memory"') == {TEXTS[2]}
    assert by_words("' & | ! ( zebra") == set()


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
    "京": {"東京は大きい。Google Chromeを使う", "大阪と京都の茶", "北京的猫喜欢喝茶，2026年"},
    "京は大": {"東京は大きい。Google Chromeを使う"},
    "京大": set(),
    "東京　Ｇｏｏｇｌｅ": {"東京は大きい。Google Chromeを使う"},
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
    def by_words(asked: str) -> set[str]:
        return {
            passage.text
            for passage in search(unspaced, Query(asked, NEAR, MODEL, limit=50))
            if passage.text_rank
        }

    assert {asked: by_words(asked) for asked in ANSWERS} == ANSWERS


def test_a_japanese_name_in_an_english_recording_is_found(unspaced: Connection) -> None:
    found = search(unspaced, Query("タワー", NEAR, MODEL))
    assert [passage.recording for passage in found if passage.text_rank] == ["test:en"]


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

    def by_words(asked: str) -> set[str]:
        return {
            passage.text for passage in search(connection, Query(asked, NEAR, MODEL)) if passage.text_rank
        }

    assert {asked: by_words(asked) for asked in MARKED} == MARKED


def test_words_of_unspaced_scripts_are_asked_of_the_index(connection: Connection) -> None:
    texts = [f"第{i}章は東京の話" for i in range(3000)]
    store(connection, replace(content(*texts), language="ja"))
    connection.execute("analyze")
    connection.execute("set enable_seqscan = off")
    plan = _plan(connection, Query("第2026章", NEAR, MODEL))
    assert "Bitmap Index Scan on segment_text" in plan
    found = search(connection, Query("第2026章", NEAR, MODEL))
    assert [passage.text for passage in found if passage.text_rank] == [texts[2026]]


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
        "-" * 999 + "京",
        "東\\\\'京''\"':*",
        "東:*&!|<->京",
        "京\u200b都",
        "x\\",
    ]
    assert [len(search(unspaced, Query(asked, NEAR, MODEL, limit=3))) for asked in hostile] == [3] * len(
        hostile
    )


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
    assert [passage.text for passage in search(corpus, Query("nothing", NEAR, "other@1"))] == [
        "same place, other model"
    ]


def test_an_unknown_model_is_an_error_and_not_half_an_answer(corpus: Connection) -> None:
    with pytest.raises(
        StageError, match=r"no vectors of strange@1; it has some of tiny@0123456789ab"
    ) as caught:
        search(corpus, Query("operator", NEAR, "strange@1"))
    assert caught.value.reason is Reason.DIMENSION_MISMATCH
    with pytest.raises(StageError, match="makes 5 numbers here, and made 8 for the store"):
        search(corpus, Query("operator", unit(1, dimension=5), MODEL))


def test_an_empty_store_has_nothing_to_find(connection: Connection) -> None:
    assert search(connection, Query("operator", NEAR, MODEL)) == ()


def _plan(connection: Connection, query: Query) -> str:
    with connection.transaction():
        use_vectors(connection)
        connection.execute("set local hnsw.iterative_scan = relaxed_order")
        connection.execute("set local hnsw.ef_search = 100")
        lines = connection.execute(
            b"explain (analyze, costs off, timing off) " + searching.statement(query).as_bytes(),
            searching._parameters(query, 1),
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
    assert search(connection, query)[0].text == texts[target]

    rare = replace(query, speaker="ann", limit=50)
    nearest = {texts[i] for i in np.argsort(-(values[::100] @ values[target]))[:50] * 100}
    assert {
        passage.text for passage in search(connection, rare)
    } == nearest  # few enough to compare each: the planner sorts them
    connection.execute("set enable_sort = off")  # as if they were too many for that
    assert "Index Scan using embeddings_384_nearest" in _plan(connection, rare)
    assert len({passage.text for passage in search(connection, rare)} & nearest) >= 45


def test_whoever_reads_a_passage_can_tell_whether_its_words_were_heard(corpus: Connection) -> None:
    captions = replace(content("lentils written down", vectors=np.stack([NEAR])), transcript_source=CAPTIONS)
    store(corpus, captions, a_recording("test:written"))

    def sources() -> dict[str, str]:
        return {
            passage.recording: passage.transcript_source
            for passage in search(corpus, Query("lentils", NEAR, MODEL))
        }

    assert sources() == {"test:one": "Speech", "test:august": "Speech", "test:written": "Captions"}
    for view in ("select recording, transcript_source from current_segments", RECORDINGS):
        assert dict(corpus.execute(view).fetchall()) == sources()
    stored = transcript(corpus, "test:written")
    assert stored is not None
    assert (stored.run.transcript_source, stored.run.is_heard) == ("Captions", False)
    store(corpus, content("lentils heard", vectors=np.stack([NEAR])), a_recording("test:written"))
    assert sources()["test:written"] == "Speech"
