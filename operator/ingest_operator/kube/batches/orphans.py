"""Pods that run on without their Job: someone deleted the Job with `--cascade=orphan`, or changed the labels
by which its selector finds them.

Nothing else would end such a pod or count how it ended. It is found by its labels, which name the Job that
made it and the batch: whoever can write them in the batch's namespace can delete the pod as well. What the
pod may still do is fenced: the next run has another claim.
"""

import contextlib
from collections.abc import Iterator
from math import inf
from typing import Final

from ingest_contract.pods import PodProfile
from ingest_operator.core.blocker import Blocker
from ingest_operator.kube.api.client import Api
from ingest_operator.kube.api.errors import ApiError
from ingest_operator.kube.api.fields import gone_by, is_terminal, metadata_of
from ingest_operator.kube.api.names import INGEST, PACK, Owner, Place, indexes_in, own_place_of
from ingest_operator.kube.api.ownership import controller_of
from ingest_operator.kube.api.resources import PODS, Object
from ingest_operator.kube.watch.jobs_and_pods import JobsAndPods

JOB_NAME: Final = "batch.kubernetes.io/job-name"
"""The Job controller's label of a pod: which Job made it."""


async def end_orphans(api: Api, seen: JobsAndPods, owner: Owner) -> None:
    """Delete a batch's orphaned pods that are not being deleted yet. A refused or failed call holds nothing
    else up: their blocker is reported, and the next reconcile asks again."""
    for _, pod in _orphans(seen, owner):
        if gone_by(pod) is None:
            with contextlib.suppress(ApiError):
                await api.delete(PODS, owner.namespace, pod["metadata"]["name"], uid=pod["metadata"]["uid"])


def left_behind(seen: JobsAndPods, owner: Owner, profile: PodProfile) -> tuple[Blocker, ...]:
    """Their blockers: a recording is not retried beside its orphaned pod, as long as the pod's node can be
    expected to answer."""
    return tuple(
        _blocker(index, pod, profile)
        for place, pod in _orphans(seen, owner)
        if place.role == INGEST
        for index in indexes_in((metadata_of(pod).get("annotations") or {}).get(PACK), place.index)
    )


def _blocker(index: int, pod: Object, profile: PodProfile) -> Blocker:
    by, name = gone_by(pod), pod["metadata"]["name"]
    message = (
        f"Pod {name} ran on without its Job, which somebody deleted without it. "
        "Its recording goes on when it has gone: the operator ends it, if its role lets it delete pods."
    )
    return Blocker("JobOrphaned", message, inf if by is None else by + profile.node_lost_seconds, index)


def _orphans(seen: JobsAndPods, owner: Owner) -> Iterator[tuple[Place, Object]]:
    """The pods of the batch's Jobs that have no controller and have not ended."""
    for pod in seen.pods.of(owner.identity):
        job_name = (metadata_of(pod).get("labels") or {}).get(JOB_NAME) or ""
        place = own_place_of(owner, job_name)
        if (
            place is not None
            and controller_of(pod) is None
            and not is_terminal(pod)
            and not seen.pods.is_gone(pod)
        ):
            yield place, pod
