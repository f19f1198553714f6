"""Reconciles of batches that start nothing until someone changes them. Their plans are not kept in memory,
and such a reconcile needs none."""

from collections.abc import Iterable
from typing import Final

from ingest_contract.conditions import ConditionStatus, ConditionType
from ingest_contract.recording_status import RecordingState
from ingest_contract.status import IngestBatchStatus, breakers_of
from ingest_operator.core.conditions import TOO_MANY_FAILURES
from ingest_operator.core.fold import is_recorded
from ingest_operator.core.ledger import Ledger
from ingest_operator.core.vanished import JOB_VANISHED
from ingest_operator.kube.api.fields import holds
from ingest_operator.kube.api.names import PLAN, place_of
from ingest_operator.kube.api.resources import Object
from ingest_operator.kube.batches.job_cluster import KubeCluster

_UNRECORDED: Final = (RecordingState.RUNNING, RecordingState.FETCHING)


def needs_no_plan(status: IngestBatchStatus | None, batch: Object) -> bool:
    """Whether nothing of a batch's plan is needed until someone changes the batch.

    True for a batch that is done, and for one that is suspended or has failed too often, once nothing of it
    runs. Any other blocker of such a batch is reported at each reconcile, which needs the plan.
    """
    if status is None or status.observed_generation != batch["metadata"]["generation"]:
        return False
    if status.plan is None or status.plan.sources < len(batch["spec"].get("sources") or ()):
        return False  # what keeps the others from being planned may be mended anywhere
    holding = {each.type: each.reason for each in status.conditions if each.status is ConditionStatus.TRUE}
    if ConditionType.COMPLETE in holding:
        return True
    if _has_unrecorded(status):
        return False
    # what is computed from the status alone needs no plan
    expected = (
        None,
        TOO_MANY_FAILURES,
        JOB_VANISHED,
        *(each.reason.value for each in breakers_of(status)),
    )
    rests = ConditionType.SUSPENDED in holding or holding.get(ConditionType.FAILED) == TOO_MANY_FAILURES
    return rests and holding.get(ConditionType.STALLED) in expected


def _has_unrecorded(status: IngestBatchStatus) -> bool:
    """Whether the status remembers a run whose end it does not hold, live or over."""
    return bool(status.running) or any(row.state in _UNRECORDED for row in status.recordings)


def is_cleared(jobs: Iterable[Object]) -> bool:
    """Whether no Job that has made a plan is left. Failed ones are kept for the user."""
    places = ((job, place_of(job["metadata"]["name"])) for job in jobs)
    return not any(
        place is not None and place.role == PLAN and not holds(job, "Failed") for job, place in places
    )


async def clear_up(cluster: KubeCluster, ledger: Ledger) -> tuple[float | None] | None:
    """Delete Jobs that were kept long enough; returns when the next one may go, or None if the end of some
    Job is not recorded."""
    seen = await cluster.observe(ledger)
    if not all(run.ended is not None and is_recorded(ledger, run) for run in seen.runs):
        return None
    for run in seen.runs:
        await cluster.forget(run, final=True)
    return (await cluster.clear(),)
