"""What a refusal of the API server means for a batch: what must change outside, and when another call is
worthwhile. Pure."""

from typing import Final

from ingest_operator.core.blocker import Blocker
from ingest_operator.kube.api.errors import RefusalCause, RefusedError

NAME_TAKEN: Final = "NameTaken"
"""The reason of a name that another object has."""

NAME_TAKEN_SECONDS: Final = 60.0
"""Until a taken name is tried again: no watch reports when it is free."""

ANSWERS: Final = {
    RefusalCause.QUOTA: (
        "QuotaExceeded",
        30.0,
        (
            "A quota of the namespace is used up: "
            "raise it, lower spec.parallelism, or wait until other work ends."
        ),
    ),
    RefusalCause.NAMESPACE_TERMINATING: (
        "NamespaceTerminating",
        60.0,
        "The namespace is being deleted, and the batch with it. Nothing starts.",
    ),
    RefusalCause.ADMISSION: (
        "AdmissionDenied",
        60.0,
        "A policy of the cluster refuses our objects: change it, or the profile's pods.",
    ),
    RefusalCause.FORBIDDEN_BY_RBAC: (
        "Forbidden",
        60.0,
        "The operator's role lacks a permission: install the chart's roles for this namespace.",
    ),
    RefusalCause.INVALID: (
        "Invalid",
        60.0,
        (
            "The API server finds our object wrong, "
            "most likely through a template in the profile's pods: mend it there."
        ),
    ),
}
"""For each cause: the reason, seconds until the next call, and what to do."""

_MESSAGE_CHARACTERS: Final = 600
"""Characters of the server's own message: a condition has room for 1024, and our text comes first."""


class NameTakenError(Exception):
    """Another object has a name that one of ours needs."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"{kind} {name}")
        self.kind, self.name = kind, name


def blocker_of_refusal(error: RefusedError, now: float, index: int | None = None) -> Blocker:
    """The blocker for a refused create call. The server may ask for a longer wait than ours."""
    reason, seconds, advice = ANSWERS[error.cause]
    return Blocker(
        reason,
        f"{advice} The server says: {error.message[:_MESSAGE_CHARACTERS]}",
        now + max(seconds, error.retry_after or 0.0),
        index,
    )


def name_taken(kind: str, name: str, now: float, index: int | None = None) -> Blocker:
    """The blocker for an object that has the name of ours,
    and belongs to someone else or has other content."""
    message = (
        f"A {kind} named {name} exists and is not this batch's: delete or rename it. "
        "Nothing of it was touched or used."
    )
    return Blocker(NAME_TAKEN, message, now + NAME_TAKEN_SECONDS, index)
