"""Notifications in the status of a batch that is known as the API has it: everything else stays as it was,
known here or not. Pure."""

import json
from collections.abc import Iterable, Sequence

from ingest_contract.conditions import ConditionType
from ingest_contract.notifications import Notification
from ingest_contract.status import IngestBatchStatus
from ingest_operator.core.conditions import as_conditions
from ingest_operator.core.notifications import notified, with_begun
from ingest_operator.kube.api.lenient import reading
from ingest_operator.kube.api.names import trace_of
from ingest_operator.kube.api.resources import Object


def with_transitions(
    status: IngestBatchStatus, before: IngestBatchStatus | None, batch: Object
) -> IngestBatchStatus:
    """The status with the transitions that it makes."""
    trace_id = trace_of(batch["metadata"]["uid"])
    was = before.conditions if before else ()
    updated = with_begun(status.notifications, was, status.conditions, trace_id)
    return status.model_copy(update={"notifications": updated})


def recorded(batch: Object, status: Object | None) -> Object | None:
    """A status that is to replace the batch's own, with the transitions that it makes, as far as both can be
    read."""
    after = reading(IngestBatchStatus, status).value if status is not None else None
    if status is None or after is None:
        return status
    before = reading(IngestBatchStatus, batch.get("status") or {}).value
    updated = with_transitions(after, before, batch).notifications
    return status if updated == after.notifications else status | {"notifications": _objects(updated)}


def with_notifications(batch: Object, updated: Sequence[Notification], now: float) -> Object:
    """The batch's status with what is known of telling, and the condition that says so."""
    status: Object = dict(batch.get("status") or {}) | {"notifications": _objects(updated)}
    if (draft := notified(updated)) is None:
        return status
    (condition,) = as_conditions([draft], now, status.get("observedGeneration", -1))
    fresh = json.loads(condition.to_json())
    said = [each for each in status.get("conditions") or () if isinstance(each, dict)]
    before = next((each for each in said if each.get("type") == ConditionType.NOTIFIED), None)
    if before is not None and before.get("status") == fresh["status"]:
        fresh["lastTransitionTime"] = before["lastTransitionTime"]
    status["conditions"] = [*(each for each in said if each is not before), fresh]
    return status


def _objects(updated: Iterable[Notification]) -> list[Object]:
    return [json.loads(each.to_json()) for each in updated]
