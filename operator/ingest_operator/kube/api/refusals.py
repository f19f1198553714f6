"""What a refusal of the API server means for a batch: what must change outside, and when another attempt is
worth its call. Pure."""

from typing import Final

from ingest_operator.core.blocker import Hindrance
from ingest_operator.kube.api.errors import Cause, RefusedError

NAME_TAKEN: Final = "NameTaken"
"""The reason of a name that another object has."""

NAME_TAKEN_SECONDS: Final = 60.0
"""Until a taken name is tried again: nobody tells us when it is free."""

ANSWERS: Final = {
    Cause.QUOTA: (
        "QuotaExceeded",
        30.0,
        "A quota of the namespace is used up: raise it, lower spec.parallelism, or wait until other work "
        "ends.",
    ),
    Cause.NAMESPACE_TERMINATING: (
        "NamespaceTerminating",
        60.0,
        "The namespace is being deleted, and the batch with it. Nothing starts.",
    ),
    Cause.ADMISSION: (
        "AdmissionDenied",
        60.0,
        "A policy of the cluster refuses our objects: change it, or the profile's pods.",
    ),
    Cause.FORBIDDEN_BY_RBAC: (
        "Forbidden",
        60.0,
        "The operator's role lacks a permission: install the chart's roles for this namespace.",
    ),
    Cause.INVALID: (
        "Invalid",
        60.0,
        "The API server finds our object wrong, most likely through a template in the profile's pods: mend "
        "it there.",
    ),
}
"""Of each cause: the reason, seconds until the next attempt, and what to do."""

_WORDS: Final = 600
"""Characters of the server's own words: a condition has room for 1024, and ours come first."""


class NameTakenError(Exception):
    """Another object has a name that ours would have."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"{kind} {name}")
        self.kind, self.name = kind, name


def hindrance_of_refusal(error: RefusedError, now: float, index: int | None = None) -> Hindrance:
    """What keeps an object from being made. The server may name a longer wait than ours."""
    reason, seconds, advice = ANSWERS[error.cause]
    return Hindrance(
        reason,
        f"{advice} The server says: {error.message[:_WORDS]}",
        now + max(seconds, error.retry_after or 0.0),
        index,
    )


def name_taken(kind: str, name: str, now: float, index: int | None = None) -> Hindrance:
    """An object has the name that ours would have, and is somebody else's or says something else."""
    message = (
        f"A {kind} named {name} exists and is not this batch's: delete or rename it. Nothing of it "
        "was touched or used."
    )
    return Hindrance(NAME_TAKEN, message, now + NAME_TAKEN_SECONDS, index)
