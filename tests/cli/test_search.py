"""Search as a person does it: the store's own model embeds the question, and every passage comes with a link
to its moment."""

import json
import sys
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from ingest_contract.failures import Reason
from ingest_reader.corpus import day_after
from ingest_reader.questions import encoder
from ingest_reader.text_models import TextModel, choose
from ingest_worker.domain import Vectors
from ingest_worker.engines.embedding import SentenceEmbedder
from ingest_worker.errors import StageError
from ingest_worker.models import Role, load_set, lock, open_models
from ingest_worker.store.connect import connect
from ingest_worker.store.reading.text_models import stored_models
from ingest_worker.store.schema import ensure_dimension
from ingestctl.commands.every import app
from ingestctl.place import Workplace
from testkit.models.demo_set import models
from tests.cli.conftest import small_set
from tests.worker.store.makers import MODEL, NOON, a_recording, content, store

TEXTS = (
    "The bridge is repaired in March.",
    "The night bus costs two million a year.",
    "Bees dance to tell where flowers are.",
)
TINY, MAXI = TextModel("one", "tiny", "tiny@1"), TextModel("two", "maxi", "maxi@2")


def test_the_model_that_is_both_stored_and_here_is_taken() -> None:
    assert choose(["maxi@2", "other@3"], [TINY, MAXI], None) == MAXI


def test_the_same_weights_in_two_sets_are_one_model() -> None:
    assert choose(["tiny@1"], [TINY, replace(TINY, set_name="two")], None).identity == "tiny@1"


def test_a_store_of_another_model_is_reported_by_name_with_what_is_here() -> None:
    with pytest.raises(
        StageError,
        match=r"vectors of other@3; text models here: maxi@2, tiny@1\. Next: `ingestctl models fetch SET`",
    ) as verdict_text:
        choose(["other@3"], [TINY, MAXI], None)
    assert verdict_text.value.reason is Reason.DIMENSION_MISMATCH


def test_between_two_stored_models_a_person_chooses() -> None:
    with pytest.raises(StageError, match=r"vectors of maxi@2, tiny@1\. Say with --model"):
        choose(["maxi@2", "tiny@1"], [TINY, MAXI], None)
    assert choose(["maxi@2", "tiny@1"], [TINY, MAXI], "tiny") == TINY


def test_until_takes_the_whole_last_day() -> None:
    assert [day_after(day) for day in (None, date(2025, 2, 28), date.max)] == [None, date(2025, 3, 1), None]


@pytest.fixture
def talks(database: str) -> str:
    """A store with three passages by the demo's text model, in a talk on YouTube by two people."""
    ensure_dimension(database, 384)
    opened = open_models(models(), "demo")
    name = "all-MiniLM-L6-v2"
    folder, key = opened.path(Role.EMBEDDING, name), opened.identity(Role.EMBEDDING, name)
    vectors = SentenceEmbedder(folder, device="cpu", batch_tokens=512, model_key=key).embed(
        TEXTS, lambda _: None
    )
    with connect(database, application="tests") as connection:
        found = replace(content(*TEXTS), vectors=vectors)
        store(connection, found, a_recording("youtube:abc", url="https://www.youtube.com/watch?v=abc"))
    return database


