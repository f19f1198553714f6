"""From the log of a succeeded plan Job to immutable ConfigMaps.

Every call may be the last one before a crash: what already exists is found again, and of two operators that
freeze the same plan one wins. Nothing is trusted unchecked: the log must match the Receipt, and the order
must match the Job's request.
"""

import asyncio
import json
from collections.abc import Sequence
from typing import Final

from pydantic import ValidationError

from ingest_contract.intervals import decode
from ingest_contract.order import PlanOrder, read_order
from ingest_contract.plan_document import PlanDocument, PlanFramesError, unframe
from ingest_operator.core.plans import covered_by, entries_after, entries_of, items_of
from ingest_operator.core.timestamps import to_rfc3339
from ingest_operator.kube.api.client import Api
from ingest_operator.kube.api.errors import (
    AlreadyExistsError,
    BusyError,
    NotFoundError,
    RefusalCause,
    RefusedError,
    UnreachableError,
)
from ingest_operator.kube.api.fields import created_at
from ingest_operator.kube.api.names import CONTAINER, Owner, plan_map_name, plan_order_map_name
from ingest_operator.kube.api.ownership import is_controlled
from ingest_operator.kube.api.refusals import NameTakenError
from ingest_operator.kube.api.resources import CONFIG_MAPS, Object
from ingest_operator.kube.manifests.plan_job import ORDER_FILE
from ingest_operator.kube.planning.attempts import PlanAttempt, digest_of
from ingest_operator.kube.planning.frozen_plan import (
    FrozenPlan,
    PlanDamagedError,
    digest_of_document,
    from_parts,
    parts_after,
    to_config_maps,
)

LOG_PATIENCE_SECONDS: Final = 300.0
"""Seconds for which a log may be out of reach: a node that restarts has it afterwards, a node that is gone
never will."""


class UnreadablePlanError(Exception):
    """The plan of a run cannot be read, now or later: another run has to make it again."""


class LogOutOfReachError(Exception):
    """The API server cannot get the log from the node now."""


async def read_frozen(api: Api, owner: Owner) -> tuple[FrozenPlan, ...]:
    """Every frozen plan of a batch, by the names that its ConfigMaps must have: anything else with their
    labels is never read, nor kept.

    Raises `PlanDamagedError` and `ApiError`.
    """
    plans: list[FrozenPlan] = []
    while (first := await _own(api, owner, plan_map_name(owner, len(plans), 0))) is not None:
        others = [await _own(api, owner, name) for name in parts_after(owner, len(plans), first)]
        parts = (first, *(each for each in others if each is not None))
        plans.append(await asyncio.to_thread(from_parts, owner, len(plans), parts))
        if plans[-1].document.items and plans[-1].document.items[0].index != len(items_of(plans[:-1])):
            raise PlanDamagedError(
                f"ConfigMap {first['metadata']['name']} holds a plan "
                "that does not follow the one before it: delete it"
            )
    return tuple(plans)


async def _own(api: Api, owner: Owner, name: str) -> Object | None:
    try:
        found = await api.get(CONFIG_MAPS, owner.namespace, name)
    except NotFoundError:
        return None
    return found if is_controlled(found, owner.identity) else None


async def freeze(
    api: Api, owner: Owner, source: PlanAttempt, frozen: Sequence[FrozenPlan], now: float
) -> tuple[FrozenPlan, ...]:
    """The batch's plans, including the one that this run made.

    Raises:
        UnreadablePlanError: its plan cannot be read, now or later.
        LogOutOfReachError: its log cannot be read now.
        NameTakenError: a part's name belongs to someone else.
        ApiError: a call failed.
    """
    order = await _order(api, owner, source)
    document = await _document(api, owner, source, now)
    first = len(items_of(frozen))
    if [item.index for item in document.items] != list(range(first, first + len(document.items))):
        raise UnreadablePlanError(f"its items do not follow the {first} of the earlier plans")
    entries = _entries(source, order, document, frozen)
    plan = FrozenPlan(
        sources=covered_by(frozen) + len(entries),
        document=document,
        entries=entries_after(frozen, entries),
        number=len(frozen),
        at=to_rfc3339(
            created_at(source.job) or now
        ),  # the same moment for every attempt, so that its parts have the same names
        settings=order.settings,
        digest=digest_of_document(json.loads(document.to_json())),
    )
    return await _made(api, owner, plan, frozen)


