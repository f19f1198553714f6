"""A question as the command takes it, and how it is asked of a reader over HTTP."""

import json
from dataclasses import dataclass
from datetime import date
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

MOST_READER_PASSAGES: Final = 100
"""Passages that a reader gives at once (`/api/v1/search`)."""
PATIENCE_SECONDS: Final = 30.0
"""A reader gives up a statement after 15 (`store/reading/pool.py`), and loads its text model once."""


class NoAnswerError(Exception):
    """A reader gave no answer; the text says why."""


@dataclass(frozen=True, slots=True)
class Question:
    """What the user asks."""

    text: str
    limit: int = 10
    speaker: str | None = None
    recording: str | None = None
    channel: str | None = None
    batch: str | None = None
    language: str | None = None
    since: date | None = None
    """The first day, in UTC."""
    until: date | None = None
    """The last day that counts."""
    shortest_seconds: float | None = None
    longest_seconds: float | None = None
    words_only: bool = False
    """Without a vector, so that no text model is needed."""
    model_set: str | None = None
    """A set's name or file; None for any set here that has the store's model."""
    model: str | None = None
    """The text model's name in the set; needed only if the store has vectors of several models."""

    def why_not_of_a_reader(self) -> str | None:
        """Why no reader is asked this; None if one can be."""
        if self.model_set or self.model:
            return "a reader embeds questions with the model that it was started with (--model, --model-set)"
        if self.limit > MOST_READER_PASSAGES:
            return f"a reader gives {MOST_READER_PASSAGES} passages at most (--limit)"
        return None


@dataclass(frozen=True, slots=True)
class FoundHits:
    """What a search found, as `/api/v1/search` has it."""

    items: list[dict[str, Any]]
    """Passages, best first."""
    notes: tuple[str, ...]
    """What a reader must know about the answer."""
    way: str
    """Who answered, as the end of a sentence."""


def asked_of(address: str, question: Question, token: str | None = None) -> FoundHits:
    """A reader's answer. Raises `NoAnswerError`."""
    parts = urlsplit(address)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise NoAnswerError(f"{address!r} is no address of a reader, such as http://127.0.0.1:8300")
    path = f"{parts.path.rstrip('/')}/api/v1/search?{urlencode(_query(question))}"
    headers = {"accept": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
    # No proxy is asked: the address is this machine's, or one that the user named.
    connection = kind(parts.hostname, parts.port, timeout=PATIENCE_SECONDS)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        body = json.loads(answer.read())
        if answer.status != HTTPStatus.OK:
            raise NoAnswerError(f"the reader at {address} answered {answer.status}: {body['detail']}")
        return FoundHits(body["items"], tuple(body["notes"]), f"the reader at {address}")
    except (OSError, HTTPException, ValueError, KeyError, TypeError) as error:
        said = str(error) or type(error).__name__
        raise NoAnswerError(f"the reader at {address} gave no answer: {said}") from error
    finally:
        connection.close()


def _query(question: Question) -> dict[str, str]:
    given = {
        "q": question.text,
        "limit": question.limit,
        "speaker": question.speaker,
        "since": question.since,
        "until": question.until,
        "recording": question.recording,
        "channel": question.channel,
        "batch": question.batch,
        "language": question.language,
        "shortest": question.shortest_seconds,
        "longest": question.longest_seconds,
        "words": "true" if question.words_only else None,
    }
    return {name: str(value) for name, value in given.items() if value is not None}
