"""The runs of one plan, as Jobs and pods show them, and what follows from them. Pure.

The Jobs are the only memory: the number of the next run, its wait and when to give up are read from those
that still exist. Where they are gone, the count starts again. A run counts only against its own request:
other sources or another profile start the count again as well.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from ingest_contract.failures import FAILURES, Reason, Verdict
from ingest_contract.intervals import decode, encode
from ingest_contract.names import GROUP
from ingest_contract.pods import PodProfile
from ingest_operator.core.blocker import Blocker
from ingest_operator.core.outcome import Outcome, Run, outcome_of
from ingest_operator.kube.api.fields import gone_by, metadata_of
from ingest_operator.kube.api.names import PLAN, Owner, own_place_of
from ingest_operator.kube.api.ownership import is_controlled
from ingest_operator.kube.api.resources import Object
from ingest_operator.kube.observe.runs import blocker_of, needs_ending, run_of
from ingest_operator.kube.observe.unplaced import no_node

REQUEST: Final = f"{GROUP}/asked"
"""Annotation of a Job: what it was asked to do, as `PlanRequest.text` or `VoiceRequest.text`."""

_HASH_DIGITS: Final = 16
_REQUEST: Final = re.compile(r"\[([0-9,-]{1,400})\]\.([0-9a-f]{16})\.([0-9a-f]{16})")


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """The request of a plan Job, short enough for an annotation."""

    entries: str
    """Entries of `spec.sources` that its order asks for, as intervals."""
    order: str
    """Digest of its order."""
    job: str
    """Digest of how it runs: image, Secret, mounts."""

    @classmethod
    def of(cls, entries: Iterable[int], order_text: str, job: Object) -> "PlanRequest":
        """The request of this order, for these entries, and this Job."""
        return cls(encode(entries), digest_of(order_text), digest_of(json.dumps(job["spec"], sort_keys=True)))

    @classmethod
    def parsed(cls, text: str) -> "PlanRequest | None":
        """Parse its text; None if the text is not a request."""
        match = _REQUEST.fullmatch(text)
        try:
            known = match is not None and encode(decode(match[1])) == match[1]
        except ValueError:
            return None
        return cls(match[1], match[2], match[3]) if match is not None and known else None

    @property
    def text(self) -> str:
        """The value of the annotation."""
        return f"[{self.entries}].{self.order}.{self.job}"


@dataclass(frozen=True, slots=True)
class PlanAttempt:
    """One plan Job."""

    job: Object
    pod: str | None
    """The name of its pod, while the pod exists."""
    run: Run
    request: PlanRequest | None
    """None if someone removed the annotation."""
    blocker: Blocker | None = None
    """Why it cannot begin."""
    lingers: bool = False
    """Whether it is over for us but not for the cluster."""
    deleted: bool = False
    """Whether it is being deleted; only its number still counts."""
    unreadable: str = ""
    """Why its plan cannot be read although it succeeded."""

    @property
    def outcome(self) -> Outcome:
        """Its outcome; only once it is over."""
        assert self.run.ended is not None  # noqa: S101 -- the callers check first
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
    """A short digest: it detects changes, not attacks."""
    return hashlib.sha256(text.encode()).hexdigest()[:_HASH_DIGITS]


def attempts_of(
    owner: Owner, jobs: Iterable[Object], pods: Mapping[str, Object], profile: PodProfile, now: float
) -> Mapping[int, tuple[PlanAttempt, ...]]:
    """The runs of each plan of a batch in order, by the plan's number. `jobs` are the batch's, `pods` the
    newest pod of each, by the Job's name."""
    found: dict[int, list[PlanAttempt]] = {}
    for job in jobs:
        place = own_place_of(owner, job["metadata"]["name"])
        if place is not None and place.role == PLAN and is_controlled(job, owner.identity):
            one = _attempt_of(job, pods.get(job["metadata"]["name"]), profile, now)
            found.setdefault(one.run.index, []).append(one)
    return {number: _in_order(runs) for number, runs in found.items()}


def bad_nodes(runs: Iterable[PlanAttempt]) -> tuple[str, ...]:
    """The nodes on which runs of a plan ended for what may be the node's own reasons, by the failure
    table."""
    ended = [(one.run.node, one.outcome.reason) for one in runs if one.run.ended is not None]
    found = {node for node, reason in ended if node and reason and FAILURES[reason].against_node}
    return tuple(sorted(found))


def _attempt_of(job: Object, pod: Object | None, profile: PodProfile, now: float) -> PlanAttempt:
    run = run_of(job, pod, profile, now)
    blocker = blocker_of(job, pod, run, now) or next(iter(no_node([(run, pod)], now, what="plan")), None)
    return PlanAttempt(
        job=job,
        pod=None if pod is None else pod["metadata"]["name"],
        run=run,
        request=PlanRequest.parsed((metadata_of(job).get("annotations") or {}).get(REQUEST, "")),
        blocker=None if blocker is None else replace(blocker, index=None),
        lingers=needs_ending(job, pod, run),
        deleted=gone_by(job) is not None,
    )


def _in_order(runs: Sequence[PlanAttempt]) -> tuple[PlanAttempt, ...]:
    """Sort by number. If a run succeeded and another followed, its plan could not be read, or it would have
    been frozen."""
    ordered = sorted(runs, key=lambda one: one.run.number)
    superseded = [replace(one, unreadable="its plan could not be read") for one in ordered[:-1]]
    return (*superseded, *ordered[-1:])
