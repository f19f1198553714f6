"""What of a batch is told to the webhook: each transition, and what became of telling it."""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field, StringConstraints

from ingest_contract.base import ContractModel, LongText, ShortText, Timestamp

MAX_NOTIFICATIONS: Final = 32
"""Entries of `status.notifications`. The operator keeps fewer (its core/notifications.py), and up to three
more between two of its writes."""

MAX_ATTEMPTS: Final = 8
"""Attempts to deliver one notification."""


class NotifiedState(StrEnum):
    """The transitions that are told: these conditions become true, or true for another reason."""

    COMPLETE = "Complete"
    STALLED = "Stalled"
    FAILED = "Failed"


class Delivery(StrEnum):
    """What became of telling."""

    PENDING = "Pending"
    """Not told yet."""
    DELIVERED = "Delivered"
    """The receiver answered with a 2xx."""
    GIVEN_UP = "GivenUp"
    """Nobody took it, in as many attempts as there are; nothing more is tried."""


class Notification(ContractModel):
    """One transition of the batch."""

    id: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$", max_length=32)]
    """The CloudEvent's id and the `webhook-id`: the same in every attempt, so that receivers can tell a
    repetition."""

    state: NotifiedState
    """Which condition became true."""

    reason: Annotated[str, StringConstraints(max_length=64)]
    """The condition's reason."""

    message: LongText = ""
    """The condition's message at that time."""

    at: Timestamp
    """When."""

    delivery: Delivery = Delivery.PENDING
    """What became of telling it."""

    attempts: Annotated[int, Field(ge=0, le=MAX_ATTEMPTS)] = 0
    """Attempts whose outcome is known."""

    next_at: Timestamp | None = None
    """When the next attempt is due, after one that failed."""

    problem: ShortText = ""
    """Why the last attempt failed; never the address."""
