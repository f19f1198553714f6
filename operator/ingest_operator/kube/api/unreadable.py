"""`Stalled` in a status that cannot be recomputed:
everything else in it stays as it was, known here or not. Pure."""

import json
from math import inf
from typing import Any, Final

from ingest_contract.conditions import ConditionStatus, ConditionType
from ingest_operator.core.blocker import Blocker
from ingest_operator.core.conditions import as_conditions
from ingest_operator.kube.api.errors import RefusedError
from ingest_operator.kube.api.lenient import Reading
from ingest_operator.kube.api.resources import Object

OTHER_VERSION: Final = "It comes from another version: run an operator that knows it, or take it out."

RECONCILE_ERRORS: Final = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)
"""What a reconcile raises in a case that the code does not expect: it would fail again, and only the log
would show it."""

_MESSAGE_CHARACTERS: Final = 600
"""Characters of an error's own message: a condition has room for 1024."""


class UnreadableError(Exception):
    """Too little of an object can be read to work on it."""

    def __init__(self, blocker: Blocker) -> None:
        super().__init__(blocker.message)
        self.blocker: Final = blocker


def spec_unreadable(found: Reading[Any]) -> Blocker:
    """The blocker of a batch that cannot be read whole."""
    return Blocker("SpecUnreadable", _passed_over("the spec", found), inf)


def profile_unreadable(name: str, found: Reading[Any]) -> Blocker:
    """The blocker of a batch whose profile cannot be read whole."""
    return Blocker("ProfileUnreadable", _passed_over(f"IngestProfile {name!r}", found), inf)


def definitions_differ(error: RefusedError) -> Blocker:
    """The blocker of an object whose status the API server does not accept as this operator writes it."""
    said = " ".join(error.message.split())[:_MESSAGE_CHARACTERS]
    advice = "Apply those that came with this operator (crds/), or run the operator that they came with."
    message = (
        "The cluster's CustomResourceDefinitions are not this operator's: they refuse what it writes. "
        f"{advice} The server says: {said}"
    )
    return Blocker("DefinitionsDiffer", message, inf)


def _passed_over(what: str, found: Reading[Any]) -> str:
    return (
        f"This operator cannot read {what}: {found.text}. "
        f"{OTHER_VERSION} What runs goes on, nothing new starts."
    )


def reconcile_failed(error: Exception) -> Blocker:
    """The blocker of an object whose reconcile fails."""
    said = " ".join(str(error).split())[:_MESSAGE_CHARACTERS]
    message = (
        f"The operator cannot work on this: {type(error).__name__}: {said}. "
        "Its log says where; it goes on trying."
    )
    return Blocker("ReconcileFailed", message, inf)


def with_stalled(thing: Object, blocker: Blocker, now: float, *, has_state: bool) -> Object | None:
    """The status with the condition; None where the status already has it, or where all is done and nothing
    need go on.

    `has_state` is whether objects of this kind also have a state word for people.
    """
    status, generation = dict(thing.get("status") or {}), thing["metadata"]["generation"]
    said = [each for each in status.get("conditions") or () if isinstance(each, dict)]
    if status.get("observedGeneration") == generation and any(
        _holds(each, ConditionType.COMPLETE) for each in said
    ):
        return None
    (condition,) = as_conditions(
        [(ConditionType.STALLED, True, blocker.reason, blocker.message[:1024])], now, generation
    )
    fresh = json.loads(condition.to_json())
    before = next((each for each in said if each.get("type") == ConditionType.STALLED), None)
    if before is not None and _holds(before, ConditionType.STALLED):
        fresh["lastTransitionTime"] = before["lastTransitionTime"]
    status["conditions"] = [fresh if each is before else each for each in said] + (
        [fresh] if before is None else []
    )
    status["observedGeneration"] = generation
    if has_state and status.get("state") != "Failed":
        status["state"] = "Stalled"
    return None if status == thing.get("status") else status


def _holds(condition: Object, kind: ConditionType) -> bool:
    return condition.get("type") == kind and condition.get("status") == ConditionStatus.TRUE
