"""Runs to store, complete and small: a test says only what it is about."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import numpy as np
from psycopg import sql

from ingest_worker.domain import (
    Decision,
    Diarization,
    FloatArray,
    Identity,
    Segment,
    SpokenWord,
    Turn,
    Vectors,
    Word,
)
from ingest_worker.store.claims import claim
from ingest_worker.store.commit import commit
from ingest_worker.store.connect import Connection
from ingest_worker.store.records import Content, Recording, Run
from testkit.postgres import DIMENSION

MODEL = "tiny@0123456789ab"
VOICES = "voices@ba9876543210"
NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)


def unit(*values: float, dimension: int = DIMENSION) -> FloatArray:
    """The direction of a few leading numbers."""
    row = np.zeros(dimension, np.float32)
    row[: len(values)] = values
    return row / np.float32(np.linalg.norm(row))


def a_recording(name: str = "test:one", **changes: Any) -> Recording:
    return replace(
        Recording(name, f"https://media.example/{name[5:]}", f"Title of {name}", "Channel", NOON, 60.0),
        **changes,
    )


def a_run(**changes: Any) -> Run:
    finished = NOON + timedelta(seconds=30)
    run = Run(
        uuid4(),
        "default/batch",
        "default/profile",
        "0" * 32,
        1,
        "hash-1",
        NOON,
        finished,
        30.0,
        60.0,
        {"text": MODEL},
        {"words": 2},
    )
    return replace(run, **changes)


def named(speaker: int, name: str) -> Identity:
    return Identity(speaker, Decision.NAMED, name, 0.8, None, None, 0.4)


def unknown(speaker: int, decision: Decision = Decision.UNKNOWN) -> Identity:
    return Identity(speaker, decision, None, 0.1, "ann", 0.05, 0.4)


def content(
    *texts: str,
    vectors: FloatArray | None = None,
    identities: tuple[Identity, ...] = (),
    voices: FloatArray | None = None,
) -> Content:
    """One segment of one word per text, two seconds each; speakers take turns."""
    said = texts or ("first", "second")
    who = identities or (named(0, "ann"),)
    spans = [(2.0 * i, 2.0 * i + 2, i % len(who)) for i in range(len(said))]
    rows = (
        np.stack([unit(*np.eye(DIMENSION)[i % DIMENSION]) for i in range(len(said))])
        if vectors is None
        else vectors
    )
    heard = (
        np.stack([unit(*np.eye(4)[i], dimension=4) for i in range(len(who))]) if voices is None else voices
    )
    return Content(
        language="en",
        words=tuple(
            SpokenWord(Word(a, b, text, 0.9), s, overlap=False)
            for (a, b, s), text in zip(spans, said, strict=True)
        ),
        diarization=Diarization(tuple(Turn(*span) for span in spans), (), heard),
        voice_model=VOICES,
        identities=who,
        segments=tuple(
            Segment(a, b, s, text, (i, i + 1))
            for i, ((a, b, s), text) in enumerate(zip(spans, said, strict=True))
        ),
        vectors=Vectors(rows, MODEL),
    )


def store(
    connection: Connection, found: Content, recording: Recording | None = None, run: Run | None = None
) -> Run:
    """Claim and commit."""
    target, made = recording or a_recording(), run or a_run()
    commit(connection, claim(connection, target.id, "tester"), target, made, found)
    return made


def count(connection: Connection, table: str) -> int:
    row = connection.execute(
        sql.SQL("select count(*) from {}").format(sql.Identifier("ingest", table))
    ).fetchone()
    assert row is not None
    return int(row[0])


def eventually(condition: Callable[[], object], within: float = 30) -> None:
    """Wait for what another thread does."""
    end, pause = time.monotonic() + within, threading.Event()
    while not condition():
        assert time.monotonic() < end, "it never came to pass"
        pause.wait(0.02)


TABLES = (
    "recording",
    "run",
    "segment",
    "turn",
    "speaker",
    "words",
    "unknown_voice",
    f"embeddings_{DIMENSION}",
    "embedding_model",
    "outcome",
)


def counts(connection: Connection) -> dict[str, int]:
    """Rows of every table that a commit writes."""
    return {table: count(connection, table) for table in TABLES}
