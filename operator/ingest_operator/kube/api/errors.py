"""The errors that an API server may answer with, classified by what a caller does next. Pure.

An API server describes an error in a `Status` object; a proxy in front of it, or the server itself when it is
too busy to write one, in any text. The HTTP status decides, the `Status` refines.
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
        """Seconds that the server asks us to wait."""


class NotFoundError(ApiError):
    """The object does not exist, or its namespace or kind does not."""


class AlreadyExistsError(ApiError):
    """An object of this name exists: ours from an earlier call, whose answer may be lost, or an object of
    someone else."""


class ConflictError(ApiError):
    """The object is a different one, or a newer version, than the caller expected.

    A PUT is retried when its answer is lost, and the retry of an accepted one conflicts with its own version:
    compare before you believe the conflict.
    """


class BusyError(ApiError):
    """The server could not answer now; the same call may succeed later."""


class UnreachableError(ApiError):
    """There was no answer, or no complete one. The request may have been carried out."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(0, reason, message)


class SilentError(UnreachableError):
    """Nothing came for long: the connection may be dead, or whoever writes has nothing to say."""


class RefusalCause(StrEnum):
    """Why a call is refused, classified by who must change something."""

    QUOTA = "Quota"
    """The namespace has used up its quota."""
    NAMESPACE_TERMINATING = "NamespaceTerminating"
    """The namespace is being deleted."""
    ADMISSION = "Admission"
    """A policy of the cluster rejects it: a webhook, a ValidatingAdmissionPolicy or an admission plugin."""
    FORBIDDEN_BY_RBAC = "ForbiddenByRbac"
    """The operator has no permission for this, or its credentials are not accepted."""
    INVALID = "Invalid"
    """The call or its object is invalid in itself."""


class RefusedError(ApiError):
    """The server understood and will not do it; a retry changes nothing until something else changes."""

    def __init__(
        self, status: int, reason: str, message: str, cause: RefusalCause, retry_after: float | None = None
    ) -> None:
        super().__init__(status, reason, message, retry_after)
        self.cause = cause


_PASSING: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.GONE, HTTPStatus.TOO_MANY_REQUESTS})
"""Statuses below 500 that do not mean the call is wrong. `Gone`:
a page or version of a list that has expired."""

_ADMISSION: Final = ("admission webhook", "ValidatingAdmissionPolicy")
_DENIED: Final = ("denied the request", "denied request")
"""How the server reports a rejection that is not its own; the webhook or policy chooses the HTTP status, so
that status proves nothing."""

_TEXT_CHARACTERS: Final = 300
"""Characters kept of an answer that is no `Status`; a proxy may send a whole page."""


def error_of(status: int, body: bytes, retry_after: str | None) -> ApiError:
    """The error behind an answer of 400 or more. `retry_after` is the header."""
    said = _status_object(body)
    details: dict[str, Any] = said.get("details") or {}
    reason = str(said.get("reason") or _phrase(status))
    message = str(
        said.get("message") or body.decode(errors="replace").strip()[:_TEXT_CHARACTERS] or _phrase(status)
    )
    wait = seconds_of(retry_after)
    wait = seconds_of(details.get("retryAfterSeconds")) if wait is None else wait
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _PASSING:
        return BusyError(status, reason, message, wait)
    if _is_verdict(message):
        return RefusedError(status, reason, message, RefusalCause.ADMISSION, wait)
    if status == HTTPStatus.NOT_FOUND:
        return NotFoundError(status, reason, message, wait)
    if status == HTTPStatus.CONFLICT:
        return (AlreadyExistsError if reason == "AlreadyExists" else ConflictError)(
            status, reason, message, wait
        )
    causes = {cause.get("reason") for cause in details.get("causes") or ()}
    return RefusedError(status, reason, message, _cause(status, message, causes), wait)


def seconds_of(retry_after: object) -> float | None:
    """A wait in seconds, as Kubernetes gives it; None for other forms, which we do not know."""
    text = str(retry_after)
    return float(text) if text.isascii() and text.isdigit() else None


def _cause(status: int, message: str, causes: set[str | None]) -> RefusalCause:
    if "NamespaceTerminating" in causes:
        return RefusalCause.NAMESPACE_TERMINATING
    if status == HTTPStatus.UNAUTHORIZED or ('is forbidden: User "' in message and " cannot " in message):
        return RefusalCause.FORBIDDEN_BY_RBAC
    if status != HTTPStatus.FORBIDDEN:
        return RefusalCause.INVALID
    return RefusalCause.QUOTA if "exceeded quota" in message else RefusalCause.ADMISSION


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
