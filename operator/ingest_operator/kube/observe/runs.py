"""Jobs and pods as the core knows them: a `Run`, or the blocker that keeps one from beginning. Pure, and
total over whatever the API shows."""

from math import inf
from typing import Final

from ingest_contract.failures import FAILURES
from ingest_contract.pods import GpuShare, PodProfile
from ingest_operator.core.blocker import Blocker
from ingest_operator.core.memory_ladder import LAST_RUNG
from ingest_operator.core.outcome import Run, Waits
from ingest_operator.core.packs import runs_in
from ingest_operator.core.phases import Phase
from ingest_operator.core.profile_readiness import POD_NOT_CREATED
from ingest_operator.kube.api.fields import (
    created_at,
    gone_by,
    is_terminal,
    metadata_of,
    moment,
    sandbox_since,
    scheduled_at,
    spec_of,
    status_of,
    worker_started_at,
)
from ingest_operator.kube.api.names import (
    CHARGED_ATTEMPTS,
    DISRUPTIONS,
    FETCH,
    INGEST,
    RUNG,
    Place,
    indexes_in,
    place_of,
)
from ingest_operator.kube.api.resources import Object
from ingest_operator.kube.manifests.node_avoidance import avoids
from ingest_operator.kube.observe.end_rules import (
    PARTICULARS_CHARACTERS,
    EndFacts,
    decided,
    end_of,
    is_final,
    is_suspended,
)
from ingest_operator.kube.observe.pod_reasons import stuck

CUT_SECONDS: Final = 0.999
"""Most that the API cuts off a timestamp, which it truncates to seconds: a probe Job must never appear older
than the time at which the probe was due."""


MAX_COUNTED_TIMES: Final = 1000
"""Most attempts and disruptions that a label may count: no budget is larger, and waits double with each."""

POD_PATIENCE_SECONDS: Final = 30.0
"""Seconds for which the Job controller may leave a Job without a pod before a person should know."""


def runs_of(job: Object, pod: Object | None, pods: PodProfile, now: float) -> tuple[Run, ...]:
    """The runs that a Job carries out: one, or one of each recording that shares it."""
    run, indexes = run_of(job, pod, pods, now), indexes_of(job)
    return (run,) if len(indexes) == 1 else runs_in(run, indexes)


def run_of(job: Object, pod: Object | None, pods: PodProfile, now: float) -> Run:
    """One run of a recording: its Job, and its newest pod, if there is one.

    Nodes have their own clocks: here no run begins before its Job was made, ends before it began, or lies in
    the future.
    """
    end, place = end_of(EndFacts(job, pod, pods, now)), _place(job)
    created = created_at(job)
    made = now if created is None else created
    started = (None if pod is None else worker_started_at(pod)) or 0.0
    started_at = min(now, max(made + CUT_SECONDS, 0.0 if started > now else started))
    over_at = None if end is None else min(now, max(started_at, now if end.at is None else end.at))
    scheduled = None if pod is None else scheduled_at(pod)
    phase, held = phase_of(job), 0.0
    if over_at is not None and scheduled is not None and phase is Phase.INGEST:
        held = max(0.0, over_at - scheduled)
    return Run(
        index=place.index,
        number=place.number,
        charged_attempts=_count(job, CHARGED_ATTEMPTS),
        rung=rung_of(job),
        disruptions=_count(job, DISRUPTIONS),
        started_at=started_at,
        ended_at=over_at,
        ended=end.ended if end else None,
        waits=None if pod is None else _waits(pod, made, now if over_at is None else over_at),
        gpu_seconds=held * _gpus(pod, pods.gpu),
        held_seconds=held,
        node=None if pod is None else spec_of(pod).get("nodeName"),
        unplaced_since=None if pod is None or end is not None else _unplaced_since(job, pod),
        avoids=avoids(job),
        phase=phase,
    )


def _gpus(pod: Object | None, share: GpuShare) -> int:
    """How many GPUs a pod has: as it was made, if it says so, whatever its profile says by now."""
    stated = str((spec_of(pod or {}).get("devices") or {}).get(share.resource, ""))
    return int(stated) if stated.isdecimal() else share.count


