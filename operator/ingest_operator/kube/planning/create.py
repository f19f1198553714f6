"""Creates the Job of a plan and what the Job reads, and deletes both when the plan is frozen. Every call may
find what an earlier call has created."""

import contextlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ingest_contract.order import PlannedSource
from ingest_contract.plan_document import MAX_ITEMS
from ingest_operator.core.orders import Orders
from ingest_operator.core.plans import entries_of, items_of
from ingest_operator.core.source_lists import SourceError
from ingest_operator.kube.api.client import Api
from ingest_operator.kube.api.errors import AlreadyExistsError, NotFoundError, RefusalCause, RefusedError
from ingest_operator.kube.api.fields import gone_by
from ingest_operator.kube.api.names import Owner, Place, plan_order_map_name
from ingest_operator.kube.api.ownership import is_controlled
from ingest_operator.kube.api.refusals import NameTakenError
from ingest_operator.kube.api.resources import CLAIMS, CONFIG_MAPS, JOBS, Object, Resource
from ingest_operator.kube.manifests.node_avoidance import drawn_from
from ingest_operator.kube.manifests.plan_job import ORDER_FILE, knowing, plan_job, plan_order_map
from ingest_operator.kube.manifests.sources import (
    Found,
    needed_claims,
    needed_config_maps,
    planned_sources,
)
from ingest_operator.kube.planning.attempts import REQUEST, PlanAttempt, PlanRequest
from ingest_operator.kube.planning.frozen_plan import FrozenPlan

LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PlanInputs:
    """What the Job of the next plan would get now."""

    order: Object
    request: PlanRequest
    sources: tuple[PlannedSource, ...]
    """The sources of its order."""
    claims: tuple[str, ...]
    """The claims that it mounts."""
    problems: tuple[SourceError, ...] = ()
    """Why it leaves out other sources that are not planned."""


class NothingToPlanError(Exception):
    """No source that is left can be planned now."""

    def __init__(self, problems: tuple[SourceError, ...]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems


async def find_wanted(api: Api, owner: Owner, orders: Orders, frozen: tuple[FrozenPlan, ...]) -> PlanInputs:
    """Look up what the sources name, and build the order.
    Raises `SourceError`, `NothingToPlanError`, `OrderTooLargeError`, `OverlayError`."""
    spec, pods, done = orders.batch.spec, orders.profile.pods, entries_of(frozen)
    left = [number for number in range(len(spec.sources)) if number not in done]
    planned = items_of(frozen)
    if len(planned) > MAX_ITEMS:
        raise SourceError(
            f"spec.sources: the batch holds {len(planned)} recordings; put what was added into another batch"
        )
    lists = {name: await _list(api, owner, name) for name in needed_config_maps(spec, left, pods)}
    there = {claim: await _is_there(api, owner, claim) for claim in needed_claims(spec, left, pods)}
    found = Found(
        {name: data for name, data in lists.items() if data is not None},
        frozenset(claim for claim, known in there.items() if not known),
    )
    fitting = planned_sources(spec, left, pods, found)
    if not fitting.sources:
        raise NothingToPlanError(fitting.problems)
    mounted = tuple(each for each in needed_claims(spec, fitting.entries, pods) if there[each])
    order = plan_order_map(owner, orders, fitting.sources, planned, len(frozen))
    job = plan_job(owner, orders, len(frozen), 1, fitting.sources, mounted)
    request = PlanRequest.of(fitting.entries, order["data"][ORDER_FILE], job)
    return PlanInputs(order, request, fitting.sources, mounted, fitting.problems)


async def make(
    api: Api, orders: Orders, place: Place, inputs: PlanInputs, *, owner: Owner, bad_nodes: Sequence[str] = ()
) -> Object:
    """The Job of one run, created now or by an earlier call. Raises `NameTakenError`."""
    job = plan_job(owner, orders, place.index, place.number, inputs.sources, inputs.claims)
    job = drawn_from(knowing(job, inputs.order), bad_nodes)
    job["metadata"]["annotations"] = {REQUEST: inputs.request.text}
    await _publish(api, owner, inputs.order, job)
    return await create_or_meet(api, owner, JOBS, job)


async def clear(api: Api, owner: Owner, runs: Mapping[int, tuple[PlanAttempt, ...]], frozen: int) -> bool:
    """Delete what is left of frozen plans: their orders, and Jobs that succeeded or came too late. Failed
    ones are kept for the user. Returns whether a Job stays because its deletion is refused: that keeps
    nothing from being planned, and another call is not worth it for a while."""
    refused = False
    for number, of_plan in runs.items():
        left = [one for one in of_plan if number < frozen and not one.deleted and one.verdict is None]
        if left:
            await _delete(api, owner, plan_order_map_name(owner, number))
        for one in left:  # after the order: while a Job exists, there is something to clear
            metadata = one.job["metadata"]
            try:
                await api.delete(JOBS, owner.namespace, metadata["name"], uid=metadata["uid"])
            except RefusedError as error:
                LOG.warning("Job %s stays: %s", metadata["name"], error, extra={"action": "delete-plan"})
                refused = True
    return refused


async def _list(api: Api, owner: Owner, name: str) -> Mapping[str, str] | None:
    try:
        return (await api.get(CONFIG_MAPS, owner.namespace, name)).get("data") or {}
    except NotFoundError:
        return None


async def _is_there(api: Api, owner: Owner, claim: str) -> bool:
    """Whether a claim can be mounted, as far as the operator may look: a pod tells the rest."""
    try:
        return gone_by(await api.get(CLAIMS, owner.namespace, claim)) is None
    except NotFoundError:
        return False
    except RefusedError as error:
        if error.cause is not RefusalCause.FORBIDDEN_BY_RBAC:
            raise
        return True


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
