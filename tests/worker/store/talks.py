"""Recordings of people who take turns, as runs find them: who speaks when, with which voice."""

from collections.abc import Sequence

import numpy as np

from ingest_worker.domain import (
    Diarization,
    FloatArray,
    Identity,
    Segment,
    SpokenWord,
    Turn,
    Vectors,
    Word,
)
from ingest_worker.store.connect import Connection
from ingest_worker.store.records import Content
from testkit.postgres import DIMENSION
from tests.worker.store.makers import MODEL, VOICES, a_recording, a_run, store, unit, unknown

NOBODY = np.full(4, np.nan, np.float32)
"""No vector."""


def voice(*values: float) -> FloatArray:
    return unit(*values, dimension=4)


ANN, BOB, CAT = voice(1, 0, 0), voice(0, 1, 0), voice(0, 0, 1)


def talk(
    turns: Sequence[tuple[float, float, int]],
    voices: Sequence[FloatArray],
    identities: Sequence[Identity] = (),
    model: str = VOICES,
) -> Content:
    """One passage of one word for each turn."""
    turns = sorted(turns)
    who = tuple(identities) or tuple(unknown(speaker) for speaker in range(len(voices)))
    rows = np.stack([unit(*np.eye(DIMENSION)[i % DIMENSION]) for i in range(len(turns))])
    return Content(
        language="en",
        words=tuple(
            SpokenWord(Word(a, b, f"word{i}", 0.9), s, overlap=False) for i, (a, b, s) in enumerate(turns)
        ),
        diarization=Diarization(tuple(Turn(*each) for each in turns), (), np.stack(voices)),
        voice_model=model,
        identities=who,
        segments=tuple(Segment(a, b, s, f"word{i}", (i, i + 1)) for i, (a, b, s) in enumerate(turns)),
        vectors=Vectors(rows, MODEL),
    )


TWO = ((0.0, 20.0, 0), (20.0, 40.0, 1), (40.0, 60.0, 0))


def heard(connection: Connection, recording: str, content: Content) -> list[str]:
    """Store a run; returns the labels of its speakers."""
    store(connection, content, a_recording(recording), a_run())
    return labels(connection, recording)


def labels(connection: Connection, recording: str) -> list[str]:
    rows = connection.execute("select label from speakers where recording = %s order by speaker", [recording])
    return [row[0] for row in rows]


def passages(connection: Connection, recording: str) -> list[str]:
    """Who speaks, passage by passage."""
    rows = connection.execute(
        "select speaker from current_segments where recording = %s order by seq", [recording]
    )
    return [row[0] for row in rows]
