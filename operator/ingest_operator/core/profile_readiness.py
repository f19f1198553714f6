"""Whether a profile is ready: its `Ready` condition, from what was found missing, what contradicts itself in
the spec, and what pods said. Pure."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ingest_contract.conditions import ConditionType
from ingest_contract.failures import FAILURES, Kind, Reason
from ingest_contract.profile import Device, IngestProfileSpec
from ingest_contract.profile_status import MAX_FAULT_ROWS, ProfileFault, SiteStatus
from ingest_operator.core.conditions import ConditionDraft
from ingest_operator.core.timestamps import from_rfc3339, to_rfc3339

READY: Final = "AllFound"
"""The reason of a profile that is ready."""

POD_NOT_CREATED: Final = "PodNotCreated"
"""The blocker of a Job of which no pod could be made: a service account or a class that is missing,
mostly."""

_MORE: Final = frozenset({Reason.CACHE_UNAVAILABLE, Reason.PROXY_FAILED})
"""Reasons of a profile's setup that the table counts as the machine's or the source's."""

OF_THE_SETUP: Final = frozenset(
    {POD_NOT_CREATED}
    | {reason.value for reason, row in FAILURES.items() if row.kind is Kind.SETUP or reason in _MORE}
)
"""What a batch may be stalled by that is its profile's fault."""

_FETCHING: Final = frozenset(
    {Reason.CREDENTIALS_INVALID.value, Reason.PROXY_FAILED.value, Reason.CACHE_UNAVAILABLE.value}
)
"""Faults that pods meet while they fetch. Only such a pod can show that they are gone."""

_MESSAGE_CHARACTERS: Final = 512
_RETRY: Final = re.compile(r" Planning is (tried|being tried) again\b.*$")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that keeps a profile from being ready."""

    reason: str
    """CamelCase, for the condition."""
    message: str
    """For the user: what is wrong, and what to do about it."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a batch of the profile says of its setup."""

    batch: str
    fault: Finding | None
    """What it is stalled by; None where it is not stalled by anything of the profile's."""
    at_work: bool
    """Whether something of it may run: only then is the absence of a fault any news."""
    made_at: float = 0.0
    """Epoch seconds: a batch that was made later is not the one of that name that reported a fault."""


@dataclass(frozen=True, slots=True)
class Past:
    """A pod of one of the profile's batches that succeeded."""

    at: float
    """Epoch seconds."""
    fetches: bool
    """Whether it met sources."""


def contradictions(profile: IngestProfileSpec, *, has_gpu: bool) -> Iterator[Finding]:
    """Fields that are valid each and not together.

    `has_gpu` says whether a worker gets a device.
    """
    pods = profile.pods
    if profile.runtime.device is Device.CUDA and not has_gpu:
        yield _invalid(
            "runtime.device is Cuda and pods.gpu.count is 0: ask for a GPU, or set another device."
        )
    if pods.queue_priority_class is not None and pods.queue_name is None:
        yield _invalid("pods.queuePriorityClass counts in a queue only: set pods.queueName, or take it out.")
    if pods.memory.base_mib > pods.memory.max_mib:
        yield _invalid("pods.memory.baseMib is above pods.memory.maxMib: no worker gets what it needs.")


def _invalid(message: str) -> Finding:
    return Finding("ProfileInvalid", message)


def faults_after(
    before: Sequence[ProfileFault], heard: Iterable[Heard], past: Iterable[Past], generation: int, now: float
) -> tuple[ProfileFault, ...]:
    """What pods said and nobody has disproved.

    A fault stays while its batch says so or says nothing: that is suspended, or gone. It ends with the spec
    that it was heard of, with its batch getting past it, or, if that is gone, with another batch's pod.
    """
    batches, succeeded = {each.batch: each for each in heard}, tuple(past)
    known_before = [_not_to_come(each, now) for each in before]
    kept = {
        each.reason: each
        for each in known_before
        if _stands(each, batches.get(each.batch), succeeded, generation)
    }
    for each in batches.values():
        fault = each.fault
        if fault is None:
            continue
        reported = ProfileFault(
            reason=fault.reason,
            message=without_moments(fault.message)[:_MESSAGE_CHARACTERS],
            batch=each.batch,
            since=to_rfc3339(now),
            generation=generation,
        )
        known = kept.get(fault.reason)
        if known is None:
            kept[fault.reason] = reported
        elif known.batch == each.batch and known.message != reported.message:
            kept[fault.reason] = reported.model_copy(update={"since": known.since})
    return tuple(sorted(kept.values(), key=lambda each: each.reason)[:MAX_FAULT_ROWS])


def _not_to_come(fault: ProfileFault, now: float) -> ProfileFault:
    """Heard of now at the latest: what a clock that was ahead has written, no pod would ever disprove."""
    return fault if from_rfc3339(fault.since) <= now else fault.model_copy(update={"since": to_rfc3339(now)})


def _stands(fault: ProfileFault, said: Heard | None, past: Sequence[Past], generation: int) -> bool:
    if fault.generation != generation:
        return False
    since, fetches = from_rfc3339(fault.since), fault.reason in _FETCHING
    is_its_own = said is not None and said.made_at <= since
    if said is not None and is_its_own and (said.fault is not None or said.at_work):
        return said.fault is not None and said.fault.reason == fault.reason
    return not any(each.at > since and (each.fetches or not fetches) for each in past)


def without_moments(message: str) -> str:
    """A stall's message without when something is tried again: that would be another one at each probe."""
    return _RETRY.sub("", message)


def ready(findings: Sequence[Finding], unknown: Sequence[str]) -> ConditionDraft:
    """The condition. `unknown` is what the operator has no right to look up."""
    if not findings:
        left_out = f"Not looked up: {', '.join(unknown)}. The chart's rbac.classes and rbac.queues allow it."
        return ConditionType.READY, True, READY, left_out[:1024] if unknown else ""
    message = " ".join(dict.fromkeys(each.message for each in findings))
    return ConditionType.READY, False, findings[0].reason, message[:1024]


def of_sites(sites: Iterable[SiteStatus]) -> Iterator[Finding]:
    """What the breakers of sites say of the profile itself."""
    for site in sites:
        if site.breaker is not None and site.breaker.reason.value in OF_THE_SETUP:
            reason = site.breaker.reason
            yield Finding(
                reason.value, f"{site.name}: {FAILURES[reason].sentence} {site.breaker.message}".rstrip()
            )


def of_faults(faults: Iterable[ProfileFault]) -> Iterator[Finding]:
    """What pods said."""
    for each in faults:
        yield Finding(each.reason, f"Batch {each.batch}: {each.message}")