def _unplaced_since(job: Object, pod: Object) -> float | None:
    """Since when a pod has waited for a node. One that is being deleted, or whose Job is held by a queue,
    waits for something else."""
    placed = spec_of(pod).get("nodeName") or gone_by(pod) is not None or is_suspended(job)
    return None if placed else created_at(pod)


def blocker_of(job: Object, pod: Object | None, run: Run, now: float) -> Blocker | None:
    """Why a live run cannot begin, where someone outside must fix it. The run ends in time; until then other
    recordings go on."""
    if is_suspended(job) or run.ended is not None:
        return None
    if pod is None:
        return _without_pod(job, now)
    cause = None if gone_by(pod) is not None else stuck(pod)
    if cause is None or cause.reason is None:
        return None
    return Blocker(
        cause.reason.value,
        f"{FAILURES[cause.reason].sentence} {cause.particulars[:PARTICULARS_CHARACTERS]}",
        inf,
        _place(job).index,
    )


def _without_pod(job: Object, now: float) -> Blocker | None:
    """The reason why a Job has no pod is only in its events, which the operator may not read: mostly a quota,
    or a policy."""
    status, since = status_of(job), moment(status_of(job).get("startTime"))
    had_one = any(status.get(count) for count in ("active", "terminating", "failed", "succeeded"))
    if had_one or decided(job) or since is None or now - since <= POD_PATIENCE_SECONDS:
        return None
    name = metadata_of(job).get("name")
    message = (
        f"No pod could be made for Job {name}. Its events say why, a quota or a policy mostly: "
        f"kubectl describe job {name}"
    )
    return Blocker(POD_NOT_CREATED, message, inf, _place(job).index)


def needs_ending(job: Object, pod: Object | None, run: Run) -> bool:
    """Whether a run is over for the operator but not for the cluster, which would go on with it, or wait for
    it, forever.

    A suspended Job is never over: its controller does not count the pod that it deletes, and a queue may
    resume it at any time.
    """
    if run.ended is None or is_final(job):
        return False
    if pod is not None and not is_terminal(pod):
        return True
    return decided(job) is None and (pod is None or is_suspended(job))


def rung_of(job: Object) -> int:
    """The Job's rung on the memory ladder."""
    return _count(job, RUNG, LAST_RUNG)


def indexes_of(job: Object) -> tuple[int, ...]:
    """The recordings of a Job, in the order in which it carries them out. Read from its pod template, which
    nobody can edit."""
    return indexes_in(spec_of(job).get("pack"), _place(job).index)


def phase_of(job: Object) -> Phase:
    """What a Job is for. Read from its pod template, which nobody can edit."""
    return Phase.FETCH if spec_of(job).get("role") == FETCH else Phase.INGEST


def _place(job: Object) -> Place:
    """Which run it is. A caller that takes a Job for the batch's has checked that it has a place."""
    return place_of(str(metadata_of(job).get("name"))) or Place(INGEST, 0, 0)


def _count(job: Object, label: str, most: int = MAX_COUNTED_TIMES) -> int:
    """A label that is a count; left out when it is 0. Anyone may edit labels: what is no count is 0, and
    every count has a limit."""
    text = (metadata_of(job).get("labels") or {}).get(label) or ""
    return min(most, int(text)) if text.isdecimal() else 0


def _waits(pod: Object, made: float, until: float) -> Waits:
    """The waits before the worker began, or until now, or until the end of a run that never began.

    The scheduler's clock is the reference; whatever the node's clock says, its times lie between placement
    and the end.
    """
    scheduled, sandbox, started = scheduled_at(pod), sandbox_since(pod), worker_started_at(pod)
    if scheduled is None:
        return Waits(queued=max(0.0, until - made))
    placed = max(made, scheduled)
    over = max(placed, until)
    began = over if started is None else _between(placed, started, over)
    if sandbox is None and started is None:
        return Waits(placed - made, began - placed, 0.0)
    stood = placed if sandbox is None else _between(placed, sandbox, began)
    return Waits(placed - made, stood - placed, began - stood)


def _between(first: float, wanted: float, last: float) -> float:
    return max(first, min(wanted, last))
