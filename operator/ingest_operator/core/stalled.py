"""The status of a batch that can only be told to be in trouble: nothing of it is worked out anew. Pure."""

from ingest_contract.conditions import ConditionStatus, ConditionType, with_conditions
from ingest_contract.status import IngestBatchStatus
from ingest_operator.core.blocker import Hindrance
from ingest_operator.core.conditions import as_conditions


def halted(
    previous: IngestBatchStatus | None, hindrance: Hindrance, generation: int, now: float
) -> IngestBatchStatus:
    """The status of a batch whose plan is out of reach: as it was, and why nothing goes on. One that is done
    stays as it is."""
    before = previous or IngestBatchStatus()
    if before.observed_generation == generation and any(
        each.type is ConditionType.COMPLETE and each.status is ConditionStatus.TRUE
        for each in before.conditions
    ):
        return before
    stalled = (ConditionType.STALLED, True, hindrance.reason, hindrance.message)
    conditions = with_conditions(before.conditions, as_conditions([stalled], now, generation))
    state = "Failed" if before.state == "Failed" else "Stalled"
    return before.model_copy(
        update={"observed_generation": generation, "conditions": conditions, "state": state}
    )
