"""The corpus of questions: what is said in recordings that nobody has made, and which passage answers what.

The texts are in `corpus.yaml`, whose questions tuned the fusion, and in `held_out.yaml`, whose tuned nothing;
here they become recordings of the store, embedded by the demo's text model.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import numpy as np
import yaml

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

KINDS: Final = {"p": "paraphrase", "n": "name", "z": "number", "k": "keywords"}
_PUBLISHED: Final = datetime(2026, 3, 14, tzinfo=UTC)
_SECONDS: Final = 9.0
"""A passage's length."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and the passage that answers it."""

    kind: str
    text: str
    language: str
    answer: str
    """The passage's text."""


def _written(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load((Path(__file__).parent / name).read_text("utf-8")))


@cache
def _documents() -> tuple[dict[str, Any], ...]:
    """Those with questions, and the demo's dialogue, which speaks of a bridge and a night bus too."""
    written = [*_written("corpus.yaml"), *_written("held_out.yaml")]
    lines = (Path(__file__).parents[1] / "speech" / "script.txt").read_text("utf-8").splitlines()
    turns = [line.split(": ", 1) for line in lines if line and not line.startswith("#")]
    dialogue = {
        "id": "golden:dialogue",
        "title": "Town meeting",
        "channel": "Village Radio",
        "language": "en",
        "passages": [[who, said, {}] for who, said in turns],
    }
    return (*written, dialogue)


def texts() -> tuple[str, ...]:
    """Every passage, in the order of the recordings."""
    return tuple(passage[1] for document in _documents() for passage in document["passages"])


def questions() -> tuple[Asked, ...]:
    """Those that tuned the fusion."""
    return _asked(_written("corpus.yaml"))


def held_out() -> tuple[Asked, ...]:
    """Those that tuned nothing, of recordings of their own."""
    return _asked(_written("held_out.yaml"))


def _asked(documents: list[dict[str, Any]]) -> tuple[Asked, ...]:
    return tuple(
        Asked(KINDS[kind[0]], str(text), document["language"], passage[1])
        for document in documents
        for passage in document["passages"]
        for kind, text in passage[2].items()
    )


def store_corpus(connection: Connection, vectors: FloatArray, model: str) -> None:
    """Store the recordings, with a vector per passage in the order of `texts`."""
    rows = iter(vectors)
    for place, document in enumerate(_documents()):
        passages = document["passages"]
        found = _content(document, np.stack([next(rows) for _ in passages]), model)
        recording = Recording(
            document["id"],
            f"https://media.example/{document['id'][7:]}",
            document["title"],
            document["channel"],
            _PUBLISHED + timedelta(days=30 * place),
            _SECONDS * len(passages),
        )
        ended = _PUBLISHED + timedelta(days=365)
        run = Run(
            id=uuid4(),
            batch="default/golden",
            profile=None,
            trace_id="0" * 32,
            number=1,
            pipeline_hash="golden",
            started_at=ended,
            finished_at=ended,
            seconds=1.0,
            media_seconds=60.0,
            models={"text": model},
            figures={},
        )
        commit(connection, claim(connection, recording.id, "golden"), recording, run, found)


def _content(document: dict[str, Any], vectors: FloatArray, model: str) -> Content:
    passages = document["passages"]
    names = sorted({passage[0] for passage in passages})
    spans = [(i * _SECONDS, (i + 1) * _SECONDS, names.index(each[0])) for i, each in enumerate(passages)]
    return Content(
        language=document["language"],
        words=tuple(_words(passages, spans)),
        diarization=Diarization(
            tuple(Turn(*span) for span in spans), (), np.eye(len(names), 4, dtype=np.float32)
        ),
        voice_model="golden@0",
        identities=tuple(
            Identity(i, Decision.NAMED, name, 0.8, None, None, 0.4) for i, name in enumerate(names)
        ),
        segments=tuple(
            Segment(a, b, who, each[1], (i, i + 1))
            for i, ((a, b, who), each) in enumerate(zip(spans, passages, strict=True))
        ),
        vectors=Vectors(vectors, model),
    )


def _words(passages: list[Any], spans: list[tuple[float, float, int]]) -> Iterator[SpokenWord]:
    for (a, b, who), each in zip(spans, passages, strict=True):
        yield SpokenWord(Word(a, b, each[1], 0.9), who, overlap=False)
