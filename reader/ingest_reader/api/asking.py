"""Parameters that several routes take, checked where they come in."""

from collections import Counter
from datetime import date
from typing import Annotated, Final

from fastapi import Depends, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import AfterValidator

from ingest_reader.bounds import LATEST_SECONDS
from ingest_reader.corpus import Corpus

MAX_TEXT_CHARACTERS: Final = 1_000
"""Of any parameter: longer than every id, name and question that the store accepts."""

MAX_PAGE_ENTRIES: Final = 200
"""Entries on a page of a list."""


def storable(text: str) -> str:
    """Text that Postgres accepts."""
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("has characters that no text may have (NUL, or half a surrogate pair)")
    return text


Text = Annotated[str, Query(max_length=MAX_TEXT_CHARACTERS), AfterValidator(storable)]
Maybe = Annotated[
    str | None, Query(max_length=MAX_TEXT_CHARACTERS), AfterValidator(lambda t: t and storable(t))
]
Day = Annotated[date | None, Query(description="A day in UTC, as 2025-01-31.")]
Named = Annotated[str, Path(max_length=MAX_TEXT_CHARACTERS), AfterValidator(storable)]
"""An id or a name in the path, percent-encoded; it may contain slashes."""
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE_ENTRIES)]
Seconds = Annotated[float, Query(ge=0, le=LATEST_SECONDS, allow_inf_nan=False)]


def once_only(request: Request) -> None:
    """Refuses a query parameter that is given more than once: one of its values would be dropped without a
    word. Raises `RequestValidationError`."""
    times = Counter(name for name, _ in request.query_params.multi_items())
    repeated = next((name for name, count in times.items() if count > 1), None)
    if repeated is not None:
        said = f"given {times[repeated]} times, and taken once"
        raise RequestValidationError([{"type": "repeated", "loc": ("query", repeated), "msg": said}])


def known_only(request: Request) -> None:
    """Refuses a query parameter that the route has not: a misspelt filter would widen the answer without a
    word. Raises `RequestValidationError`, which names those there are."""
    route = request.scope["route"]
    assert isinstance(route, APIRoute)  # noqa: S101  FastAPI puts it there before a dependency is asked
    known = [each.alias for each in route.dependant.query_params]
    unknown = next((name for name in request.query_params if name not in known), None)
    if unknown is not None:
        there_are = ", ".join(known) or "none here"
        said = f"no such parameter; there are {there_are}"
        raise RequestValidationError([{"type": "extra_forbidden", "loc": ("query", unknown), "msg": said}])


def corpus_of(request: Request) -> Corpus:
    """The corpus that this application reads."""
    corpus = request.app.state.corpus
    assert isinstance(corpus, Corpus)  # noqa: S101  the composition root puts it there
    return corpus


FromCorpus = Annotated[Corpus, Depends(corpus_of)]
