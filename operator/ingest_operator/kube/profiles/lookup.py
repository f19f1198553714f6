"""Looks up what a profile names: whether it is there, and can be used."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ingest_operator.core.profile_readiness import Finding
from ingest_operator.kube.api.client import Api
from ingest_operator.kube.api.errors import NotFoundError, RefusalCause, RefusedError
from ingest_operator.kube.api.fields import condition, gone_by, spec_of, status_of
from ingest_operator.kube.api.resources import CLUSTER_KINDS, Object
from ingest_operator.kube.profiles.needs import Need

MISSING: Final = {
    "PersistentVolumeClaim": "ClaimMissing",
    "ConfigMap": "ConfigMapMissing",
    "LocalQueue": "QueueMissing",
    "WorkloadPriorityClass": "QueuePriorityClassMissing",
    "PriorityClass": "PriorityClassMissing",
    "RuntimeClass": "RuntimeClassMissing",
    "ServiceAccount": "ServiceAccountMissing",
}
"""The condition's reason, by what is not there."""

_SAID_CHARACTERS: Final = 200


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found."""

    findings: tuple[Finding, ...] = ()
    unknown: tuple[str, ...] = ()
    """What the operator has no right to look up."""


async def check_needs(api: Api, namespace: str, needs: Iterable[Need]) -> Checked:
    """Each of them, once. Raises `ApiError` where the API server does not answer."""
    findings, unknown = list[Finding](), list[str]()
    for need in needs:
        try:
            found = await _get(api, namespace, need)
        except RefusedError as error:
            if error.cause is not RefusalCause.FORBIDDEN_BY_RBAC:
                raise
            unknown.append(f"{need.kind} {need.name}")
            continue
        except ValueError:  # a template may say any text, and one that is no name has no address
            message = f"{_what(need)} cannot be the name of an object: correct it."
            findings.append(Finding("ProfileInvalid", message))
            continue
        if (finding := judged(need, namespace, found)) is not None:
            findings.append(finding)
    return Checked(tuple(findings), tuple(unknown))


async def _get(api: Api, namespace: str, need: Need) -> Object | None:
    where = None if need.kind in CLUSTER_KINDS else namespace
    for resource in need.resources:
        try:
            return await api.get(resource, where, need.name)
        except NotFoundError:
            continue
    return None


def judged(need: Need, namespace: str, found: Object | None) -> Finding | None:
    """What is wrong with an object that a profile names; None if nothing is."""
    what = _what(need)
    if found is None:
        where = "in the cluster" if need.kind in CLUSTER_KINDS else f"in namespace {namespace!r}"
        return Finding(MISSING[need.kind], f"{what} is not there: make it {where}, or name another.")
    if gone_by(found) is not None:
        return Finding(MISSING[need.kind], f"{what} is being deleted: name another, or make it anew.")
    if status_of(found).get("phase") == "Lost":
        return Finding("ClaimLost", f"{what} has lost its volume: make both anew, or name another.")
    if need.kind == "LocalQueue":
        return _of_queue(what, found)
    return None


def _what(need: Need) -> str:
    return f"{need.kind} {need.name!r}, which {need.named_by} names,"


def _of_queue(what: str, queue: Object) -> Finding | None:
    policy = spec_of(queue).get("stopPolicy")
    if policy not in (None, "None"):
        return Finding("QueueStopped", f"{what} is stopped ({policy}): set its spec.stopPolicy to None.")
    active = condition(queue, "Active")
    if active.get("status") != "False":
        return None
    said = str(active.get("message") or active.get("reason") or "it does not say why")[:_SAID_CHARACTERS]
    return Finding("QueueInactive", f"{what} admits nothing. Kueue says: {said}")
