"""The Job that resolves a batch's sources, and the ConfigMap with its order. Pure.

The order of a plan names up to ten thousand recordings that are planned already, more than one environment
variable can hold. So it is a file of a ConfigMap.
"""

from collections.abc import Sequence
from typing import Final

from ingest_contract.order import Item, PlannedSource
from ingest_contract.order_variables import ORDER_FILE_VARIABLE
from ingest_contract.selection import Reprocess
from ingest_operator.core.orders import Orders
from ingest_operator.kube.api.names import (
    CONTAINER,
    INDEX,
    PLAN,
    RELABEL,
    RUN,
    Owner,
    plan_job_name,
    plan_order_map_name,
)
from ingest_operator.kube.api.resources import Object
from ingest_operator.kube.manifests.ingest_job import config_map, digest_variable, one_run
from ingest_operator.kube.manifests.order_encoding import in_pods, plan_text
from ingest_operator.kube.manifests.pod_template import Work, pod_template, requested
from ingest_operator.kube.manifests.site_secrets import site_secrets
from ingest_operator.kube.manifests.sources import folders_of
from ingest_operator.kube.manifests.volumes import PLACE, Mount, claims, models, secrets, writable

DEADLINE_SECONDS: Final = 172_800
"""Two days. A plan hangs when its source says nothing for eleven minutes, and ends itself then; opening ten
thousand pages at the pace of a careful guest (300 an hour) takes a day and a half."""

CPUS: Final = 1
MEMORY_MIB: Final = 1024
SCRATCH_GIB: Final = 1
"""For the beginnings and ends of media files whose length cannot be read in any other way."""

ORDER_FOLDER: Final = "/order"
ORDER_FILE: Final = "order.json"
"""The key of the ConfigMap, which is the file's name."""


def plan_job(
    owner: Owner,
    orders: Orders,
    plan_number: int,
    run_number: int,
    sources: Sequence[PlannedSource] = (),
    claimed: Sequence[str] = (),
) -> Object:
    """The Job of one run of one plan of these sources, with these claims mounted. Raises `OverlayError`."""
    pods = orders.profile.pods
    work = Work(
        role=RELABEL if orders.batch.spec.is_from_store else PLAN,
        image=pods.plan_image or pods.image,
        variables=({"name": ORDER_FILE_VARIABLE, "value": f"{ORDER_FOLDER}/{ORDER_FILE}"},),
        resources=requested(CPUS, MEMORY_MIB, SCRATCH_GIB),
        mounts=_mounts(owner, orders, plan_number, sources, claimed),
        deadline_seconds=DEADLINE_SECONDS,
        template={"pods.planTemplate": pods.plan_template},
    )
    labels = owner.labels(PLAN) | {INDEX: str(plan_number), RUN: str(run_number)}
    return one_run(
        owner, plan_job_name(owner, plan_number, run_number), labels, pod_template(owner, pods, work)
    )


def knowing(job: Object, order: Object) -> Object:
    """The Job, with a worker that accepts only this order."""
    for container in job["spec"]["template"]["spec"]["containers"]:
        if container["name"] == CONTAINER:
            container["env"] = [*container["env"], digest_variable(order["data"][ORDER_FILE])]
    return job


def plan_order_map(
    owner: Owner, orders: Orders, sources: Sequence[PlannedSource], planned: Sequence[Item], plan_number: int
) -> Object:
    """The ConfigMap with the order for all plan Jobs of one number. Raises `OrderTooLargeError`."""
    claimed = folders_of(orders.profile.pods.claims)
    text = plan_text(in_pods(orders).to_plan(tuple(sources), claimed, tuple(planned), PLACE))
    labels = owner.labels(PLAN) | {INDEX: str(plan_number)}
    return config_map(owner, plan_order_map_name(owner, plan_number), labels, {ORDER_FILE: text})


def _mounts(
    owner: Owner,
    orders: Orders,
    plan_number: int,
    sources: Sequence[PlannedSource],
    claimed: Sequence[str],
) -> tuple[Mount, ...]:
    pods = orders.profile.pods
    order = Mount("order", ORDER_FOLDER, {"configMap": {"name": plan_order_map_name(owner, plan_number)}})
    locks = (models(pods.models),) if orders.batch.spec.reprocess is Reprocess.IF_PIPELINE_CHANGED else ()
    lists = secrets([each.url for each in sources], pods.secrets)
    sites = site_secrets(in_pods(orders).access)
    return (order, writable(SCRATCH_GIB), *locks, *claims(claimed), *lists, *sites)
