"""What the batches of a profile say of its setup, read off their statuses and Jobs. Pure."""

from collections.abc import Iterable, Iterator
from typing import Any

from ingest_contract.conditions import ConditionStatus, ConditionType
from ingest_contract.failures import FAILURES, Reason
from ingest_operator.core.profile_readiness import OF_THE_SETUP, Finding, Heard, Past
from ingest_operator.kube.api.deletion import is_deleted
from ingest_operator.kube.api.fields import condition, created_at, held_since, spec_of, status_of
from ingest_operator.kube.api.names import FETCH, PLAN, place_of
from ingest_operator.kube.api.resources import Object


def heard(batch: Object) -> Heard:
    """What a batch says."""
    at_work = not spec_of(batch).get("suspend") and not is_deleted(batch) and bool(status_of(batch))
    stalled = condition(batch, ConditionType.STALLED)
    reason = str(stalled.get("reason"))
    fault = None
    if stalled.get("status") == ConditionStatus.TRUE and reason in OF_THE_SETUP:
        said = _breaker(batch, reason) or str(stalled.get("message") or reason)
        fault = Finding(reason, said)
    return Heard(batch["metadata"]["name"], fault, at_work, created_at(batch) or 0.0)


def profile_name(batch: Object) -> str:
    """The profile that a batch uses."""
    return str((spec_of(batch).get("profileRef") or {}).get("name") or "default")


def past(jobs: Iterable[Object], *, inline: bool) -> Iterator[Past]:
    """The Jobs that succeeded. `inline` says that ingest Jobs meet sources as well."""
    for job in jobs:
        at = held_since(job, "Complete")
        place = place_of(job["metadata"]["name"])
        if at is not None and place is not None:
            yield Past(at, inline or place.role == PLAN or spec_of(job).get("role") == FETCH)


def _breaker(batch: Object, reason: str) -> str | None:
    """What its own breaker says, without when it is probed; None if none is open for this reason."""
    status = status_of(batch)
    breakers: tuple[Any, ...] = (status.get("breaker"), (status.get("fetch") or {}).get("breaker"))
    for each in breakers:
        if isinstance(each, dict) and each.get("reason") == reason:
            return f"{FAILURES[Reason(reason)].sentence} {each.get('message') or ''}".rstrip()
    return None
