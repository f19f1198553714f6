"""Figures are of all that they name, and say it where they are not."""

from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from ingest_reader.agents.answers import found_passages
from ingest_reader.corpus import Corpus, Question
from ingest_worker.store.connect import Connection
from ingest_worker.store.reading.pool import ReadingPool
from tests.reader.conftest import embed, served
from tests.worker.store.makers import a_recording, a_run, content, named, store

pytestmark = pytest.mark.postgres

BATCH = "media/talks"


def get(client: TestClient, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_a_speaker_of_more_recordings_than_are_listed_has_the_sums_of_all(
    database: str, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one of three recordings they are two of the diarizer's speakers."""
    twice = content("a", "b", identities=(named(0, "ann"), named(1, "ann")))
    store(connection, twice, a_recording("test:0"))
    for name in ("test:1", "test:2"):
        store(connection, content(*["word"] * 60), a_recording(name))
    with served(database) as client:
        whole = get(client, "/speakers/ann")
        monkeypatch.setattr("ingest_reader.corpus.MAX_APPEARANCE_RECORDINGS", 2)
        cut = get(client, "/speakers/ann")
    for page in (whole, cut):
        assert "<span>4 min of speech</span><span>3 recordings</span>" in page
    assert (whole.count('data-name="Listen"'), cut.count('data-name="Listen"')) == (4, 2)
    assert "These are the 2 in which they speak longest." in cut
    assert "in which they speak longest" not in whole


def test_a_run_from_the_store_is_no_measure_of_how_fast_a_batch_is(
    database: str, connection: Connection
) -> None:
    store(connection, content("x"), a_recording("test:0"), a_run(batch="media/again", seconds=0.1))
    store(connection, content("x"), a_recording("test:1"), a_run(batch=BATCH, seconds=0.1))
    connection.execute("update ingest.run set from_store = true")
    store(connection, content("x"), a_recording("test:2"), a_run(batch=BATCH))
    with served(database) as client:
        found = {each["batch"]: each for each in client.get("/api/v1/batches").json()["items"]}
    assert (found["media/again"]["rtf"], found["media/again"]["media_seconds"]) == (None, 60.0)
    assert (found[BATCH]["rtf"], found[BATCH]["media_seconds"]) == (0.5, 120.0)


def test_plots_of_the_latest_runs_say_that_there_are_more(
    database: str, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("test:0", "test:1"):
        store(connection, content("x"), a_recording(name), a_run(batch=BATCH))
    with served(database) as client:
        assert "of the latest" not in get(client, "/batches/media%2Ftalks")
        monkeypatch.setattr("ingest_reader.pages.routes.PLOTTED_RUNS", 1)
        assert "coverage are of the latest 1 of 2 runs." in get(client, "/batches/media%2Ftalks")


def test_a_hit_among_passages_that_begin_at_once_has_its_own_surroundings(
    database: str, connection: Connection
) -> None:
    made = content("before", "wasps", "bees", "after")
    twins = tuple(
        replace(each, start=2.0, end=3.0) if place in {1, 2} else each
        for place, each in enumerate(made.segments)
    )
    store(connection, replace(made, segments=twins))
    with ReadingPool(database) as pool:
        passages = found_passages(Corpus(pool, embed), Question("bees wasps")).passages
    said = {
        hit.text: ([each.text for each in hit.before], [each.text for each in hit.after]) for hit in passages
    }
    assert said["wasps"] == (["before"], ["bees", "after"])
    assert said["bees"] == (["before", "wasps"], ["after"])


def test_a_title_is_found_however_its_accents_are_written(database: str, connection: Connection) -> None:
    for name, title in (("test:0", "Cafe\u0301 de\u0301but"), ("test:1", "Caf\u00e9 DÉBUT")):
        store(connection, content("x"), a_recording(name, title=title))
    with served(database) as client:
        for part in ("caf\u00e9 d\u00e9b", "CAFE\u0301 D"):
            found = client.get("/api/v1/recordings", params={"title": part}).json()["items"]
            assert {each["id"] for each in found} == {"test:0", "test:1"}, part
