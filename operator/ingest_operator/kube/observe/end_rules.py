"""Whether a run in a cluster is over, and how it ended. Pure: rules in a fixed order, each reading the same
Job and pod.

A pod whose phase is final is believed at once: with a backoff limit of 0 its Job makes no other pod. A Job
without its pod is believed only after a moment, because the two come by different watches, and only the pod
has the Receipt.
"""

from dataclasses import dataclass
from typing import Final

from ingest_contract.failures import OK_EXIT, Reason
from ingest_contract.pods import PodProfile
from ingest_operator.core.outcome import Ended
from ingest_operator.kube.api.fields import (
    condition,
    created_at,
    gone_by,
    held_since,
    holds,
    is_terminal,
    metadata_of,
    moment,
    scheduled_at,
    spec_of,
    status_of,
    worker,
    worker_finished_at,
)
from ingest_operator.kube.api.names import STOPPED
from ingest_operator.kube.api.resources import Object
from ingest_operator.kube.manifests.ingest_job import QUEUE
from ingest_operator.kube.observe.pod_reasons import (
    PodReason,
    deleted_unseen,
    done_to,
    ended_by_another,
    failed_condition,
    late,
    unscheduled,
)

POD_LAG_SECONDS: Final = 10.0
"""Seconds by which the watch of pods may lag behind the watch of Jobs."""

LINGER_SECONDS: Final = 60.0
"""Seconds that a pod's other containers may outlive its worker:
what they hold, such as a GPU, is held for nothing."""

PARTICULARS_CHARACTERS: Final = 256
"""Characters that are kept of the cluster's own message."""


@dataclass(frozen=True, slots=True)
class EndFacts:
    """The facts that every rule reads."""

    job: Object
    pod: Object | None
    profile: PodProfile
    now: float

    @property
    def stopped(self) -> bool:
        """Whether the operator asked the run to end."""
        return _has_mark(self.job)


@dataclass(frozen=True, slots=True)
class RunEnd:
    """How a run ended, and when; None where the time is unknown."""

    ended: Ended
    at: float | None


def end_of(facts: EndFacts) -> RunEnd | None:
    """The end of a run; None while it is live, or waits."""
    return next((end for rule in _RULES if (end := rule(facts)) is not None), None)


def is_final(job: Object) -> bool:
    """Whether the Job controller has finished with a Job."""
    return holds(job, "Complete") or holds(job, "Failed")


def decided(job: Object) -> str | None:
    """The condition that ends a Job, or is about to end it: no other pod will be made."""
    return next(
        (kind for kind in ("Complete", "Failed", "SuccessCriteriaMet", "FailureTarget") if holds(job, kind)),
        None,
    )


def is_suspended(job: Object) -> bool:
    """Whether a Job may have no pod:
    it queues, or was evicted by its queue, or was stopped by the operator."""
    return bool(spec_of(job).get("suspend"))


def is_of_queue(job: Object) -> bool:
    """Whether a queue decides when a Job runs."""
    return QUEUE in (metadata_of(job).get("labels") or {})


def is_stopped(job: Object) -> bool:
    """Whether the operator has asked a Job to end, and nothing needs to be asked again."""
    return _has_mark(job) and (is_suspended(job) or is_of_queue(job))


def _has_mark(job: Object) -> bool:
    return STOPPED in (metadata_of(job).get("annotations") or {})


def _of_pod(facts: EndFacts) -> RunEnd | None:
    """Its pod is over."""
    return _by_worker(facts, facts.pod) if facts.pod is not None and is_terminal(facts.pod) else None


def _of_worker(facts: EndFacts) -> RunEnd | None:
    """Its worker is over, and other containers keep the pod running."""
    finished = None if facts.pod is None else worker_finished_at(facts.pod)
    if facts.pod is None or finished is None or facts.now - finished <= LINGER_SECONDS:
        return None
    return _by_worker(facts, facts.pod)


def _of_lost_node(facts: EndFacts) -> RunEnd | None:
    """Its pod should be gone, grace period included, and no kubelet confirms it."""
    by = None if facts.pod is None else gone_by(facts.pod)
    if by is None or facts.now - by <= facts.profile.node_lost_seconds:
        return None
    return RunEnd(
        _ended(facts, None, None, PodReason(Reason.NODE_LOST)), by + facts.profile.node_lost_seconds
    )


