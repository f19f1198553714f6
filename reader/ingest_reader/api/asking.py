"""Parameters that several routes take, checked where they come in."""

from collections import Counter
from typing import Annotated, Final

from fastapi import Depends, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import AfterValidator

from ingest_reader.bounds import MOST_COMPARED_VOICES
from ingest_reader.corpus import Corpus
from ingest_reader.narrowing import MAX_TEXT_CHARACTERS, storable

MAX_PAGE_ENTRIES: Final = 200
"""Entries on a page of a list."""


Text = Annotated[str, Query(max_length=MAX_TEXT_CHARACTERS), AfterValidator(storable)]
Named = Annotated[str, Path(max_length=MAX_TEXT_CHARACTERS), AfterValidator(storable)]
"""An id or a name in the path, percent-encoded; it may contain slashes."""
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE_ENTRIES)]
VoicesLimit = Annotated[int, Query(ge=1, le=MOST_COMPARED_VOICES)]


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
    known, unknown = parameters_of(request)
    if unknown:
        there_are = ", ".join(known) or "none here"
        said = f"no such parameter; there are {there_are}"
        raise RequestValidationError([{"type": "extra_forbidden", "loc": ("query", unknown[0]), "msg": said}])


def parameters_of(request: Request) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(the query parameters that the route has, those of the request that it has not)."""
    route = request.scope["route"]
    assert isinstance(route, APIRoute)  # noqa: S101  FastAPI puts it there before a dependency is asked
    known = tuple(each.alias for each in route.dependant.query_params)
    return known, tuple(name for name in request.query_params if name not in known)


def corpus_of(request: Request) -> Corpus:
    """The corpus that this application reads."""
    corpus = request.app.state.corpus
    assert isinstance(corpus, Corpus)  # noqa: S101  the composition root puts it there
    return corpus


FromCorpus = Annotated[Corpus, Depends(corpus_of)]
