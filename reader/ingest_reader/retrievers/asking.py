"""Asks a reader for passages, over HTTP. Both retrievers stand on it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

import httpx

from ingest_contract.text import said, without_credentials
from ingest_reader.doors import PROBLEM

DEFAULT_URL: Final = "http://127.0.0.1:8300"
"""Where `ingestctl serve` listens."""

_PATH: Final = "/api/v1/search"

TIMEOUT_SECONDS: Final = 30.0
"""A reader's first question loads its text model."""

CITED: Final = (
    "recording",
    "title",
    "speaker",
    "start",
    "end",
    "time",
    "link",
    "channel",
    "language",
    "score",
)
"""What a hit's metadata have of an answer, beside its text."""


FILTERS: Final = (
    "speaker",
    "since",
    "until",
    "recording",
    "channel",
    "batch",
    "language",
    "shortest",
    "longest",
    "words",
)
"""What narrows an answer: parameters of `/api/v1/search`, as docs/reader.md describes them."""


class ReaderError(Exception):
    """No answer; the message says why and what to do."""


class ReaderUnreachableError(ReaderError):
    """Nobody answers at that address."""


class ReaderDeniedError(ReaderError):
    """The reader asks for a token, or for another one."""


class QuestionRefusedError(ReaderError):
    """The question or a filter cannot be used."""


class ReaderUnavailableError(ReaderError):
    """The reader cannot answer now (its store or its text model is away), or what answers is no reader."""


@dataclass(frozen=True, slots=True)
class Reader:
    """A reader, and what is asked of it each time. Methods raise `ReaderError`."""

    url: str = field(default=DEFAULT_URL, repr=False)
    """A user and a password in it are for what stands before the reader; no message shows them."""
    token: str | None = field(default=None, repr=False)
    limit: int = 4
    """Passages at most, 1 to 100."""
    filters: Mapping[str, str] = field(default_factory=dict)
    """By names of `FILTERS`."""

    def search(self, question: str) -> list[dict[str, Any]]:
        """The passages that answer best, best first, as the API describes them."""
        with self._translated(), httpx.Client(**self._client()) as client:
            return self._items(client.get(_PATH, params=self._asked(question)))

    async def asearch(self, question: str) -> list[dict[str, Any]]:
        """The same, without blocking."""
        with self._translated():
            async with httpx.AsyncClient(**self._client()) as client:
                return self._items(await client.get(_PATH, params=self._asked(question)))

    def _client(self) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        url = httpx.URL(self.url)
        named = (url.username, url.password) if url.userinfo else None
        return {
            "base_url": url.copy_with(userinfo=b""),  # httpx logs addresses as they are
            "auth": named,
            "headers": headers,
            "timeout": TIMEOUT_SECONDS,
        }

    def _asked(self, question: str) -> dict[str, str]:
        for name in self.filters:
            if name not in FILTERS:
                raise QuestionRefusedError(f"no filter {name!r}; there are {', '.join(FILTERS)}")
        return {**self.filters, "q": question, "limit": str(self.limit)}

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """What the HTTP library raises, as a `ReaderError`."""
        try:
            yield
        except (httpx.InvalidURL, httpx.UnsupportedProtocol):
            given = without_credentials(self.url.rpartition("@")[2])
            raise ReaderUnreachableError(
                f"{given!r} is no address of a reader, such as {DEFAULT_URL}"
            ) from None
        except httpx.RequestError as error:
            raise ReaderUnreachableError(
                f"no reader answers at {self._place} ({type(error).__name__}): start one with "
                "`ingestctl serve`, or name another address"
            ) from error
        except UnicodeEncodeError as error:
            raise QuestionRefusedError(
                "the question, a filter or the token has characters that cannot be sent"
            ) from error

    @property
    def _place(self) -> str:
        return without_credentials(self.url)

    def _items(self, answer: httpx.Response) -> list[dict[str, Any]]:
        """The passages of an answer, each with everything that a citation takes."""
        try:
            body = answer.json()
            if answer.status_code == HTTPStatus.OK:
                return [{**each, **cited(each), "text": each["text"]} for each in body["items"]]
            detail = said(str(body["detail"]))
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            raise self._no_reader(answer) from error
        if not answer.headers.get("content-type", "").startswith(PROBLEM):
            raise self._no_reader(answer)
        if answer.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise ReaderDeniedError(f"the reader lets nobody in without its token: {detail}")
        if answer.is_client_error:
            raise QuestionRefusedError(detail)
        raise ReaderUnavailableError(detail)

    def _no_reader(self, answer: httpx.Response) -> ReaderUnavailableError:
        return ReaderUnavailableError(
            f"what answers at {self._place} is no reader, or none is behind it (HTTP {answer.status_code}): "
            "name the address of one"
        )


def cited(item: Mapping[str, Any]) -> dict[str, Any]:
    """A hit's metadata."""
    return {name: item[name] for name in CITED}
