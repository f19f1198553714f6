"""The reader of a workstation: its own store, and questions embedded by the model of the store's vectors."""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ingest_reader.corpus import Question
from ingest_worker.engines.embedding import SentenceEmbedder
from ingest_worker.models import Role, open_models
from ingest_worker.store.connect import connect
from ingest_worker.store.embedded import embedded
from ingest_worker.store.schema import ensure_dimension, migrate
from ingestctl.place import Workplace
from ingestctl.reader import opened
from testkit.models.demo_set import models
from tests.worker.store.makers import a_recording, content, store

TEXTS = ("The bridge is repaired in March.", "Bees dance to tell where flowers are.")


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that a Postgres of another system user may pass through, as pytest's are not."""
    with tempfile.TemporaryDirectory(prefix="ingest-home-") as folder:
        yield Path(folder)


@pytest.mark.models
@pytest.mark.postgres
@pytest.mark.slow
def test_the_embedded_store_is_served_by_the_model_that_made_its_vectors_and_as_a_reader(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("INGEST_DSN", raising=False)
    monkeypatch.setenv("INGEST_MODELS", str(models()))
    place = Workplace.of(home, None)
    set_of_models, name = open_models(models(), "demo"), "all-MiniLM-L6-v2"
    folder, key = set_of_models.path(Role.EMBEDDING, name), set_of_models.identity(Role.EMBEDDING, name)
    embedder = SentenceEmbedder(folder, device="cpu", batch_tokens=512, model_key=key)
    with embedded(place.home / "postgres") as dsn:
        migrate(dsn)
        ensure_dimension(dsn, embedder.dimension)
        with connect(dsn, application="tests") as connection:
            found = replace(content(*TEXTS), vectors=embedder.embed(TEXTS, lambda _: None))
            store(connection, found, a_recording())
    with opened(place) as corpus:
        best = corpus.search(Question("insects showing each other the way to nectar")).hits[0]
        assert best.text == TEXTS[1]
        assert corpus.search(Question("who mends what crosses the river")).hits[0].text == TEXTS[0]
        with corpus._pool.connection() as session:
            assert session.execute("select current_user").fetchone() == ("ingest_reader",)
    assert capsys.readouterr().err == "", "its owner may read as the reader, so nobody is warned"
