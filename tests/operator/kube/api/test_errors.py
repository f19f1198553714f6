"""What refusals of the API server become, by what a caller does next."""

import json

import pytest

from ingest_operator.kube.api.errors import (
    AlreadyExistsError,
    ApiError,
    BusyError,
    ConflictError,
    NotFoundError,
    RefusalCause,
    RefusedError,
    error_of,
)


def status(code: int, reason: str, message: str, **details: object) -> bytes:
    body = {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "message": message,
        "reason": reason,
        "details": details,
        "code": code,
    }
    return json.dumps(body).encode()


def told(
    code: int, reason: str, message: str = "because", retry_after: str | None = None, **details: object
) -> ApiError:
    return error_of(code, status(code, reason, message, **details), retry_after)


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (404, "NotFound", NotFoundError),
        (409, "AlreadyExists", AlreadyExistsError),
        (409, "Conflict", ConflictError),
        (409, "", ConflictError),
        (410, "Expired", BusyError),
        (429, "TooManyRequests", BusyError),
        (500, "InternalError", BusyError),
        (503, "ServiceUnavailable", BusyError),
        (504, "Timeout", BusyError),
        (422, "Invalid", RefusedError),
    ],
)
def test_statuses_and_reasons_are_told_apart(code: int, reason: str, kind: type[ApiError]) -> None:
    error = told(code, reason)
    assert type(error) is kind
    assert (error.status, error.message) == (code, "because")


REFUSALS = [
    (
        403,
        "Forbidden",
        'jobs.batch "a" is forbidden: exceeded quota: q, requested: pods=1, used: pods=4',
        RefusalCause.QUOTA,
    ),
    (
        403,
        "Forbidden",
        'jobs.batch is forbidden: User "system:serviceaccount:a:b" cannot create resource "jobs"',
        RefusalCause.FORBIDDEN_BY_RBAC,
    ),
    (401, "Unauthorized", "Unauthorized", RefusalCause.FORBIDDEN_BY_RBAC),
    (
        403,
        "Forbidden",
        'admission webhook "jobs.example.org" denied the request: no GPUs today',
        RefusalCause.ADMISSION,
    ),
    (
        400,
        "BadRequest",
        'admission webhook "jobs.example.org" denied the request: no GPUs today',
        RefusalCause.ADMISSION,
    ),
    (
        409,
        "Conflict",
        'admission webhook "jobs.example.org" denied the request: no GPUs today',
        RefusalCause.ADMISSION,
    ),
    (
        422,
        "Invalid",
        "jobs.batch \"a\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no",
        RefusalCause.ADMISSION,
    ),
    (
        403,
        "Forbidden",
        'pods "a" is forbidden: maximum memory usage per Container is 1Gi, but limit is 2Gi',
        RefusalCause.ADMISSION,
    ),
    (
        422,
        "Invalid",
        'Job.batch "a" is invalid: spec.template.spec.restartPolicy: Required value',
        RefusalCause.INVALID,
    ),
    (
        400,
        "BadRequest",
        'container "worker" in pod "a" is waiting to start: ContainerCreating',
        RefusalCause.INVALID,
    ),
    (413, "RequestEntityTooLarge", "Request entity too large: limit is 3145728", RefusalCause.INVALID),
]


@pytest.mark.parametrize(("code", "reason", "message", "cause"), REFUSALS)
def test_a_refusal_says_who_must_change_something(
    code: int, reason: str, message: str, cause: RefusalCause
) -> None:
    error = told(code, reason, message)
    assert isinstance(error, RefusedError)
    assert (error.cause, error.reason, error.message) == (cause, reason, message)


def test_a_namespace_that_ends_is_known_by_its_cause_and_not_by_words() -> None:
    error = told(
        403,
        "Forbidden",
        'jobs.batch "a" is forbidden: unable to create',
        causes=[{"reason": "NamespaceTerminating", "message": "x"}],
    )
    assert isinstance(error, RefusedError)
    assert error.cause is RefusalCause.NAMESPACE_TERMINATING


def test_a_webhook_that_cannot_be_reached_is_no_verdict() -> None:
    message = 'Internal error occurred: failed calling webhook "jobs.example.org": connection refused'
    assert isinstance(told(500, "InternalError", message), BusyError)


def test_the_wait_that_the_server_wants_comes_from_the_header_or_the_status() -> None:
    assert told(429, "TooManyRequests", retry_after="7", retryAfterSeconds=3).retry_after == 7
    assert told(429, "TooManyRequests", retryAfterSeconds=3).retry_after == 3
    assert told(429, "TooManyRequests", retry_after="Wed, 21 Oct 2026 07:28:00 GMT").retry_after is None
    assert told(429, "TooManyRequests").retry_after is None


@pytest.mark.parametrize(
    "body",
    [b"Too many requests, try again later.\n", b'["no", "Status"]', b'{"kind": "Else"}', b"\xff\xfe", b""],
)
def test_an_answer_that_is_no_status_is_judged_by_its_http_status(body: bytes) -> None:
    error = error_of(429, body, "1")
    assert isinstance(error, BusyError)
    assert (error.reason, error.retry_after) == ("TooManyRequests", 1)
    assert error.message


def test_a_page_of_a_proxy_is_cut() -> None:
    assert len(error_of(502, b"<html>" + b"x" * 100_000, None).message) == 300


def test_an_unknown_status_is_no_accident() -> None:
    assert error_of(599, b"", None).reason == "Unknown"
