"""What a refused start, a refused order or a refused stop means for a batch. Pure."""

from dataclasses import replace
from typing import Final

from ingest_operator.core.blocker import Blocker
from ingest_operator.kube.api.errors import RefusedError
from ingest_operator.kube.api.refusals import NameTakenError, blocker_of_refusal, name_taken
from ingest_operator.kube.manifests.overlay import OverlayError

RETRY_REFUSED_SECONDS: Final = 60.0
"""Seconds until a start that is impossible with the current profile is retried."""


def unstoppable(error: RefusedError, job: str, now: float, index: int) -> Blocker:
    """The blocker of a run that should end, and of no other."""
    blocker = blocker_of_refusal(error, now, index)
    return replace(blocker, message=f"Job {job} cannot be stopped and goes on. {blocker.message}")


def refusal_of(error: Exception, now: float) -> Blocker:
    """The blocker of every start of the batch."""
    match error:
        case RefusedError():
            return blocker_of_refusal(error, now)
        case NameTakenError():
            return name_taken(error.kind, error.name, now)
        case OverlayError():
            return Blocker("TemplateInvalid", f"The profile's {error}", now + RETRY_REFUSED_SECONDS)
        case _:  # what all recordings share is too large
            return Blocker("OrderTooLarge", str(error), now + RETRY_REFUSED_SECONDS)
