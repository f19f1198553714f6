"""A thousand recordings of a hundred passages for `bench.reader`, made from one in SQL: two speakers, words
that differ by passage, a vector for each passage. Vectors of questions are made by hand."""

from datetime import UTC, datetime
from typing import Final
from uuid import uuid4

import numpy as np

from ingest_reader.corpus import Embedded
from ingest_worker.domain import Decision, Diarization, Identity, Segment, SpokenWord, Turn, Vectors, Word
from ingest_worker.store.claims import claim
from ingest_worker.store.commit import commit
from ingest_worker.store.connect import Connection, connect
from ingest_worker.store.records import Content, Recording, Run
from ingest_worker.store.roles import create_roles
from ingest_worker.store.schema import ensure_dimension, migrate

VERSION: Final = "1"
"""Of the store: count it up if what is made here changes."""
RECORDINGS: Final = 1_000
PASSAGES: Final = 100
"""Of a recording."""
DIMENSION: Final = 32
MODEL: Final = "bench@0123456789ab"
WORDS: Final = (
    *("river", "bridge", "night", "bus", "honey", "flower", "harbour", "winter", "engine", "paper", "garden"),
    "market",
)


def embed(text: str) -> Embedded:
    """A vector of a text, by hand."""
    drawn = np.random.default_rng(sum(text.encode())).standard_normal(DIMENSION).astype(np.float32)
    return Embedded(drawn / np.float32(np.linalg.norm(drawn)), MODEL)


def one_talk() -> Content:
    """A recording of ten seconds a passage."""
    spans = [(10.0 * i, 10.0 * i + 9, i % 2) for i in range(PASSAGES)]
    said = [" ".join(WORDS[(i + j) % len(WORDS)] for j in range(24)) for i in range(PASSAGES)]
    words = tuple(
        SpokenWord(Word(a + j * 0.35, a + j * 0.35 + 0.3, each, 0.9, spaced=j > 0), s, overlap=False)
        for (a, _, s), text in zip(spans, said, strict=True)
        for j, each in enumerate(text.split())
    )
    rows = np.random.default_rng(1).standard_normal((PASSAGES, DIMENSION)).astype(np.float32)
    return Content(
        language="en",
        words=words,
        diarization=Diarization(tuple(Turn(*each) for each in spans), (), np.eye(2, 4, dtype=np.float32)),
        voice_model="bench@voices",
        identities=tuple(
            Identity(i, Decision.NAMED, name, 0.8, None, None, 0.4) for i, name in enumerate("ab")
        ),
        segments=tuple(
            Segment(a, b, s, text, (24 * i, 24 * i + 24))
            for i, ((a, b, s), text) in enumerate(zip(spans, said, strict=True))
        ),
        vectors=Vectors(rows / np.linalg.norm(rows, axis=1, keepdims=True), MODEL),
    )


CLONE: Final = """
create temp table made as
  select n, md5('run' || n)::uuid as run, 'bench:' || n as recording from generate_series(1, {count}) n;
create temp table model as select id as run, r.* from ingest.run r where recording = 'bench:0';
insert into ingest.recording (id, url, title, channel, published_at, duration_seconds, current_run)
  select recording, 'https://media.example/' || n || '.mp3', 'Talk ' || n,
         'Channel ' || n % 20,
         timestamptz '2025-01-01' + n * interval '1 hour', 1000, run from made;
insert into ingest.run (id, recording, batch, trace_id, number, pipeline_hash, started_at, finished_at,
                        seconds, media_seconds, language, models, figures)
  select made.run, made.recording, 'bench/' || n % 10, m.trace_id, 1, m.pipeline_hash,
         m.started_at, m.finished_at + n * interval '1 minute', 30 + n % 60, 1000, 'en', m.models, m.figures
    from made, model m;
insert into ingest.speaker (run, speaker, decision, name, threshold, seconds, voice_model)
  select made.run, s.speaker, s.decision, s.name || n % 50, s.threshold, s.seconds, s.voice_model
    from made, ingest.speaker s join model m on m.run = s.run;
insert into ingest.turn (run, seq, speaker, start_seconds, end_seconds)
  select made.run, t.seq, t.speaker, t.start_seconds, t.end_seconds
    from made, ingest.turn t join model m on m.run = t.run;
insert into ingest.words (run, format, content)
  select made.run, w.format, w.content from made, ingest.words w join model m on m.run = w.run;
insert into ingest.segment (run, seq, start_seconds, end_seconds, speaker, text, first_word, end_word,
                            language)
  select made.run, s.seq, s.start_seconds, s.end_seconds, s.speaker,
         s.text || ' topic' || (n * 100 + s.seq) % 977, s.first_word, s.end_word, 'en'
    from made, ingest.segment s join model m on m.run = s.run;
insert into ingest.embeddings_{size} (segment, model, vector)
  select s.id, e.id, (select array_agg(sin(s.id * k)) from generate_series(1, {size}) k)::halfvec({size})
    from ingest.segment s, ingest.embedding_model e where s.run in (select run from made)
"""


def fill(dsn: str) -> None:
    """The corpus."""
    migrate(dsn)
    create_roles(dsn)
    ensure_dimension(dsn, DIMENSION)
    with connect(dsn, application="bench", statement_timeout_seconds=0) as connection:
        _first(connection)
        with connection.transaction():
            for statement in CLONE.format(count=RECORDINGS - 1, size=DIMENSION).split(";\n"):
                connection.execute(statement.encode())
        connection.execute("vacuum analyze")


def _first(connection: Connection) -> None:
    at = datetime(2025, 1, 1, tzinfo=UTC)
    recording = Recording("bench:0", "https://media.example/0.mp3", "Talk 0", "Channel 0", at, 1000.0)
    whose = (uuid4(), "bench/0", None, "0" * 32, 1)
    run = Run(*whose, "hash", at, at, 30.0, 1000.0, {"embedding": MODEL}, {})
    commit(connection, claim(connection, recording.id, "bench"), recording, run, one_talk())
