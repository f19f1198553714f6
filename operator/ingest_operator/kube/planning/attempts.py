"""The tries of one plan, as Jobs and pods show them, and what follows from them. Pure.

Nothing is remembered but the Jobs: which try is next, how long it waits and when to give up is read from
those that are still there. Where they are gone, counting begins anew. A try counts only against what it was
asked: other sources or another profile begin anew as well.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from ingest_contract.failures import FAILURES, Reason, Verdict
from ingest_contract.names import GROUP
from ingest_contract.pods import PodProfile
from ingest_operator.core.blocker import Hindrance
from ingest_operator.core.outcome import Outcome, Run, outcome_of
from ingest_operator.kube.api.fields import gone_by, metadata_of
from ingest_operator.kube.api.names import PLAN, Owner, place_of
from ingest_operator.kube.api.ownership import is_controlled
from ingest_operator.kube.api.resources import Object
from ingest_operator.kube.observe.runs import hindrance_of, needs_ending, run_of

ASKED: Final = f"{GROUP}/asked"
"""Annotation of a plan Job: what it was asked, in the form of `Asked.text`."""

_DIGEST: Final = 16
_ASKED: Final = re.compile(r"(0|[1-9][0-9]{0,8})\.([0-9a-f]{16})\.([0-9a-f]{16})")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a plan Job was asked, short enough for an annotation."""

    sources: int
    """Entries of `spec.sources` that are planned when it has succeeded."""
    order: str
    """Digest of its order."""
    job: str
    """Digest of how it runs: image, Secret, mounts."""

    @classmethod
    def of(cls, sources: int, order_text: str, job: Object) -> "Asked":
        """What this order and this Job ask."""
        return cls(sources, digest_of(order_text), digest_of(json.dumps(job["spec"], sort_keys=True)))

    @classmethod
    def parsed(cls, text: str) -> "Asked | None":
        """Back from its text; None for what is no such text."""
        match = _ASKED.fullmatch(text)
        return None if match is None else cls(int(match[1]), match[2], match[3])

    @property
    def text(self) -> str:
        """As the annotation has it."""
        return f"{self.sources}.{self.order}.{self.job}"


@dataclass(frozen=True, slots=True)
class PlanTry:
    """One plan Job."""

    job: Object
    pod: str | None
    """The name of its pod, while that is there."""
    run: Run
    asked: Asked | None
    """None where somebody removed the annotation."""
    hindrance: Hindrance | None = None
    """Why it cannot begin."""
    lingers: bool = False
    """Whether it is over for us and not for the cluster."""
    deleted: bool = False
    """Whether it is on its way out; only its number still counts."""
    unreadable: str = ""
    """Why its plan cannot be had though it succeeded."""

    @property
    def outcome(self) -> Outcome:
        """What it came to; only of one that is over."""
        assert self.run.ended is not None  # noqa: S101 -- the callers look first
        outcome = outcome_of(self.run.ended)
        if outcome.succeeded and self.unreadable:
            return replace(outcome, reason=Reason.RECEIPT_MISSING, message=self.unreadable)
        return outcome

    @property
    def verdict(self) -> Verdict | None:
        """What the failure table says about it; None while it runs, and when it succeeded."""
        reason = self.outcome.reason if self.run.ended is not None else None
        return None if reason is None else FAILURES[reason].verdict


def digest_of(text: str) -> str:
    """A short digest: it tells changes, not attacks."""
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST]


def tries_of(
    owner: Owner, jobs: Iterable[Object], pods: Mapping[str, Object], profile: PodProfile, now: float
) -> Mapping[int, tuple[PlanTry, ...]]:
    """The tries of each plan of a batch in their order, by the plan's number. `jobs` are the batch's, `pods`
    the newest of each by name."""
    found: dict[int, list[PlanTry]] = {}
    for job in jobs:
        place = place_of(job["metadata"]["name"])
        named = place is not None and place.role == PLAN and place.name(owner) == job["metadata"]["name"]
        if named and is_controlled(job, owner.identity):
            one = _try_of(job, pods.get(job["metadata"]["name"]), profile, now)
            found.setdefault(one.run.index, []).append(one)
    return {number: _in_order(tries) for number, tries in found.items()}


def _try_of(job: Object, pod: Object | None, profile: PodProfile, now: float) -> PlanTry:
    run = run_of(job, pod, profile, now)
    hindrance = hindrance_of(job, pod, run, now)
    return PlanTry(
        job=job,
        pod=None if pod is None else pod["metadata"]["name"],
        run=run,
        asked=Asked.parsed((metadata_of(job).get("annotations") or {}).get(ASKED, "")),
        hindrance=None if hindrance is None else replace(hindrance, index=None),
        lingers=needs_ending(job, pod, run),
        deleted=gone_by(job) is not None,
    )


def _in_order(tries: Sequence[PlanTry]) -> tuple[PlanTry, ...]:
    """By number. Of one that succeeded and was followed by another the plan could not be had, or it would
    have been frozen."""
    ordered = sorted(tries, key=lambda one: one.run.number)
    superseded = [replace(one, unreadable="its plan could not be read") for one in ordered[:-1]]
    return (*superseded, *ordered[-1:])
