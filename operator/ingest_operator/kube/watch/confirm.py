"""Asks the API server itself about Jobs that no watch shows: only it can say that one is gone.

A watch selects by a label. A Job that has lost it, by hand or by a tool, looks deleted to the watch but still
runs; its owner reference says whose it is, so each reconcile gets it by name again.
"""

import asyncio
from collections.abc import Iterable

from ingest_operator.kube.api.client import Api
from ingest_operator.kube.api.errors import NotFoundError
from ingest_operator.kube.api.names import PLAN, Place, place_of
from ingest_operator.kube.api.ownership import Identity
from ingest_operator.kube.api.resources import JOBS, Object
from ingest_operator.kube.observe.end_rules import decided
from ingest_operator.kube.watch.jobs_and_pods import JobsAndPods, Lost


async def ask(api: Api, seen: JobsAndPods, namespace: str, names: Iterable[str]) -> None:
    """Get these Jobs from the API server. Raises `ApiError`."""
    await asyncio.gather(*(_ask(api, seen, namespace, name) for name in names))


async def ask_again(api: Api, seen: JobsAndPods, batch: Identity, now: float) -> None:
    """Get those Jobs of a batch that a watch does not show, or no longer shows although they were not over.
    Raises `ApiError`.

    Plan Jobs that are gone are forgotten, and the newest of each plan counts as lost.
    """
    jobs = seen.jobs
    doubted = [
        job
        for job in jobs.of(batch)
        if not jobs.is_watched(job) or (jobs.is_gone(job) and decided(job) is None)
    ]
    await ask(api, seen, batch.namespace, [job["metadata"]["name"] for job in doubted])
    plans = [(job, place) for job in jobs.of(batch) if (place := _plan_place(job)) is not None]
    for job, place in plans:
        if not jobs.is_gone(job):
            continue
        if not any(other.index == place.index and other.number > place.number for _, other in plans):
            seen.lose_plan(batch, Lost(place, now))
        seen.forget_job(job)


async def delete_job(api: Api, seen: JobsAndPods, job: Object) -> None:
    """Delete a Job that the operator needs no more. It never counts as lost:
    we did it ourselves. Raises `ApiError`."""
    await api.delete(JOBS, job["metadata"]["namespace"], job["metadata"]["name"], uid=job["metadata"]["uid"])
    seen.jobs.drop(job)
    seen.forget_job(job)


def is_of_plan(job: Object) -> bool:
    """Whether a Job makes a plan: then `ask_again` counts that it is gone, and forgets it."""
    return _plan_place(job) is not None


def _plan_place(job: Object) -> Place | None:
    place = place_of(job["metadata"]["name"])
    return place if place is not None and place.role == PLAN else None


async def _ask(api: Api, seen: JobsAndPods, namespace: str, name: str) -> None:
    known = seen.jobs.get((namespace, name))
    try:
        seen.jobs.accept(await api.get(JOBS, namespace, name))
    except NotFoundError:
        if known is not None and not seen.jobs.is_gone(known):
            seen.jobs.drop(known)
