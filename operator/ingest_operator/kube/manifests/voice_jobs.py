"""The Jobs of a SpeakerProfile: one that hears its recordings, and one that forgets the voice. Pure.

Both are named like the runs of a recording, so that everything that reads Jobs reads these too: index 0
hears, index 1 forgets, index 2 gives another name.
"""

from enum import IntEnum
from typing import Final

from ingest_contract.order import WorkOrder
from ingest_contract.order_variables import ORDER_VARIABLE
from ingest_contract.pods import PodProfile
from ingest_contract.voice_orders import EnrolOrder, ForgetOrder, RenameOrder
from ingest_operator.core.deadlines import FLOOR_SECONDS, deadline_seconds
from ingest_operator.kube.api.names import ENROL, FORGET, INDEX, RUN, RUNG, Owner, run_job_name
from ingest_operator.kube.api.resources import Object
from ingest_operator.kube.manifests.ingest_job import digest_variable, one_run, queue_labels
from ingest_operator.kube.manifests.pod_template import Work, memory_mib, pod_template, requested
from ingest_operator.kube.manifests.site_secrets import site_secrets
from ingest_operator.kube.manifests.volumes import (
    claims,
    claims_of,
    cuda_cache_mounts,
    cuda_cache_variables,
    models,
    writable,
)

FORGET_CPUS: Final = 1
FORGET_MEMORY_MIB: Final = 512
"""What deleting rows takes: a client of Postgres, and no model."""
FORGET_SCRATCH_GIB: Final = 1


class VoiceWork(IntEnum):
    """What a Job of a SpeakerProfile is for: the index in its name."""

    ENROL = 0
    FORGET = 1
    RENAME = 2


def enrol_job(owner: Owner, pods: PodProfile, order: EnrolOrder, rung: int) -> Object:
    """The Job that hears the recordings of a voice: with the models, and the GPU of an ingest pod. Raises
    `OverlayError`."""
    addresses = [each.url for each in order.recordings if each.url is not None]
    work = Work(
        role=ENROL,
        image=pods.image,
        variables=(*order_variables(order), *cuda_cache_variables(pods.cuda_cache)),
        resources=requested(pods.cpus, memory_mib(pods.memory, None, rung), pods.scratch_gib, pods.gpu),
        mounts=(
            models(pods.models),
            writable(pods.scratch_gib),
            *cuda_cache_mounts(pods.cuda_cache),
            *claims(claims_of(addresses, pods.claims)),
            *site_secrets(order.sites),
        ),
        deadline_seconds=len(order.recordings) * deadline_seconds(None, order.runtime.device),
        priority_class=pods.priority_class,
        template={"pods.workerTemplate": pods.worker_template},
    )
    labels = owner.labels(ENROL) | queue_labels(pods) | ({RUNG: str(rung)} if rung else {})
    return numbered_job(owner, VoiceWork.ENROL, order.run, labels, pod_template(owner, pods, work))


def curator_job(owner: Owner, pods: PodProfile, order: ForgetOrder | RenameOrder) -> Object:
    """The Job that removes a voice from the store, or gives it another name there: both may do what no worker
    may. Raises `OverlayError`."""
    what = VoiceWork.FORGET if isinstance(order, ForgetOrder) else VoiceWork.RENAME
    work = curator_work(FORGET, pods, order, FLOOR_SECONDS)
    return numbered_job(owner, what, order.run, owner.labels(FORGET), pod_template(owner, pods, work))


def curator_work(role: str, pods: PodProfile, order: WorkOrder, deadline_seconds: int) -> Work:
    """The work of a pod that changes what is in the store: the store, and no model, source or GPU."""
    return Work(
        role=role,
        image=pods.plan_image or pods.image,
        variables=order_variables(order),
        resources=requested(FORGET_CPUS, FORGET_MEMORY_MIB, FORGET_SCRATCH_GIB),
        mounts=(writable(FORGET_SCRATCH_GIB),),
        deadline_seconds=deadline_seconds,
        template={"pods.planTemplate": pods.plan_template},
    )


def numbered_job(owner: Owner, what: IntEnum, run: int, labels: dict[str, str], template: Object) -> Object:
    """The Job of one run of `what`, whose number is the index in its name."""
    labels |= {INDEX: str(int(what)), RUN: str(run)}
    return one_run(owner, run_job_name(owner, what, run), labels, template)


def order_variables(order: WorkOrder) -> tuple[Object, ...]:
    """The whole order in one variable. A `$` is escaped as JSON allows, so that the kubelet expands
    nothing."""
    text = order.to_json().replace("$", r"\u0024")
    return ({"name": ORDER_VARIABLE, "value": text}, digest_variable(text))
