"""Pods that run on without their Job, which somebody deleted with `--cascade=orphan`, or took them from by
its selector's labels.

Nobody would ever end such a pod, or count how it ended. It is known by its labels, which name the Job that
made it and the batch: whoever can write them in the batch's namespace can delete the pod as well. What it may
still do there is fenced: the next try has another claim.
"""

import contextlib
from collections.abc import Iterator
from math import inf
from typing import Final

from ingest_contract.pods import PodProfile
from ingest_operator.core.blocker import Hindrance
from ingest_operator.kube.api.client import Api
from ingest_operator.kube.api.errors import RefusedError
from ingest_operator.kube.api.fields import gone_by, is_terminal, metadata_of
from ingest_operator.kube.api.names import INGEST, Owner, Place, place_of
from ingest_operator.kube.api.ownership import controller_of
from ingest_operator.kube.api.resources import PODS, Object
from ingest_operator.kube.watch.jobs_and_pods import Seen

JOB_NAME: Final = "batch.kubernetes.io/job-name"
"""The Job controller's label of a pod: which Job made it."""


async def end_orphans(api: Api, seen: Seen, owner: Owner) -> None:
    """Delete those of a batch that nobody has deleted yet. Raises `ApiError`, but for a role of an earlier
    version that may not."""
    for _, pod in _orphans(seen, owner):
        if gone_by(pod) is None:
            with contextlib.suppress(RefusedError):  # what is told of it says so
                await api.delete(PODS, owner.namespace, pod["metadata"]["name"], uid=pod["metadata"]["uid"])


def left_behind(seen: Seen, owner: Owner, profile: PodProfile) -> tuple[Hindrance, ...]:
    """What is told of them: a recording is not tried again beside itself, as long as its node can be expected
    to answer."""
    return tuple(_told(place, pod, profile) for place, pod in _orphans(seen, owner) if place.role == INGEST)


def _told(place: Place, pod: Object, profile: PodProfile) -> Hindrance:
    by, name = gone_by(pod), pod["metadata"]["name"]
    message = (
        f"Pod {name} ran on without its Job, which somebody deleted without it. Its recording goes on when "
        "it has gone: "
        "the operator ends it, if its role lets it delete pods."
    )
    return Hindrance(
        "JobOrphaned", message, inf if by is None else by + profile.node_lost_seconds, place.index
    )


def _orphans(seen: Seen, owner: Owner) -> Iterator[tuple[Place, Object]]:
    """The pods of the batch's Jobs that nobody controls and that have not ended."""
    for pod in seen.pods.of(owner.identity):
        job_name = (metadata_of(pod).get("labels") or {}).get(JOB_NAME) or ""
        place = place_of(job_name)
        ours = place is not None and place.name(owner) == job_name and controller_of(pod) is None
        if place is not None and ours and not is_terminal(pod) and not seen.pods.is_gone(pod):
            yield place, pod
