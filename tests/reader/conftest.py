from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from playwright.sync_api import Browser
from starlette.testclient import TestClient

from ingest_reader.app import application
from ingest_reader.corpus import Corpus, Embedded
from ingest_reader.guard import Access
from ingest_worker.store.connect import Connection, connect
from ingest_worker.store.reading.pool import ReadingPool
from ingest_worker.store.records import Content
from testkit.browser import browser
from testkit.postgres import fresh
from tests.worker.store.makers import MODEL, NOON, a_recording, a_run, content, named, store, unit, unknown

MARKUP = "<script>alert('x')</script> & \"quoted\" </title> {{ 7 * 7 }} \u202eevil"
"""What must stay text wherever it stands."""

TALK = "youtube:abcdefghijk"
EPISODE = "feed:show/ep 1?#%"
"""An id with everything that an address would take apart."""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """For tests of a file that is skipped where there is none."""
    with browser() as launched:
        yield launched


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    with connect(database, application="tests") as opened:
        yield opened


def embed(text: str) -> Embedded:
    """Vectors of questions, by hand: what is said about bees is in the first direction."""
    return Embedded(unit(*((1.0, 0.0) if "bee" in text else (0.0, 1.0))), MODEL)


def two_people(*texts: str) -> Content:
    return content(*texts, identities=(named(0, "ann"), unknown(1)))


def with_marks(found: Content) -> Content:
    """The first word doubtful, the second spoken while somebody else speaks too."""
    first, second, *rest = found.words
    words = (
        replace(first, word=replace(first.word, probability=0.2)),
        replace(second, overlap=True),
        *rest,
    )
    return replace(found, words=words)


@pytest.fixture(scope="module")
def corpus_database() -> Iterator[str]:
    """A store that nobody changes: a talk on YouTube by two people, an episode with a hostile title, and a
    recording that was left out."""
    for database in fresh():
        fill(database)
        yield database


def fill(database: str) -> None:
    with connect(database, application="tests") as opened:
        talk = with_marks(two_people("Bees dance.", "Do they?", "They do.", "Good."))
        address = "https://www.youtube.com/watch?v=abcdefghijk"
        figures = {
            "stages": {"transcribe": {"seconds": 12.5}, "diarize": {"seconds": 6.0}},
            "coverage": {"words": 4, "attributed_words": 4, "segments": 4, "vectors": 4, "speech_seconds": 8},
        }
        store(
            opened,
            talk,
            a_recording(TALK, url=address, title="Bees & flowers", duration_seconds=3725.0),
            a_run(figures=figures, batch="media/talks"),
        )
        store(
            opened,
            two_people(MARKUP, "plain"),
            a_recording(
                EPISODE,
                title=MARKUP,
                channel=MARKUP,
                url="https://media.example/e.mp3?token=geheim",
                published_at=NOON + timedelta(days=1),
            ),
            a_run(batch="media/<b>talks</b>"),
        )
        opened.execute(
            "insert into ingest.recording (id, url, title) values ('url:gone', 'file:///etc/passwd', 'Gone')"
        )
        opened.execute(
            "insert into ingest.outcome (recording, reason, message, pipeline_hash, batch) "
            "values ('url:gone', 'NotFound', '<b>gone</b>', 'hash-1', 'media/talks')"
        )


@contextmanager
def served(dsn: str, access: Access | None = None, prefix: str = "") -> Iterator[TestClient]:
    """The whole application over a store."""
    with (
        ReadingPool(dsn) as pool,
        TestClient(
            application(Corpus(pool, embed), access or Access(), prefix),
            base_url="http://localhost:8300",
            raise_server_exceptions=False,
        ) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def client(corpus_database: str) -> Iterator[TestClient]:
    with served(corpus_database) as opened:
        yield opened