def search(place: Workplace, dsn: str, *arguments: str) -> Any:
    done = CliRunner().invoke(
        app, ["search", *arguments, "--home", str(place.home), "--dsn", dsn], catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.models
@pytest.mark.postgres
def test_a_question_in_other_words_finds_its_passage_with_speaker_time_and_link(
    place: Workplace, talks: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INGEST_MODELS", str(models()))
    best = json.loads(
        search(place, talks, "insects showing each other the way to nectar", "--output", "json")
    )[0]
    assert (best["text"], best["speaker"], best["time"]) == (TEXTS[2], "ann", "0:00:04")
    assert best["link"] == "https://www.youtube.com/watch?v=abc&t=4"
    first, link, text, *_ = search(
        place, talks, "public transport after midnight", "--limit", "1"
    ).splitlines()
    assert first.startswith("1. Title of youtube:abc  |  ann  |  0:00:02  |  40 % (words 0 %, meaning 0.")
    assert (link.strip(), text.strip()) == ("https://www.youtube.com/watch?v=abc&t=2", TEXTS[1])
    day = NOON.date().isoformat()
    assert (
        len(yaml.safe_load(search(place, talks, "bridge", "--since", day, "--until", day, "-o", "yaml"))) == 3
    )
    for before in ("2025-05-31", "2025-5-31 "):
        assert json.loads(search(place, talks, "bridge", "--until", before, "-o", "json")) == []
    assert json.loads(search(place, talks, "bridge", "--speaker", "bob", "-o", "json")) == []


@pytest.mark.models
@pytest.mark.postgres
def test_a_store_made_with_a_model_that_is_not_here_is_not_searched_by_half(
    place: Workplace, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INGEST_MODELS", str(models()))
    with connect(database, application="tests") as connection:
        store(connection, content("said"))
    with pytest.raises(
        StageError, match=f"The store has vectors of {MODEL}; text models here: all-MiniLM-L6-v2@"
    ):
        search(place, database, "said")


@pytest.mark.postgres
def test_a_model_whose_vectors_were_all_replaced_does_not_count(database: str) -> None:
    with connect(database, application="tests") as connection:
        store(connection, content("said"))
        again = content("said")
        store(
            connection,
            replace(again, vectors=Vectors(np.asarray(again.vectors.values), "newer@000000000000")),
        )
        assert stored_models(connection) == ("newer@000000000000",)


def test_a_home_in_which_nothing_has_run_says_so_and_stays_empty(place: Workplace) -> None:
    with pytest.raises(StageError, match=r"Nothing is stored in .* yet"):
        CliRunner().invoke(app, ["search", "x", "--home", str(place.home)], catch_exceptions=False)
    assert not place.home.exists()


@pytest.mark.parametrize("asked", ["", "  ", "?", "。"])
def test_a_question_without_a_word_is_not_asked(place: Workplace, asked: str) -> None:
    done = CliRunner().invoke(app, ["search", asked, "--home", str(place.home)])
    assert done.exit_code == 2
    assert "has no word to search for" in done.output


@pytest.mark.postgres
def test_a_filter_that_is_empty_is_not_given(place: Workplace, database: str) -> None:
    """As where a variable of the shell is: a reader takes it in the same way."""
    with connect(database, application="tests") as connection:
        store(connection, content("bridges were repaired", "nothing"))
    names = ("speaker", "channel", "batch", "language", "recording", "since", "until", "shortest", "longest")
    empty = [word for name in names for word in (f"--{name}", "")]
    found = json.loads(search(place, database, "bridge", "--words", *empty, "-o", "json"))
    assert [each["text"] for each in found] == ["bridges were repaired"]
    assert json.loads(search(place, database, "bridge", "--words", "--speaker", "nobody", "-o", "json")) == []


@pytest.mark.parametrize("option", ["--since", "--until"])
@pytest.mark.parametrize("day", ["soon", "20250131", "2025-W05-5", "2025-02-30"])
def test_a_day_that_is_none_is_refused(place: Workplace, option: str, day: str) -> None:
    done = CliRunner().invoke(app, ["search", "x", option, day, "--home", str(place.home)])
    assert (done.exit_code, "such as 2025-01-31" in " ".join(done.output.split())) == (2, True)


def test_days_that_cannot_be_are_refused(place: Workplace) -> None:
    done = CliRunner().invoke(
        app, ["search", "x", "--since", "2025-02-02", "--until", "2025-02-01", "--home", str(place.home)]
    )
    assert done.exit_code == 2
    assert "is before --since" in done.output


@pytest.mark.postgres
def test_words_alone_need_no_model_and_mark_what_they_find(place: Workplace, database: str) -> None:
    with connect(database, application="tests") as connection:
        store(connection, content("The [bold]bridges[/bold] were repaired", "nothing"))
    found = json.loads(search(place, database, "bridge repairs", "--words", "-o", "json"))
    assert [piece["text"] for piece in found[0]["snippet"] if piece["marked"]] == ["bridges", "repaired"]
    assert (found[0]["similarity"], found[0]["matched"]) == (None, ["bridge", "repairs"])
    shown = search(place, database, "bridge repairs", "--words")
    assert shown.splitlines()[0].endswith("100 % (words 100 %)")
    assert "The [bold]bridges[/bold] were repaired" in shown


@pytest.mark.parametrize("asked", ["soon", "1h1h", "-5m"])
def test_a_length_that_is_none_is_refused(place: Workplace, asked: str) -> None:
    done = CliRunner().invoke(app, ["search", "x", "--longest", asked, "--home", str(place.home)])
    assert done.exit_code == 2
    assert "is no time such as 90s, 10m or 1h30m" in done.output


def test_a_model_that_needs_torch_where_there_is_none_says_what_to_do(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock(load_set(str(small_set(place.models))), place.models)
    monkeypatch.setitem(sys.modules, "ingest_worker.engines.sentence_parts", None)
    with pytest.raises(StageError, match=r"mini needs torch, .*: it is a None\. Next: `ingestctl") as verdict:
        encoder(TextModel("small", "mini", "mini@1"), place.models)
    assert verdict.value.reason is Reason.MODELS_UNAVAILABLE