def _of_deadline(facts: EndFacts) -> RunEnd | None:
    """It is past the deadline at which its node should have ended it: a pod that tolerates everything stays
    on a dead node forever."""
    pod = facts.pod
    since = None if pod is None else moment(status_of(pod).get("startTime")) or scheduled_at(pod)
    allowed = None if pod is None else spec_of(pod).get("activeDeadlineSeconds")
    if (
        pod is None
        or since is None
        or allowed is None
        or facts.now - since <= allowed + facts.profile.node_lost_seconds
    ):
        return None
    name = spec_of(pod).get("nodeName") or "unknown"
    cause = PodReason(
        Reason.NODE_LOST,
        f"Node {name} has not ended the pod {allowed} s after its start, "
        "as it should have: it does not answer.",
    )
    return RunEnd(_ended(facts, None, None, cause), since + allowed + facts.profile.node_lost_seconds)


def _by_worker(facts: EndFacts, pod: Object) -> RunEnd:
    terminated = worker(pod, "terminated") or {}
    code = terminated.get("exitCode")
    cause = (
        done_to(pod)
        or _taken_back(facts)
        or deleted_unseen(pod)
        or (ended_by_another(pod) if code is None else None)
    )
    kind, at = decided(facts.job), worker_finished_at(pod)
    if at is None or at > facts.now:  # a clock that is ahead has no end to count a wait from: the Job has one
        at = (held_since(facts.job, kind) if kind else None) or at
    return RunEnd(_ended(facts, code, terminated.get("message"), cause), at)


def _of_job(facts: EndFacts) -> RunEnd | None:
    """Its Job is over, and its pod is gone."""
    kind = decided(facts.job)
    at = None if kind is None else held_since(facts.job, kind)
    if kind is None or (at is not None and facts.now - at <= POD_LAG_SECONDS):
        return None
    if facts.pod is not None and not is_final(facts.job):
        return None  # it is still being ended
    if kind in {"Complete", "SuccessCriteriaMet"}:
        return RunEnd(_ended(facts, OK_EXIT, None, receipt_gone=True), at)
    code, cause = failed_condition(condition(facts.job, kind))
    # whatever the Job controller calls it, a stop of our own explains it
    return RunEnd(_ended(facts, code, None, None if facts.stopped else cause or _taken_back(facts)), at)


def _of_stop(facts: EndFacts) -> RunEnd | None:
    """The operator stopped it, the Job controller has seen that, and no pod is left."""
    status = status_of(facts.job)
    if (
        not (facts.stopped and holds(facts.job, "Suspended"))
        or facts.pod is not None
        or status.get("active")
        or status.get("terminating")
    ):
        return None
    return RunEnd(_ended(facts, None, None), held_since(facts.job, "Suspended"))


def _of_start(facts: EndFacts) -> RunEnd | None:
    """Its pod has a node, and has not begun within the time that the profile allows."""
    if facts.pod is None or is_suspended(facts.job) or gone_by(facts.pod) is not None:
        return None
    since = scheduled_at(facts.pod)
    if since is None or facts.now - since <= facts.profile.start_deadline_seconds:
        return None
    cause = late(facts.pod)
    return (
        None
        if cause is None
        else RunEnd(_ended(facts, None, None, cause), since + facts.profile.start_deadline_seconds)
    )


def _of_queue(facts: EndFacts) -> RunEnd | None:
    """No node took it within the time that the profile lets it wait. Waiting in a queue of the cluster does
    not count."""
    placed = facts.pod is not None and (scheduled_at(facts.pod) is not None or gone_by(facts.pod) is not None)
    since = moment(status_of(facts.job).get("startTime")) or created_at(facts.job)
    if (
        is_suspended(facts.job)
        or placed
        or decided(facts.job)
        or since is None
        or facts.now - since <= facts.profile.queue_deadline_seconds
    ):
        return None
    return RunEnd(
        _ended(facts, None, None, unscheduled(facts.pod)), since + facts.profile.queue_deadline_seconds
    )


_RULES: Final = (_of_pod, _of_worker, _of_lost_node, _of_job, _of_stop, _of_start, _of_deadline, _of_queue)


def _taken_back(facts: EndFacts) -> PodReason | None:
    """A Job that was suspended from outside while it ran, so that its pod was deleted: by its queue, where it
    has one, for other work."""
    deleted = facts.pod is None or gone_by(facts.pod) is not None
    taken = deleted and is_suspended(facts.job) and not facts.stopped
    if not taken:
        return None
    return (
        PodReason(Reason.QUEUE_PREEMPTED, "Its queue took its place back.")
        if is_of_queue(facts.job)
        else PodReason(Reason.EVICTED, "Its Job was suspended.")
    )


def _ended(
    facts: EndFacts,
    code: int | None,
    receipt: str | None,
    cause: PodReason | None = None,
    *,
    receipt_gone: bool = False,
) -> Ended:
    reason, particulars = (cause.reason, cause.particulars) if cause else (None, "")
    return Ended(
        code, receipt, reason, particulars.strip()[:PARTICULARS_CHARACTERS], facts.stopped, receipt_gone
    )
