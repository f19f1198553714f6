"""The Job that forgets what is older than a profile keeps: no model, no GPU, and the store alone. Pure."""

from enum import IntEnum
from typing import Final

from ingest_contract.pods import PodProfile
from ingest_contract.voice_orders import RetainOrder
from ingest_operator.kube.api.names import INDEX, RETAIN, RUN, Owner, run_job_name
from ingest_operator.kube.api.resources import Object
from ingest_operator.kube.manifests.ingest_job import one_run
from ingest_operator.kube.manifests.pod_template import Work, pod_template, requested
from ingest_operator.kube.manifests.voice_jobs import (
    FORGET_CPUS,
    FORGET_MEMORY_MIB,
    FORGET_SCRATCH_GIB,
    order_variables,
)
from ingest_operator.kube.manifests.volumes import writable


class ProfileWork(IntEnum):
    """What a Job of an IngestProfile is for: the index in its name."""

    RETAIN = 0


DEADLINE_SECONDS: Final = 3 * 3600
"""A recording goes in some hundredths of a second, in transactions of their own: a hundred thousand fit, and
the next run goes on where this one was ended."""


def retention_job(owner: Owner, pods: PodProfile, order: RetainOrder) -> Object:
    """The Job of one run. Raises `OverlayError`."""
    work = Work(
        role=RETAIN,
        image=pods.plan_image or pods.image,
        variables=order_variables(order),
        resources=requested(FORGET_CPUS, FORGET_MEMORY_MIB, FORGET_SCRATCH_GIB),
        mounts=(writable(FORGET_SCRATCH_GIB),),
        deadline_seconds=DEADLINE_SECONDS,
        template={"pods.planTemplate": pods.plan_template},
    )
    labels = owner.labels(RETAIN) | {INDEX: str(int(ProfileWork.RETAIN)), RUN: str(order.run)}
    name = run_job_name(owner, ProfileWork.RETAIN, order.run)
    return one_run(owner, name, labels, pod_template(owner, pods, work))