def _entries(
    source: PlanAttempt, order: PlanOrder, document: PlanDocument, frozen: Sequence[FrozenPlan]
) -> frozenset[int]:
    """The entries of `spec.sources` that the run has planned."""
    assert source.request is not None  # noqa: S101 -- `_order` has checked it
    asked, waiting = decode(source.request.entries), frozenset(document.waiting or ())
    known = {each.entry for each in order.sources}
    if not known <= asked or asked & entries_of(frozen):
        raise UnreadablePlanError("its order is not for the sources that it was asked for")
    if not waiting < known:
        raise UnreadablePlanError("it leaves out what it was not asked for, or all of it")
    return asked - waiting


async def _document(api: Api, owner: Owner, source: PlanAttempt, now: float) -> PlanDocument:
    receipt = source.outcome.receipt
    if source.pod is None or receipt is None or receipt.plan is None:
        raise UnreadablePlanError("its pod was gone before its plan was read")
    try:
        log = await api.log(owner.namespace, source.pod, CONTAINER)
        document = await asyncio.to_thread(lambda: unframe(log.splitlines()))
    except NotFoundError as error:
        raise UnreadablePlanError("its pod was gone before its plan was read") from error
    except PlanFramesError as error:
        raise UnreadablePlanError(str(error)) from error
    except RefusedError as error:
        if error.cause is not RefusalCause.INVALID:
            raise
        raise UnreadablePlanError(f"its log cannot be read: {error.message}") from error
    except (BusyError, UnreachableError) as error:
        if now - (source.run.ended_at or now) > LOG_PATIENCE_SECONDS:
            raise UnreadablePlanError(f"its log cannot be read: {error.message}") from error
        raise LogOutOfReachError(error.message) from error
    if document.summary != receipt.plan:
        raise UnreadablePlanError("the plan that arrived is not the one that the receipt describes")
    return document


async def _order(api: Api, owner: Owner, source: PlanAttempt) -> PlanOrder:
    """The order of the run: its settings are those that the plan was made with,
    whatever the profile says now."""
    try:
        found = await api.get(CONFIG_MAPS, owner.namespace, plan_order_map_name(owner, source.run.index))
    except NotFoundError as error:
        raise UnreadablePlanError("its order is gone, so nobody knows what it was asked") from error
    text = (found.get("data") or {}).get(ORDER_FILE, "")
    if source.request is None:
        raise UnreadablePlanError(
            "its Job does not say what it was asked, or says it as another version does"
        )
    if digest_of(text) != source.request.order:
        raise UnreadablePlanError("its order has changed since, so nobody knows what it was asked")
    try:
        order = read_order(text)
    except ValidationError as error:
        raise UnreadablePlanError("its order comes from another version") from error
    if not isinstance(order, PlanOrder):
        raise UnreadablePlanError("its order is none to plan")
    return order


async def _made(
    api: Api, owner: Owner, plan: FrozenPlan, frozen: Sequence[FrozenPlan]
) -> tuple[FrozenPlan, ...]:
    """Create the plan's ConfigMaps. If the first part already exists, the batch's plan is the one that it
    belongs to."""
    for body in await asyncio.to_thread(to_config_maps, owner, plan):
        try:
            await api.create(CONFIG_MAPS, owner.namespace, body)
        except AlreadyExistsError:
            there = await api.get(CONFIG_MAPS, owner.namespace, body["metadata"]["name"])
            if not is_controlled(there, owner.identity):
                raise NameTakenError("ConfigMap", body["metadata"]["name"]) from None
            if there.get("binaryData") != body["binaryData"]:
                return await _others(api, owner, there, plan.number)
    return (*frozen, plan)


async def _others(api: Api, owner: Owner, there: Object, number: int) -> tuple[FrozenPlan, ...]:
    plans = await read_frozen(api, owner)
    if len(plans) <= number:
        raise PlanDamagedError(
            f"ConfigMap {there['metadata']['name']} is the batch's own and holds no plan: delete it"
        )
    return plans
