"""Notifications in the status of a batch that is known as the API has it: everything else stays as it was,
known here or not. Pure."""

import json
from collections.abc import Sequence

from ingest_contract.conditions import ConditionType, with_conditions
from ingest_contract.notifications import Notification
from ingest_contract.status import IngestBatchStatus
from ingest_operator.core.conditions import as_conditions
from ingest_operator.core.notifications import notified, with_begun
from ingest_operator.kube.api.lenient import reading
from ingest_operator.kube.api.names import trace_of
from ingest_operator.kube.api.resources import Object


def with_transitions(
    status: IngestBatchStatus, before: IngestBatchStatus | None, batch: Object, now: float
) -> IngestBatchStatus:
    """The status with the transitions that it makes, and the condition that says that they are to be told."""
    trace_id = trace_of(batch["metadata"]["uid"])
    was = before.conditions if before else ()
    updated = with_begun(status.notifications, was, status.conditions, trace_id, now)
    if updated == status.notifications or (draft := notified(updated)) is None:
        return status
    said = with_conditions(status.conditions, as_conditions([draft], now, status.observed_generation))
    return status.model_copy(update={"notifications": updated, "conditions": said})


def recorded(batch: Object, status: Object | None, now: float) -> Object | None:
    """A status that is to replace the batch's own, with the transitions that it makes, as far as both can be
    read."""
    after = reading(IngestBatchStatus, status).value if status is not None else None
    if status is None or after is None:
        return status
    before = reading(IngestBatchStatus, batch.get("status") or {}).value
    updated = with_transitions(after, before, batch, now).notifications
    return status if updated == after.notifications else with_notifications(status, updated, now)


def with_notifications(status: Object, updated: Sequence[Notification], now: float) -> Object:
    """A status with what is known of telling, and the condition that says so; with neither where nothing
    is."""
    if (draft := notified(updated)) is None:
        return without_notifications(status)
    (condition,) = as_conditions([draft], now, status.get("observedGeneration", -1))
    fresh = json.loads(condition.to_json())
    before = next((each for each in _conditions(status) if _is_notified(each)), None)
    if before is not None and before.get("status") == fresh["status"]:
        fresh["lastTransitionTime"] = before["lastTransitionTime"]
    entries = [json.loads(each.to_json()) for each in updated]
    others = [each for each in _conditions(status) if not _is_notified(each)]
    return status | {"notifications": entries, "conditions": [*others, fresh]}


def without_notifications(status: Object) -> Object:
    """A status that says nothing of telling."""
    left = {name: value for name, value in status.items() if name != "notifications"}
    if any(_is_notified(each) for each in _conditions(status)):
        left["conditions"] = [each for each in _conditions(status) if not _is_notified(each)]
    return left


def _conditions(status: Object) -> list[Object]:
    return [each for each in status.get("conditions") or () if isinstance(each, dict)]


def _is_notified(condition: Object) -> bool:
    return bool(condition.get("type") == ConditionType.NOTIFIED)
