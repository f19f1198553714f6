"""The runs of a SpeakerProfile's Jobs, as Jobs and pods show them. Pure.

As for plans, the Jobs are the only memory: the number of the next run, its wait and its rung are read from
those that still exist.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from ingest_contract.failures import FAILURES, Verdict
from ingest_contract.pods import PodProfile
from ingest_contract.voice_orders import EnrolOrder, ForgetOrder, RenameOrder, RetainOrder
from ingest_operator.core.blocker import Blocker
from ingest_operator.core.memory_ladder import LAST_RUNG
from ingest_operator.core.outcome import Outcome, Run, outcome_of
from ingest_operator.kube.api.fields import gone_by, metadata_of
from ingest_operator.kube.api.names import INGEST, Owner, own_place_of
from ingest_operator.kube.api.ownership import is_controlled
from ingest_operator.kube.api.resources import Object
from ingest_operator.kube.manifests.overlay import worker_of
from ingest_operator.kube.observe.runs import blocker_of, needs_ending, run_of
from ingest_operator.kube.observe.unplaced import no_node
from ingest_operator.kube.planning.attempts import REQUEST, digest_of

_REQUEST: Final = re.compile(r"([0-9a-f]{16})\.([0-9a-f]{16})")


@dataclass(frozen=True, slots=True)
class VoiceRequest:
    """What a Job is asked to do, short enough for an annotation."""

    order: str
    """Digest of what is done, and by which image: with another one the result is another."""
    job: str
    """Digest of how it runs: Secrets, mounts, resources. With another one a run that failed may succeed."""

    @classmethod
    def of(cls, order: EnrolOrder | ForgetOrder | RenameOrder | RetainOrder, job: Object) -> "VoiceRequest":
        """The request of this order in this Job. The number of the run is no part of it, nor what makes a run
        faster or smaller."""
        same = order.model_dump_json(exclude={"run", "trace_id", "runtime"})
        image = worker_of(job["spec"]["template"]["spec"])["image"]
        return cls(digest_of(f"{image} {same}"), digest_of(json.dumps(job["spec"], sort_keys=True)))

    @classmethod
    def parsed(cls, text: str) -> "VoiceRequest | None":
        """Parse its text; None if the text is no request."""
        match = _REQUEST.fullmatch(text)
        return None if match is None else cls(match[1], match[2])

    @property
    def text(self) -> str:
        """The value of the annotation."""
        return f"{self.order}.{self.job}"


@dataclass(frozen=True, slots=True)
class VoiceAttempt:
    """One Job of a SpeakerProfile."""

    job: Object
    run: Run
    request: VoiceRequest | None
    """None if somebody removed the annotation."""
    blocker: Blocker | None = None
    """Why it cannot begin."""
    lingers: bool = False
    """Whether it is over for us but not for the cluster."""

    @property
    def is_live(self) -> bool:
        """Whether it has not ended."""
        return self.run.ended is None

    @property
    def outcome(self) -> Outcome:
        """Its outcome; only once it is over."""
        assert self.run.ended is not None  # noqa: S101 -- the callers check first
        return outcome_of(self.run.ended)

    @property
    def verdict(self) -> Verdict | None:
        """What the failure table says about its end; None for success."""
        reason = self.outcome.reason
        return None if reason is None else FAILURES[reason].verdict


@dataclass(frozen=True, slots=True)
class Attempts:
    """The Jobs of one kind, in the order of their numbers."""

    present: tuple[VoiceAttempt, ...]
    """Those that are not being deleted."""
    following: int
    """The number of the next one."""

    def of_request(self, request: VoiceRequest) -> tuple[VoiceAttempt, ...]:
        """The last runs in a row that were asked for this."""
        row: list[VoiceAttempt] = []
        for one in reversed(self.present):
            if one.request != request:
                break
            row.insert(0, one)
        return tuple(row)

    def rung(self, request: VoiceRequest) -> int:
        """The rung of the next run: one lower for each run that did not fit."""
        tries = self.of_request(request)
        short = sum(not one.is_live and one.verdict is Verdict.RETRY_SMALLER for one in tries)
        return min(LAST_RUNG, short)


def attempts_of(
    owner: Owner,
    what: int,
    jobs: Iterable[Object],
    pods: Mapping[str, Object],
    profile: PodProfile,
    now: float,
) -> Attempts:
    """The runs of one kind, which is the index in their names. `jobs` are those of the owner, `pods` the
    newest pod of each, by the Job's name."""
    found: list[tuple[VoiceAttempt, bool]] = []
    for job in jobs:
        name = job["metadata"]["name"]
        place = own_place_of(owner, name)
        own = place is not None and (place.role, place.index) == (INGEST, what)
        if own and is_controlled(job, owner.identity):
            found.append((_attempt_of(job, pods.get(name), profile, now), gone_by(job) is not None))
    found.sort(key=lambda one: one[0].run.number)
    return Attempts(
        present=tuple(attempt for attempt, deleted in found if not deleted),
        following=max((attempt.run.number for attempt, _ in found), default=0) + 1,
    )


def _attempt_of(job: Object, pod: Object | None, profile: PodProfile, now: float) -> VoiceAttempt:
    run = run_of(job, pod, profile, now)
    waits = no_node([(run, pod)], now, what="Job")
    blocker = blocker_of(job, pod, run, now) or next(iter(waits), None)
    return VoiceAttempt(
        job=job,
        run=run,
        request=VoiceRequest.parsed((metadata_of(job).get("annotations") or {}).get(REQUEST, "")),
        blocker=None if blocker is None else replace(blocker, index=None),
        lingers=needs_ending(job, pod, run),
    )
