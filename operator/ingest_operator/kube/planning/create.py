"""Creates the Job of a plan and what the Job reads, and deletes both when the plan is frozen. Every call may
find what an earlier call has created."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ingest_contract.order import PlannedSource
from ingest_contract.plan_document import MAX_ITEMS
from ingest_operator.core.orders import Orders
from ingest_operator.core.plans import covered_by, items_of
from ingest_operator.core.source_lists import SourceError
from ingest_operator.kube.api.client import Api
from ingest_operator.kube.api.errors import AlreadyExistsError, NotFoundError
from ingest_operator.kube.api.names import Owner, Place, plan_order_map_name
from ingest_operator.kube.api.ownership import is_controlled
from ingest_operator.kube.api.refusals import NameTakenError
from ingest_operator.kube.api.resources import CONFIG_MAPS, JOBS, Object, Resource
from ingest_operator.kube.manifests.node_avoidance import drawn_from
from ingest_operator.kube.manifests.plan_job import ORDER_FILE, knowing, plan_job, plan_order_map
from ingest_operator.kube.manifests.sources import needed_config_maps, planned_sources
from ingest_operator.kube.planning.attempts import REQUEST, PlanAttempt, PlanRequest
from ingest_operator.kube.planning.frozen_plan import FrozenPlan


@dataclass(frozen=True, slots=True)
class PlanInputs:
    """What the Job of the next plan would get now."""

    order: Object
    request: PlanRequest
    sources: tuple[PlannedSource, ...]
    """The sources of its order."""


async def find_wanted(api: Api, owner: Owner, orders: Orders, frozen: tuple[FrozenPlan, ...]) -> PlanInputs:
    """Read the lists that the sources name, and build the order.
    Raises `SourceError`, `OrderTooLargeError`, `OverlayError`."""
    spec, pods, first = orders.batch.spec, orders.profile.pods, covered_by(frozen)
    planned = items_of(frozen)
    if len(planned) > MAX_ITEMS:
        raise SourceError(
            f"spec.sources: the batch holds {len(planned)} recordings; put what was added into another batch"
        )
    lists = {name: await _list(api, owner, name) for name in needed_config_maps(spec, first, pods)}
    fitting = planned_sources(
        spec, first, pods, {name: data for name, data in lists.items() if data is not None}
    )
    order = plan_order_map(owner, orders, fitting.sources, planned, len(frozen))
    return PlanInputs(
        order,
        PlanRequest.of(fitting.covered, order["data"][ORDER_FILE], plan_job(owner, orders, len(frozen), 1)),
        fitting.sources,
    )


async def make(
    api: Api, orders: Orders, place: Place, inputs: PlanInputs, *, owner: Owner, bad_nodes: Sequence[str] = ()
) -> Object:
    """The Job of one run, created now or by an earlier call. Raises `NameTakenError`."""
    job = knowing(plan_job(owner, orders, place.index, place.number), inputs.order)
    job = drawn_from(job, bad_nodes)
    job["metadata"]["annotations"] = {REQUEST: inputs.request.text}
    await _publish(api, owner, inputs.order, job)
    return await create_or_meet(api, owner, JOBS, job)


async def clear(api: Api, owner: Owner, runs: Mapping[int, tuple[PlanAttempt, ...]], frozen: int) -> None:
    """Delete what is left of frozen plans: their orders, and Jobs that succeeded or came too late. Failed
    ones are kept for the user."""
    for number, of_plan in runs.items():
        left = [one for one in of_plan if number < frozen and not one.deleted and one.verdict is None]
        if left:
            await _delete(api, owner, plan_order_map_name(owner, number))
        for one in (
            left
        ):  # after the order: while a Job exists, the next reconcile knows that there is something to clear
            await api.delete(
                JOBS, owner.namespace, one.job["metadata"]["name"], uid=one.job["metadata"]["uid"]
            )


async def _list(api: Api, owner: Owner, name: str) -> Mapping[str, str] | None:
    try:
        return (await api.get(CONFIG_MAPS, owner.namespace, name)).get("data") or {}
    except NotFoundError:
        return None


async def _publish(api: Api, owner: Owner, order: Object, job: Object) -> None:
    """Put the order where the Job reads it. Another order that is already there is changed only while no Job
    of this run can have read it."""
    there = await create_or_meet(api, owner, CONFIG_MAPS, order)
    if there.get("data") == order["data"]:
        return
    try:
        await api.get(JOBS, owner.namespace, job["metadata"]["name"])
    except NotFoundError:
        known = {"uid": there["metadata"]["uid"], "resourceVersion": there["metadata"]["resourceVersion"]}
        await api.patch(
            CONFIG_MAPS,
            owner.namespace,
            order["metadata"]["name"],
            {"metadata": known, "data": order["data"]},
        )


async def create_or_meet(api: Api, owner: Owner, resource: Resource, body: Object) -> Object:
    """The object of this name, created now or by an earlier call. Raises `NameTakenError`."""
    try:
        return await api.create(resource, owner.namespace, body)
    except AlreadyExistsError:
        there = await api.get(resource, owner.namespace, body["metadata"]["name"])
    if not is_controlled(there, owner.identity):
        raise NameTakenError(resource.kind, body["metadata"]["name"])
    return there


async def _delete(api: Api, owner: Owner, name: str) -> None:
    with contextlib.suppress(NotFoundError):
        there = await api.get(CONFIG_MAPS, owner.namespace, name)
        if is_controlled(there, owner.identity):
            await api.delete(CONFIG_MAPS, owner.namespace, name, uid=there["metadata"]["uid"])
