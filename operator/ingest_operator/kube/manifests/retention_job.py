"""The Job that forgets what is older than a profile keeps: no model, no GPU, and the store alone. Pure."""

from enum import IntEnum
from typing import Final

from ingest_contract.pods import PodProfile
from ingest_contract.voice_orders import RetainOrder
from ingest_operator.kube.api.names import RETAIN, Owner
from ingest_operator.kube.api.resources import Object
from ingest_operator.kube.manifests.pod_template import pod_template
from ingest_operator.kube.manifests.voice_jobs import curator_work, numbered_job


class ProfileWork(IntEnum):
    """What a Job of an IngestProfile is for: the index in its name."""

    RETAIN = 0


DEADLINE_SECONDS: Final = 3 * 3600
"""A recording goes in some hundredths of a second, in transactions of their own: a hundred thousand fit, and
the next run goes on where this one was ended."""


def retention_job(owner: Owner, pods: PodProfile, order: RetainOrder) -> Object:
    """The Job of one run. Raises `OverlayError`."""
    work = curator_work(RETAIN, pods, order, DEADLINE_SECONDS)
    template = pod_template(owner, pods, work)
    return numbered_job(owner, ProfileWork.RETAIN, order.run, owner.labels(RETAIN), template)
