"""Conditions: observations about a resource in the standard form of the Kubernetes API conventions, never a
state machine."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import Field, StringConstraints

from ingest_contract.base import ContractModel, LongText, Timestamp

MAP_BY_TYPE: Final[dict[str, Any]] = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}
"""What a list of conditions is for the API server."""


class ConditionType(StrEnum):
    """What can be observed about an object of ours."""

    COMPLETE = "Complete"
    """Every recording is final. The reason says whether all succeeded."""
    FAILED = "Failed"
    """More recordings failed than `retry.maxFailedPercent` allows, or planning is impossible."""
    STALLED = "Stalled"
    """Something outside the batch must change before more can start; the reason names it."""
    RECONCILING = "Reconciling"
    """The batch is being planned."""
    SUSPENDED = "Suspended"
    """`spec.suspend` is set and nothing runs."""
    READY = "Ready"
    """Of a SpeakerProfile: every recording is heard or refused, and at least one is used. Of an
    IngestProfile: all that it names is there, and no pod has said that something is missing."""
    RETENTION_KEPT = "RetentionKept"
    """Of an IngestProfile with `retention`: the last run has forgotten what is older. Absent without."""
    NOTIFIED = "Notified"
    """Of an IngestBatch: the webhook took all that was to be told. Absent where nothing was."""
    NODES_AVOIDED = "NodesAvoided"
    """Runs failed on some nodes for the node's own reasons, so the batch avoids them for a while. Present
    once there were such nodes."""
    LANGUAGE_DOUBTED = "LanguageDoubted"
    """Of an IngestBatch: recordings are surely in another language than the one ordered. Present once there
    were such recordings."""


class ConditionStatus(StrEnum):
    """Whether the observation holds."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(ContractModel):
    """One observation."""

    type: ConditionType
    """What is observed."""

    status: ConditionStatus
    """Whether the observation holds."""

    reason: Annotated[
        str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z]([A-Za-z0-9]*)$")
    ]
    """Why, in one word for machines."""

    message: LongText = ""
    """Why, for people."""

    last_transition_time: Timestamp
    """When `status` last changed."""

    observed_generation: Annotated[int, Field(ge=-1)]
    """The generation of the spec for which this was observed."""


def with_conditions(current: Iterable[Condition], wanted: Iterable[Condition]) -> tuple[Condition, ...]:
    """Merge the wanted conditions into the current ones, sorted by type. `lastTransitionTime` changes only
    with the status."""
    by_type = {condition.type: condition for condition in current}
    for condition in wanted:
        old = by_type.get(condition.type)
        if old is not None and old.status is condition.status:
            by_type[condition.type] = condition.model_copy(
                update={"last_transition_time": old.last_transition_time}
            )
        else:
            by_type[condition.type] = condition
    return tuple(by_type[kind] for kind in ConditionType if kind in by_type)
