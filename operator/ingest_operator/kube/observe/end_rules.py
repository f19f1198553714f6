"""Whether a run in a cluster is over, and how. Pure: rules in their order, each looking at the same Job and
pod.

A pod whose phase is final is believed at once: with a backoff limit of 0 its Job makes no other. A Job is
believed without its pod only after a moment, because the two come by different watches, and the Receipt is in
the pod alone.
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
    Cause,
    deleted_unseen,
    done_to,
    ended_by_another,
    late,
    told_by_job,
    unscheduled,
)

PATIENCE: Final = 10.0
"""Seconds for which the watch of pods may lag behind the watch of Jobs."""

LINGER: Final = 60.0
"""Seconds for which a pod's other containers may outlive its worker: what they hold, a GPU, is held for
nothing."""

PARTICULARS: Final = 256
"""Characters of what is kept of the cluster's words."""


@dataclass(frozen=True, slots=True)
class Look:
    """What every rule looks at."""

    job: Object
    pod: Object | None
    profile: PodProfile
    now: float

    @property
    def stopped(self) -> bool:
        """Whether we asked the run to end."""
        return STOPPED in (metadata_of(self.job).get("annotations") or {})


@dataclass(frozen=True, slots=True)
class End:
    """How a run ended, and when: None where nobody says."""

    ended: Ended
    at: float | None


def end_of(look: Look) -> End | None:
    """The end of a run; None while it is live, or waits."""
    return next((end for rule in _RULES if (end := rule(look)) is not None), None)


def is_final(job: Object) -> bool:
    """Whether the Job controller has nothing more to do for a Job."""
    return holds(job, "Complete") or holds(job, "Failed")


def decided(job: Object) -> str | None:
    """The condition by which a Job is over, or is about to be: no other pod will be made."""
    return next(
        (kind for kind in ("Complete", "Failed", "SuccessCriteriaMet", "FailureTarget") if holds(job, kind)),
        None,
    )


def is_suspended(job: Object) -> bool:
    """Whether a Job may have no pod: it queues, or its place was taken back, or we stopped it."""
    return bool(spec_of(job).get("suspend"))


def _of_pod(look: Look) -> End | None:
    """Its pod is over."""
    return _by_worker(look, look.pod) if look.pod is not None and is_terminal(look.pod) else None


def _of_worker(look: Look) -> End | None:
    """Its worker is over, and other containers keep the pod running."""
    finished = None if look.pod is None else worker_finished_at(look.pod)
    if look.pod is None or finished is None or look.now - finished <= LINGER:
        return None
    return _by_worker(look, look.pod)


def _of_lost_node(look: Look) -> End | None:
    """Its pod should be gone, grace period included, and nobody says that it is."""
    by = None if look.pod is None else gone_by(look.pod)
    if by is None or look.now - by <= look.profile.node_lost_seconds:
        return None
    return End(_ended(look, None, None, Cause(Reason.NODE_LOST)), by + look.profile.node_lost_seconds)


def _of_deadline(look: Look) -> End | None:
    """It is past the deadline that its node should have ended it at: a pod that tolerates everything stays on
    a dead node for ever."""
    pod = look.pod
    since = None if pod is None else moment(status_of(pod).get("startTime")) or scheduled_at(pod)
    allowed = None if pod is None else spec_of(pod).get("activeDeadlineSeconds")
    if (
        pod is None
        or since is None
        or allowed is None
        or look.now - since <= allowed + look.profile.node_lost_seconds
    ):
        return None
    name = spec_of(pod).get("nodeName") or "unknown"
    cause = Cause(
        Reason.NODE_LOST,
        f"Node {name} has not ended the pod {allowed} s after its start, as it should have: it does not "
        "answer.",
    )
    return End(_ended(look, None, None, cause), since + allowed + look.profile.node_lost_seconds)


def _by_worker(look: Look, pod: Object) -> End:
    terminated = worker(pod, "terminated") or {}
    code = terminated.get("exitCode")
    cause = (
        done_to(pod)
        or _taken_back(look)
        or deleted_unseen(pod)
        or (ended_by_another(pod) if code is None else None)
    )
    kind = decided(look.job)
    at = worker_finished_at(pod) or (held_since(look.job, kind) if kind else None)
    return End(_ended(look, code, terminated.get("message"), cause), at)


def _of_job(look: Look) -> End | None:
    """Its Job is over, and its pod is gone."""
    kind = decided(look.job)
    at = None if kind is None else held_since(look.job, kind)
    if kind is None or (at is not None and look.now - at <= PATIENCE):
        return None
    if look.pod is not None and not is_final(look.job):
        return None  # it is still being ended
    if kind in {"Complete", "SuccessCriteriaMet"}:
        return End(_ended(look, OK_EXIT, None, receipt_gone=True), at)
    code, cause = told_by_job(condition(look.job, kind))
    return End(_ended(look, code, None, cause or _taken_back(look)), at)


def _of_stop(look: Look) -> End | None:
    """We stopped it, the Job controller knows, and no pod is left."""
    status = status_of(look.job)
    if (
        not (look.stopped and holds(look.job, "Suspended"))
        or look.pod is not None
        or status.get("active")
        or status.get("terminating")
    ):
        return None
    return End(_ended(look, None, None), held_since(look.job, "Suspended"))


def _of_start(look: Look) -> End | None:
    """Its pod has a node, and has not begun in all the time that the profile gives it."""
    if look.pod is None or is_suspended(look.job) or gone_by(look.pod) is not None:
        return None
    since = scheduled_at(look.pod)
    if since is None or look.now - since <= look.profile.start_deadline_seconds:
        return None
    cause = late(look.pod)
    return (
        None
        if cause is None
        else End(_ended(look, None, None, cause), since + look.profile.start_deadline_seconds)
    )


def _of_queue(look: Look) -> End | None:
    """No node took it in all the time that the profile lets it wait. Waiting in a queue of the cluster's is
    not counted."""
    placed = look.pod is not None and (scheduled_at(look.pod) is not None or gone_by(look.pod) is not None)
    since = moment(status_of(look.job).get("startTime")) or created_at(look.job)
    if (
        is_suspended(look.job)
        or placed
        or decided(look.job)
        or since is None
        or look.now - since <= look.profile.queue_deadline_seconds
    ):
        return None
    return End(_ended(look, None, None, unscheduled(look.pod)), since + look.profile.queue_deadline_seconds)


_RULES: Final = (_of_pod, _of_worker, _of_lost_node, _of_job, _of_stop, _of_start, _of_deadline, _of_queue)


def _taken_back(look: Look) -> Cause | None:
    """A Job that somebody else suspended while it ran, so that its pod was deleted: its queue, where it has
    one, for other work."""
    deleted = look.pod is None or gone_by(look.pod) is not None
    taken = deleted and is_suspended(look.job) and not look.stopped
    if not taken:
        return None
    queued = QUEUE in (metadata_of(look.job).get("labels") or {})
    return (
        Cause(Reason.QUEUE_PREEMPTED, "Its queue took its place back.")
        if queued
        else Cause(Reason.EVICTED, "Its Job was suspended.")
    )


def _ended(
    look: Look,
    code: int | None,
    receipt: str | None,
    cause: Cause | None = None,
    *,
    receipt_gone: bool = False,
) -> Ended:
    reason, particulars = (cause.reason, cause.particulars) if cause else (None, "")
    return Ended(code, receipt, reason, particulars.strip()[:PARTICULARS], look.stopped, receipt_gone)
