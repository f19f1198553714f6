"""Ends all that runs of a batch of which only one thing is known: nothing of it is wanted any more."""

from ingest_operator.kube.api.client import Api
from ingest_operator.kube.api.deletion import is_deleted
from ingest_operator.kube.api.errors import ApiError
from ingest_operator.kube.api.names import PLAN, Owner, own_place_of
from ingest_operator.kube.batches.job_cluster import KubeCluster
from ingest_operator.kube.observe.end_rules import is_final
from ingest_operator.kube.watch.confirm import delete_job
from ingest_operator.kube.watch.jobs_and_pods import JobsAndPods


async def end_runs(cluster: KubeCluster) -> None:
    """Stop every run that is not over. One that is refused keeps no other. Raises `ApiError`."""
    for run in cluster.shown().runs:
        if run.ended is None:
            await cluster.stop(run.index, run.number)


async def end_plans(api: Api, seen: JobsAndPods, owner: Owner) -> None:
    """Delete the plan Jobs that are not over: a plan that no one will read is not worth its pod. One that is
    refused keeps no other. Raises the first `ApiError` at the end."""
    refused: ApiError | None = None
    for job in seen.jobs.of(owner.identity):
        place = own_place_of(owner, job["metadata"]["name"])
        if (
            place is not None
            and place.role == PLAN
            and not (is_final(job) or is_deleted(job) or seen.jobs.is_gone(job))
        ):
            try:
                await delete_job(api, seen, job)
            except ApiError as error:
                refused = refused or error
    if refused is not None:
        raise refused
