"""The batches of a schedule: their names, their manifests, and how to read one from its object. Pure.

A batch is named after its schedule and its due minute in UTC: a second create gets 409 instead of a second
batch, whoever sends it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from ingest_contract.conditions import ConditionStatus, ConditionType
from ingest_contract.names import API_VERSION, BATCH_KIND, GROUP, SCHEDULE_KIND
from ingest_contract.schedule import IngestScheduleSpec
from ingest_operator.core.conditions import TOO_MANY_FAILURES
from ingest_operator.core.timestamps import from_rfc3339, to_rfc3339
from ingest_operator.kube.api.deletion import held_up_by, is_deleted
from ingest_operator.kube.api.names import MANAGED_BY, MANAGER
from ingest_operator.kube.api.ownership import identity_of, is_controlled
from ingest_operator.kube.api.resources import Object

SCHEDULE_UID: Final = f"{GROUP}/schedule-uid"
"""Label of a batch: its schedule, for users. Its owner reference is what counts."""

SCHEDULED_TIME: Final = f"{GROUP}/scheduled-time"
"""Annotation of a batch: when it was due."""

_LIVE: Final = ("running", "fetching")
_TO_COME: Final = ("pending", "fetched", "waiting")
"""States of recordings, as `status.counts` has them."""

_MINUTE: Final = "%Y%m%d%H%M"
_DIGITS: Final = 12


@dataclass(frozen=True, slots=True)
class OwnedBatch:
    """One batch of a schedule."""

    name: str
    uid: str
    due: float
    state: str
    finished: bool
    """Whether it is Complete, or Failed and nothing of it runs or will run: until then it holds its place and
    its Jobs."""
    failed: bool
    completed: float | None
    """When it became Complete."""
    leaving: bool
    """Whether it is being deleted."""
    held: str = ""
    """Why it does not go on, as it reports itself; empty if it goes on."""

    @property
    def active(self) -> bool:
        """Whether it is neither finished nor being deleted."""
        return not self.finished and not self.leaving


def child_name(schedule: str, due: float) -> str:
    """The name of the batch for a scheduled time."""
    return f"{schedule}-{datetime.fromtimestamp(due, tz=UTC):{_MINUTE}}"


def child_object(schedule: Object, due: float) -> Object:
    """The manifest of the batch for a scheduled time."""
    about, template = schedule["metadata"], schedule["spec"]["template"]
    said = template.get("metadata") or {}
    return {
        "apiVersion": API_VERSION,
        "kind": BATCH_KIND,
        "metadata": {
            "name": child_name(about["name"], due),
            "namespace": about["namespace"],
            "labels": (said.get("labels") or {}) | {MANAGED_BY: MANAGER, SCHEDULE_UID: about["uid"]},
            "annotations": (said.get("annotations") or {}) | {SCHEDULED_TIME: to_rfc3339(due)},
            "ownerReferences": [_reference(about)],
        },
        "spec": template["spec"],
    }


def children_of(schedule: Object, batches: Iterable[Object]) -> tuple[OwnedBatch, ...]:
    """The batches that a schedule has made, earliest first.
    Other batches do not count, whatever their names."""
    found = [
        child
        for batch in batches
        if is_controlled(batch, identity_of(schedule)) and (child := child_of(schedule, batch)) is not None
    ]
    return tuple(sorted(found, key=lambda child: child.due))


def child_of(schedule: Object, batch: Object) -> OwnedBatch | None:
    """Read a batch from its object. Its name says when it was due, because labels and annotations may be
    edited; None if the name has another form."""
    about, status = batch["metadata"], batch.get("status") or {}
    due = _due(schedule["metadata"]["name"], about["name"])
    if due is None:
        return None
    complete, failed = (_holding(status, kind) for kind in (ConditionType.COMPLETE, ConditionType.FAILED))
    return OwnedBatch(
        name=about["name"],
        uid=about["uid"],
        due=due,
        state=status.get("state") or "Pending",
        finished=complete is not None or (failed is not None and not _goes_on(status, failed)),
        failed=failed is not None,
        completed=from_rfc3339(complete["lastTransitionTime"]) if complete and not failed else None,
        leaving=is_deleted(batch),
        held=_held(batch),
    )


def beyond_limits(children: Sequence[OwnedBatch], spec: IngestScheduleSpec) -> tuple[OwnedBatch, ...]:
    """The finished batches that are no longer kept: the oldest ones."""
    gone: list[OwnedBatch] = []
    for failed, limit in ((False, spec.successful_history_limit), (True, spec.failed_history_limit)):
        alike = [
            child for child in children if child.finished and child.failed is failed and not child.leaving
        ]
        gone += alike[: max(0, len(alike) - limit)]
    return tuple(sorted(gone, key=lambda child: child.due))


def _due(schedule: str, name: str) -> float | None:
    minute = name.removeprefix(f"{schedule}-")
    if len(minute) != _DIGITS or name == minute:
        return None
    try:
        return datetime.strptime(minute, _MINUTE).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


def _holding(status: Object, kind: ConditionType) -> Object | None:
    """A condition of the status, if it is true."""
    conditions: Iterable[Object] = status.get("conditions") or ()
    return next(
        (each for each in conditions if each["type"] == kind and each["status"] == ConditionStatus.TRUE), None
    )


def _goes_on(status: Object, failed: Object) -> bool:
    """Whether something of a failed batch runs, or will. Where too many have failed nothing more starts;
    where added sources cannot be planned, the recordings of earlier plans go on."""
    counts = status.get("counts") or {}
    states = _LIVE if failed["reason"] == TOO_MANY_FAILURES else (*_LIVE, *_TO_COME)
    return any(counts.get(state, 0) for state in states)


def _held(batch: Object) -> str:
    """Why a batch that is not finished does not go on by itself."""
    if is_deleted(batch):
        return f"it is being deleted{held_up_by(batch)}"
    if (batch.get("spec") or {}).get("suspend") is True:
        return "it is suspended"
    status = batch.get("status") or {}
    failed, stalled = (_holding(status, kind) for kind in (ConditionType.FAILED, ConditionType.STALLED))
    # what is left of a failed batch ends by itself, unless something else than its failure holds it
    if stalled is None or (failed is not None and failed["reason"] in (TOO_MANY_FAILURES, stalled["reason"])):
        return ""
    return f"it is stalled by {stalled['reason']}: {stalled.get('message') or ''}"


def _reference(about: Object) -> dict[str, Any]:
    """The ownerReference. Deleting the schedule deletes its batches, and waits for none of them."""
    return {
        "apiVersion": API_VERSION,
        "kind": SCHEDULE_KIND,
        "name": about["name"],
        "uid": about["uid"],
        "controller": True,
        "blockOwnerDeletion": False,
    }
