"""Asks the API server itself about Jobs and pods that no watch shows: only it can say that one is gone.

A watch selects by a label. A Job that has lost it, by hand, by a tool or by a policy, looks deleted to the
watch but still runs; its owner reference says whose it is, so each reconcile gets it by name again. A pod is
found by the Job controller's own label.
"""

import asyncio
import logging
from collections.abc import Iterable
from typing import Final

from ingest_operator.kube.api.client import Api
from ingest_operator.kube.api.errors import NotFoundError, RefusedError
from ingest_operator.kube.api.fields import held_since, is_terminal, moment, status_of
from ingest_operator.kube.api.names import PLAN, Place, place_of
from ingest_operator.kube.api.ownership import Identity, identity_of
from ingest_operator.kube.api.resources import JOBS, PODS, Object
from ingest_operator.kube.observe.end_rules import decided, is_final
from ingest_operator.kube.watch.jobs_and_pods import JobsAndPods, Lost

LOG: Final = logging.getLogger(__name__)

CONTROLLER_UID: Final = "batch.kubernetes.io/controller-uid"
"""The Job controller's label of a pod: the Job that made it. Without it the controller itself would lose the
pod."""

UNSEEN_SECONDS: Final = 5.0
"""Seconds after which a pod that no watch has shown is asked for: before a Job that is over is believed
without its pod (`end_rules.POD_LAG_SECONDS`)."""

ASKED_SECONDS: Final = 120.0
"""Seconds for which the pod of a Job that is over is asked for: later it was deleted, and a Job may be kept
for days."""


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


async def ask_for_pods(api: Api, seen: JobsAndPods, batch: Identity, now: float) -> None:
    """Get the pods of those Jobs that should have one and of which no watch shows any: a policy may have
    removed its label, and only the pod has the Receipt. Raises `ApiError`."""
    asked = [job for job in seen.jobs.of(batch) if _misses_pod(seen, job, now)]
    await asyncio.gather(*(_ask_for_pods(api, seen, job) for job in asked))


async def _ask_for_pods(api: Api, seen: JobsAndPods, job: Object) -> None:
    uid = job["metadata"]["uid"]
    listed, _ = await api.list(PODS, job["metadata"]["namespace"], labels=f"{CONTROLLER_UID}={uid}")
    there = {pod["metadata"]["uid"] for pod in listed}
    for pod in listed:
        seen.pods.accept(pod)
    for pod in seen.pods.of(identity_of(job)):
        if pod["metadata"]["uid"] not in there:
            seen.pods.drop(pod)


def _misses_pod(seen: JobsAndPods, job: Object, now: float) -> bool:
    """Whether a Job has, or had until now, a pod that no watch shows."""
    if any(is_terminal(pod) or seen.pods.is_watched(pod) for pod in seen.pods.of(identity_of(job))):
        return False
    kind, began = decided(job), moment(status_of(job).get("startTime"))
    since = began if kind is None else held_since(job, kind)
    late = since is not None and now - since > UNSEEN_SECONDS
    if kind is not None:
        return late and since is not None and now - since < ASKED_SECONDS
    return late and bool(status_of(job).get("active")) and not seen.jobs.is_gone(job)


async def delete_job(api: Api, seen: JobsAndPods, job: Object) -> None:
    """Delete a Job that the operator needs no more. It never counts as lost:
    we did it ourselves. Raises `ApiError`."""
    await api.delete(JOBS, job["metadata"]["namespace"], job["metadata"]["name"], uid=job["metadata"]["uid"])
    seen.jobs.drop(job)
    seen.forget_job(job)


async def end_job(api: Api, seen: JobsAndPods, job: Object) -> None:
    """Delete a Job before another one is made in its place. One that is over for the cluster disturbs nobody:
    where it may not be deleted, it stays. Raises `ApiError`."""
    try:
        await delete_job(api, seen, job)
    except RefusedError as error:
        if not is_final(job):
            raise
        name = job["metadata"]["name"]
        LOG.warning("Job %s stays: %s", name, error, extra={"action": "delete-job"})


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
