"""Errors as answers: RFC 9457 problem documents for programs, a page for people. Nothing of what failed
inside is told, only what the failure table says."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from ingest_contract.failures import Reason
from ingest_contract.text import legible
from ingest_reader.corpus import QuestionError, UnknownError
from ingest_reader.doors import PROBLEM
from ingest_reader.pages.rendering import error_page, path_of
from ingest_worker.errors import StageError
from ingest_worker.store.reading.cursors import CursorError

_log = logging.getLogger(__name__)

_SHOWN_CHARACTERS: Final = 300
"""Of what somebody sent, as it is quoted back."""

_OF_REASONS: Final[Mapping[Reason, HTTPStatus]] = MappingProxyType(
    {
        Reason.DATABASE_REJECTED: HTTPStatus.SERVICE_UNAVAILABLE,
        Reason.DATABASE_UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
        Reason.DATABASE_TOO_SLOW: HTTPStatus.GATEWAY_TIMEOUT,
        Reason.DIMENSION_MISMATCH: HTTPStatus.SERVICE_UNAVAILABLE,
        Reason.MODELS_UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
        Reason.SCHEMA_MISMATCH: HTTPStatus.SERVICE_UNAVAILABLE,
        Reason.ORDER_INVALID: HTTPStatus.BAD_REQUEST,
    }
)


_KINDS: Final[Mapping[type[Exception], tuple[str, HTTPStatus]]] = MappingProxyType(
    {
        UnknownError: ("unknown", HTTPStatus.NOT_FOUND),
        QuestionError: ("bad-question", HTTPStatus.BAD_REQUEST),
        CursorError: ("bad-cursor", HTTPStatus.BAD_REQUEST),
    }
)


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong, in the fields of RFC 9457."""

    kind: str
    status: HTTPStatus
    detail: str
    more: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "type": f"urn:video-ingest:problem:{self.kind}",
            "title": self.status.phrase,
            "status": int(self.status),
            "detail": self.detail,
            **self.more,
        }


def problem_of(error: Exception) -> Problem:
    """What an exception means to whoever asked."""
    match error:
        case UnknownError() | QuestionError() | CursorError():
            kind, status = _KINDS[type(error)]
            return Problem(kind, status, quoted(str(error)))
        case RequestValidationError():
            return _bad_parameters(error)
        case HTTPException():
            status = HTTPStatus(error.status_code)
            return Problem(status.phrase.lower().replace(" ", "-"), status, quoted(str(error.detail)))
        case StageError():
            status = _OF_REASONS.get(error.reason, HTTPStatus.INTERNAL_SERVER_ERROR)
            return Problem("not-now", status, str(error), {"reason": error.reason.value})
        case _:
            said = "The reader has a fault; its log says more."
            return Problem("fault", HTTPStatus.INTERNAL_SERVER_ERROR, said)


def _bad_parameters(error: RequestValidationError) -> Problem:
    """Which parameters, and what is wrong with each; without the values, which may be a megabyte."""
    wrong = [
        {"name": quoted(str(each["loc"][-1])), "in": str(each["loc"][0]), "reason": str(each["msg"])}
        for each in error.errors()
    ]
    said = "; ".join(f"{each['name']}: {each['reason']}" for each in wrong)
    return Problem("bad-parameters", HTTPStatus.UNPROCESSABLE_ENTITY, quoted(said), {"parameters": wrong})


def quoted(text: str) -> str:
    """Text that may have come from outside, on one line, of bounded length."""
    plain = legible(text)
    return plain if len(plain) <= _SHOWN_CHARACTERS else plain[:_SHOWN_CHARACTERS] + "\u2026"


def answer(request: Request, error: Exception) -> Response:
    """The answer to a request that failed."""
    problem = problem_of(error)
    if problem.status is HTTPStatus.INTERNAL_SERVER_ERROR and isinstance(error, StageError):
        _log.error("a request failed", exc_info=error)  # what nobody expected, the server logs itself
    headers = dict(getattr(error, "headers", None) or {})
    if problem.status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers["retry-after"] = "10"
    if path_of(request).startswith(("/api/", "/mcp", "/healthz", "/readyz")):
        return Response(json.dumps(problem.document()), int(problem.status), headers, PROBLEM)
    page = error_page(request, int(problem.status), problem.status.phrase, problem.detail)
    return Response(page, int(problem.status), headers, "text/html")


def install(app: FastAPI) -> None:
    """Every error of the application is answered here."""
    kinds = (
        UnknownError,
        QuestionError,
        CursorError,
        RequestValidationError,
        HTTPException,
        StageError,
        Exception,
    )
    for kind in kinds:
        app.add_exception_handler(kind, answer)
