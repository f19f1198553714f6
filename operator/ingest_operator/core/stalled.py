"""Marks a batch as Stalled without recomputing the rest of its status. Pure."""

from ingest_contract.conditions import ConditionStatus, ConditionType, with_conditions
from ingest_contract.status import IngestBatchStatus
from ingest_operator.core.blocker import Blocker
from ingest_operator.core.conditions import as_conditions


def stalled_status(
    previous: IngestBatchStatus | None, blocker: Blocker, generation: int, now: float
) -> IngestBatchStatus:
    """The status of a batch whose plan cannot be read: unchanged, plus why nothing goes on. A batch that is
    done stays as it is."""
    before = previous or IngestBatchStatus()
    if before.observed_generation == generation and any(
        each.type is ConditionType.COMPLETE and each.status is ConditionStatus.TRUE
        for each in before.conditions
    ):
        return before
    stalled = (ConditionType.STALLED, True, blocker.reason, blocker.message)
    conditions = with_conditions(before.conditions, as_conditions([stalled], now, generation))
    state = "Failed" if before.state == "Failed" else "Stalled"
    return before.model_copy(
        update={"observed_generation": generation, "conditions": conditions, "state": state}
    )
