"""Looks at batches that are done. Their plans are not kept, and such a look needs none."""

from collections.abc import Iterable

from ingest_contract.conditions import ConditionStatus, ConditionType
from ingest_contract.status import IngestBatchStatus
from ingest_operator.fold import is_recorded
from ingest_operator.kube.cluster import KubeCluster
from ingest_operator.kube.names import PLAN, place_of
from ingest_operator.kube.pods import holds
from ingest_operator.kube.resources import Object
from ingest_operator.ledger import Ledger


def is_done(status: IngestBatchStatus | None, generation: int) -> bool:
    """Whether nothing more happens to a batch unless somebody changes it."""
    if status is None or status.observed_generation != generation:
        return False
    return any(each.type is ConditionType.COMPLETE and each.status is ConditionStatus.TRUE for each in status.conditions)


def is_cleared(jobs: Iterable[Object]) -> bool:
    """Whether no Job is left that has made a plan. Failed ones stay, for people."""
    places = ((job, place_of(job["metadata"]["name"])) for job in jobs)
    return not any(place is not None and place.role == PLAN and not holds(job, "Failed") for job, place in places)


async def clear_up(cluster: KubeCluster, ledger: Ledger) -> tuple[float | None] | None:
    """Delete Jobs that were kept long enough; when the next one may go. None where one is there whose end is not recorded."""
    cluster.keep_hidden(ledger)
    runs = await cluster.runs()
    if not all(run.ended is not None and is_recorded(ledger, run) for run in runs):
        return None
    for run in runs:
        await cluster.forget(run, final=True)
    return (await cluster.clear(),)
