"""Pods that no node takes: how many wait, since when, and what the scheduler says of the first of them.

A batch whose recordings wait beside others that run makes headway: that is what `parallelism` is for. One of
which nothing runs does not, and only the pods say why: no free GPU, a taint, a resource claim that nothing
satisfies.
"""

from collections.abc import Iterable
from typing import Final

from ingest_contract.failures import Reason
from ingest_operator.core.blocker import Blocker
from ingest_operator.core.outcome import Run
from ingest_operator.core.timestamps import to_rfc3339
from ingest_operator.kube.api.fields import condition
from ingest_operator.kube.api.resources import Object

PATIENCE_SECONDS: Final = 600.0
"""Seconds without a node before a person should know: a cluster that grows on demand adds one within
minutes."""

RECORDING: Final = "recording"
"""What waits for a node, if nothing else is said."""

_MESSAGE_CHARACTERS: Final = 600
"""Characters of the scheduler's own message: a condition has room for 1024, and our text comes first."""


def no_node(
    found: Iterable[tuple[Run, Object | None]], now: float, what: str = RECORDING
) -> tuple[Blocker, ...]:
    """The blocker for a batch of which nothing runs and something waits for a node, or for a plan, or one Job
    of a voice or a profile. It holds up nothing: what waits starts by itself. Runs that are kept from nodes
    are reported as such (`nodes.none_left`)."""
    live = [(run, pod) for run, pod in found if run.ended is None]
    waiting = [(run.unplaced_since, run, pod) for run, pod in live if run.unplaced_since is not None]
    if not waiting or any(run.node is not None or run.avoids for run, _ in live):
        return ()
    since, first, pod = min(waiting, key=lambda each: (each[0], each[1].index))
    if now - since <= PATIENCE_SECONDS:
        return ()
    who = f"1 {what} waits" if len(waiting) == 1 else f"{len(waiting)} {what}s wait"
    said = condition(pod or {}, "PodScheduled").get("message")
    words = (
        f"The scheduler says: {said[:_MESSAGE_CHARACTERS]}"
        if said
        else "No scheduler has said anything of its pod: is there one of the name that the pod asks for?"
    )
    times = f", the first since {to_rfc3339(since)}, and nothing else of the batch runs"
    if what != RECORDING:
        times = f" since {to_rfc3339(since)}"
    message = f"{who} for a node{times}. {words}"
    return (Blocker(Reason.UNSCHEDULABLE.value, message, now, first.index),)
