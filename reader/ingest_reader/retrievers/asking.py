"""Asks a reader for passages, over HTTP. Both retrievers stand on it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

import httpx

DEFAULT_URL: Final = "http://127.0.0.1:8300"
"""Where `ingestctl serve` listens."""

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


class ReaderError(Exception):
    """No answer; the message says why and what to do."""


class ReaderUnreachableError(ReaderError):
    """Nobody answers at that address."""


class ReaderDeniedError(ReaderError):
    """The reader asks for a token, or for another one."""


class QuestionRefusedError(ReaderError):
    """The question or a filter cannot be used."""


class ReaderUnavailableError(ReaderError):
    """The reader cannot answer now: its store or its text model is not there."""


@dataclass(frozen=True, slots=True)
class Reader:
    """A reader, and what is asked of it each time. Methods raise `ReaderError`."""

    url: str = DEFAULT_URL
    token: str | None = field(default=None, repr=False)
    limit: int = 4
    """Passages at most, 1 to 100."""
    filters: Mapping[str, str] = field(default_factory=dict)
    """`speaker`, `since`, `until`, `recording`, `channel`, `batch`, `language`, as in docs/reader.md."""

    def search(self, question: str) -> list[dict[str, Any]]:
        """The passages that answer best, best first, as the API describes them."""
        try:
            with httpx.Client(**self._client()) as client:
                return _items(client.get("/api/v1/search", params=self._asked(question)))
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise self._unreachable(error) from error

    async def asearch(self, question: str) -> list[dict[str, Any]]:
        """The same, without blocking."""
        try:
            async with httpx.AsyncClient(**self._client()) as client:
                return _items(await client.get("/api/v1/search", params=self._asked(question)))
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise self._unreachable(error) from error

    def _client(self) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return {"base_url": self.url, "headers": headers, "timeout": TIMEOUT_SECONDS}

    def _asked(self, question: str) -> dict[str, str]:
        return {**self.filters, "q": question, "limit": str(self.limit)}

    def _unreachable(self, error: Exception) -> ReaderUnreachableError:
        return ReaderUnreachableError(
            f"no reader answers at {self.url} ({type(error).__name__}): start one with `ingestctl serve`, "
            "or name another address"
        )


def cited(item: Mapping[str, Any]) -> dict[str, Any]:
    """A hit's metadata."""
    return {name: item[name] for name in CITED}


def _items(answer: httpx.Response) -> list[dict[str, Any]]:
    if answer.status_code == HTTPStatus.OK:
        items: list[dict[str, Any]] = answer.json()["items"]
        return items
    try:
        detail = str(answer.json()["detail"])
    except (ValueError, LookupError, TypeError):
        detail = f"HTTP {answer.status_code}"
    if answer.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise ReaderDeniedError(f"the reader lets nobody in without its token: {detail}")
    if HTTPStatus.BAD_REQUEST <= answer.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
        raise QuestionRefusedError(detail)
    raise ReaderUnavailableError(detail)
