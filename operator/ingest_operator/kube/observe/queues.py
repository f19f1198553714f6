"""Jobs that wait in a queue of the cluster: how many, since when, and what Kueue reports about the first of
them.

A Job that a queue has not admitted is suspended and has no pod. The reason is only in its Workload, which
Kueue makes and labels with the Job's uid. The Workload is read once the wait is long enough for a person to
wonder, at intervals.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf
from typing import Final

from ingest_operator.core.blocker import Blocker
from ingest_operator.core.timestamps import to_rfc3339
from ingest_operator.kube.api.client import Api
from ingest_operator.kube.api.errors import ApiError, NotFoundError, RefusedError
from ingest_operator.kube.api.fields import condition, created_at, held_since, holds, metadata_of, spec_of
from ingest_operator.kube.api.names import FETCH, INGEST, STOPPED, place_of
from ingest_operator.kube.api.resources import WORKLOADS, Object
from ingest_operator.kube.manifests.ingest_job import QUEUE
from ingest_operator.kube.observe.end_rules import is_final, is_suspended

PATIENCE_SECONDS: Final = 60.0
"""Seconds in a queue before a person should know. A cluster with room admits within one second."""

ASK_EVERY_SECONDS: Final = 30.0
"""Seconds between two requests about the same batch."""

JOB_UID: Final = "kueue.x-k8s.io/job-uid"
"""Kueue's label of a Workload: the Job that it belongs to."""

_MESSAGE_CHARACTERS: Final = 600
"""Characters of Kueue's own message: a condition has room for 1024, and our text comes first."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What Kueue reported about a Job, and when."""

    uid: str
    words: str
    at: float


def waiting(jobs: Iterable[Object], now: float) -> tuple[Object, ...]:
    """The ingest Jobs suspended from outside for longer than `PATIENCE_SECONDS`, the earliest first."""
    found = [
        job for job in jobs if _ingests(job) and _waits(job) and now - _since(job, now) > PATIENCE_SECONDS
    ]
    return tuple(sorted(found, key=lambda job: (_since(job, now), job["metadata"]["name"])))


def not_admitted(jobs: tuple[Object, ...], words: str, now: float) -> Blocker:
    """The blocker for Jobs that wait. Others go on: a queue admits what it has room for."""
    first, count = jobs[0], len(jobs)
    queue = _labels(first).get(QUEUE)
    where = f"queue {queue!r}" if queue else "whoever has suspended them"
    who = "1 recording waits" if count == 1 else f"{count} recordings wait"
    text = f"{who} for admission by {where}, the first since {to_rfc3339(_since(first, now))}. {words}"
    place = place_of(first["metadata"]["name"])
    return Blocker("NotAdmitted", text, inf, 0 if place is None else place.index)


async def ask_queue(api: Api, job: Object, now: float) -> Answer:
    """What the Workload of a Job says. Never raises `ApiError`: what cannot be read is reported as well."""
    return Answer(job["metadata"]["uid"], await _words(api, job), now)


async def _words(api: Api, job: Object) -> str:
    if QUEUE not in _labels(job):
        return f"The Job {job['metadata']['name']} names no queue: see who suspends Jobs in this namespace."
    for resource in WORKLOADS:
        try:
            found, _ = await api.list(
                resource, job["metadata"]["namespace"], labels=f"{JOB_UID}={job['metadata']['uid']}"
            )
        except NotFoundError:
            continue
        except RefusedError:
            return "The operator may not read Workloads, which say why: set the chart's rbac.queues."
        except ApiError as error:
            return f"Its Workload cannot be read now: {error.message[:_MESSAGE_CHARACTERS]}"
        return (
            said_by(found[0])
            if found
            else "Kueue has made no Workload for it: is it running, and does it manage this namespace?"
        )
    return "No Kueue serves Workloads in this cluster: install it, or take queueName out of the profile."


def said_by(workload: Object) -> str:
    """Why a Workload is not admitted, in Kueue's words."""
    if (workload.get("spec") or {}).get("active") is False:
        return f"Its Workload {workload['metadata']['name']} is deactivated: set its spec.active."
    for kind in ("QuotaReserved", "Admitted", "Evicted"):
        message = condition(workload, kind).get("message")
        if message and holds(workload, kind) is (kind == "Evicted"):
            return f"Kueue says: {message[:_MESSAGE_CHARACTERS]}"
    return "Kueue has said nothing of it yet."


def _labels(job: Object) -> Object:
    labels: Object = metadata_of(job).get("labels") or {}
    return labels


def _ingests(job: Object) -> bool:
    """Whether it is an ingest Job, by its name and its template: anybody may edit its labels."""
    place = place_of(job["metadata"]["name"])
    return place is not None and place.role == INGEST and spec_of(job).get("role") != FETCH


def _waits(job: Object) -> bool:
    return (
        is_suspended(job) and not is_final(job) and STOPPED not in (metadata_of(job).get("annotations") or {})
    )


def _since(job: Object, now: float) -> float:
    return held_since(job, "Suspended") or created_at(job) or now
