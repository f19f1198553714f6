"""A question as the command takes it, and how it is asked of a reader over HTTP."""

import json
from dataclasses import dataclass
from datetime import date
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection, InvalidURL
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from ingest_contract.text import said, without_credentials
from ingest_reader.doors import PROBLEM

MOST_READER_PASSAGES: Final = 100
"""Passages that a reader gives at once (`/api/v1/search`)."""
PATIENCE_SECONDS: Final = 30.0
"""A reader gives up a statement after 15 (`store/reading/pool.py`), and loads its text model once."""

SHOWN: Final = (
    "recording",
    "title",
    "speaker",
    "time",
    "link",
    "score",
    "similarity",
    "word_score",
    "transcript_source",
    "snippet",
    "folded",
)
"""What people see of a hit: an answer without it is no reader's."""


_KINDS: Final[dict[str, type[HTTPConnection]]] = {"http": HTTPConnection, "https": HTTPSConnection}


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
    connection, base = _way_to(address)
    place = without_credentials(address)
    reader = f"the reader at {place}"
    headers = {"accept": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
    try:
        path = f"{base}/api/v1/search?{urlencode(parameters(question))}"
        connection.request("GET", path, headers=headers)
        return _found(connection.getresponse(), place)
    except (OSError, HTTPException) as error:
        said_of_it = str(error) or type(error).__name__
        raise NoAnswerError(f"{reader} gave no answer: {said_of_it}") from error
    except ValueError:  # its text may have the token
        wrong = "the address, the question or the token has characters that cannot be sent"
        raise NoAnswerError(f"{reader} was not asked: {wrong}") from None
    finally:
        connection.close()


_NO_SECRETS: Final = (
    "the reader's address has a user or a password in it, and would leave them in lists of processes and in "
    "shells' histories: leave them out, and put the reader's token into a file (--token-file or "
    "INGEST_READER_TOKEN_FILE)"
)


def _way_to(address: str) -> tuple[HTTPConnection, str]:
    """(a connection that is not open yet, the path below which a reader is). No proxy is asked: the address
    is this machine's, or one that the user named. Raises `NoAnswerError`."""
    try:
        parts = urlsplit(address)
        kind = _KINDS.get(parts.scheme)
        if kind is not None and parts.hostname:
            if "@" in parts.netloc:
                raise NoAnswerError(_NO_SECRETS)
            port = parts.port or kind.default_port  # of `::1` alone http.client would make a host and a port
            return kind(parts.hostname, port, timeout=PATIENCE_SECONDS), parts.path.rstrip("/")
    except (ValueError, InvalidURL):
        pass
    given = without_credentials(address.rpartition("@")[2])
    raise NoAnswerError(f"{given!r} is no address of a reader, such as http://127.0.0.1:8300")


def _found(answer: HTTPResponse, place: str) -> FoundHits:
    """What an answer says, if it is a reader's: many things answer at an address. Raises `NoAnswerError`."""
    try:
        body = json.loads(answer.read())
        if answer.status == HTTPStatus.OK:
            hits = [{**each, **{name: each[name] for name in SHOWN}} for each in body["items"]]
            return FoundHits(hits, tuple(map(str, body["notes"])), f"the reader at {place}")
        detail = said(str(body["detail"]))
    except (ValueError, LookupError, TypeError, RecursionError):
        detail = None
    if detail is None or answer.headers.get_content_type() != PROBLEM:
        raise NoAnswerError(
            f"what answers at {place} is no reader, or none is behind it (HTTP {answer.status})"
        )
    raise NoAnswerError(f"the reader at {place} answered {answer.status}: {detail}")


def parameters(question: Question) -> dict[str, str]:
    """Of `/api/v1/search`."""
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
