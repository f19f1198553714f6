"""What an API server may answer instead of what was asked for, told apart by what a caller does next. Pure.

An API server tells what is wrong in a `Status` object; a proxy in front of it, or the server itself when it
is too busy to write one, in any text. The HTTP status decides, the `Status` refines.
"""

import json
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Final


class ApiError(Exception):
    """The API server did not do what was asked, as far as we know."""

    def __init__(self, status: int, reason: str, message: str, retry_after: float | None = None) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status, self.reason, self.message = status, reason, message
        self.retry_after = retry_after
        """Seconds that the server wants us to wait."""


class NotFoundError(ApiError):
    """The object is not there, or its namespace or kind."""


class AlreadyExistsError(ApiError):
    """An object of this name is there: ours from an earlier call, whose answer may be lost, or somebody
    else's."""


class ConflictError(ApiError):
    """The object is another one, or a newer version, than the caller took it for.

    A PUT is repeated when its answer is lost, and the repetition of an accepted one meets its own version:
    compare before you believe it.
    """


class BusyError(ApiError):
    """The server could not answer now; the same call may succeed later."""


class UnreachableError(ApiError):
    """There was no answer, or no whole one. What was asked may have been done."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(0, reason, message)


class Cause(StrEnum):
    """Why a call is refused, by who must change something."""

    QUOTA = "Quota"
    """The namespace has used up what it is given."""
    NAMESPACE_TERMINATING = "NamespaceTerminating"
    """The namespace is being deleted."""
    ADMISSION = "Admission"
    """A policy of the cluster does not let it in: a webhook, a ValidatingAdmissionPolicy or an admission
    plugin."""
    FORBIDDEN_BY_RBAC = "ForbiddenByRbac"
    """We may not do this, or our credentials are not accepted."""
    INVALID = "Invalid"
    """The call or its object is wrong in itself."""


class RefusedError(ApiError):
    """The server understood and will not do it; repeating it changes nothing until something else changes."""

    def __init__(
        self, status: int, reason: str, message: str, cause: Cause, retry_after: float | None = None
    ) -> None:
        super().__init__(status, reason, message, retry_after)
        self.cause = cause


_PASSING: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.GONE, HTTPStatus.TOO_MANY_REQUESTS})
"""Statuses below 500 that say nothing against the call. `Gone`: a page or version of a list that has
expired."""

_ADMISSION: Final = ("admission webhook", "ValidatingAdmissionPolicy")
_DENIED: Final = ("denied the request", "denied request")
"""How the server reports a verdict that is not its own; the webhook or policy chooses the HTTP status, so
that says nothing."""

_TEXT: Final = 300
"""Characters kept of an answer that is no `Status`; a proxy may send a whole page."""


def error_of(status: int, body: bytes, retry_after: str | None) -> ApiError:
    """The error behind an answer of 400 or more. `retry_after` is the header."""
    said = _status_object(body)
    details: dict[str, Any] = said.get("details") or {}
    reason = str(said.get("reason") or _phrase(status))
    message = str(said.get("message") or body.decode(errors="replace").strip()[:_TEXT] or _phrase(status))
    wait = seconds_of(retry_after)
    wait = seconds_of(details.get("retryAfterSeconds")) if wait is None else wait
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _PASSING:
        return BusyError(status, reason, message, wait)
    if _is_verdict(message):
        return RefusedError(status, reason, message, Cause.ADMISSION, wait)
    if status == HTTPStatus.NOT_FOUND:
        return NotFoundError(status, reason, message, wait)
    if status == HTTPStatus.CONFLICT:
        return (AlreadyExistsError if reason == "AlreadyExists" else ConflictError)(
            status, reason, message, wait
        )
    causes = {cause.get("reason") for cause in details.get("causes") or ()}
    return RefusedError(status, reason, message, _cause(status, message, causes), wait)


def seconds_of(retry_after: object) -> float | None:
    """A wait in seconds, as Kubernetes gives it; other forms are no wish that we know."""
    text = str(retry_after)
    return float(text) if text.isascii() and text.isdigit() else None


def _cause(status: int, message: str, causes: set[str | None]) -> Cause:
    if "NamespaceTerminating" in causes:
        return Cause.NAMESPACE_TERMINATING
    if status == HTTPStatus.UNAUTHORIZED or ('is forbidden: User "' in message and " cannot " in message):
        return Cause.FORBIDDEN_BY_RBAC
    if status != HTTPStatus.FORBIDDEN:
        return Cause.INVALID
    return Cause.QUOTA if "exceeded quota" in message else Cause.ADMISSION


def _is_verdict(message: str) -> bool:
    return any(who in message for who in _ADMISSION) and any(verdict in message for verdict in _DENIED)


def _status_object(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) and said.get("kind") == "Status" else {}


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase.replace(" ", "")
    except ValueError:
        return "Unknown"
