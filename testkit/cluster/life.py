"""What a pod goes through, as a script tells the stand-in kubelet: what keeps it from beginning, how long it
runs, how it ends. Values."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ingest_contract.failures import FAILURES, Reason
from ingest_contract.progress import Progress
from ingest_contract.receipt import Receipt, encode
from testkit.objects.builders import a_failure

SIGKILLED = 137


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """How a container ends, and what its kubelet says of the pod."""

    code: int
    message: str = ""
    """The termination message: the Receipt."""
    reason: str = ""
    """Of the container, where it is neither `Completed` nor `Error`."""
    pod_reason: str = ""
    """Of the pod: `Evicted`, `DeadlineExceeded`."""
    pod_message: str = ""
    disrupted: str = ""
    """The reason of a `DisruptionTarget` that the kubelet itself sets."""


class Taken(StrEnum):
    """How a pod is taken away from its node. SIGTERM reaches it, but for the last."""

    PAST_DEADLINE = "past its deadline"
    """By its kubelet."""
    PREEMPTED = "preempted"
    """By the scheduler."""
    DRAINED = "drained"
    """By whoever empties the node, through the eviction API."""
    QUEUE = "queue"
    """By the queue that its Job is in: it suspends the Job."""
    TAINTED = "tainted"
    """By the taint manager, from a node that answers: somebody wants it free."""
    NODE_LOST = "node lost"
    """The node stops answering: the pod is deleted, and nobody ever says that it is gone."""
    SILENT = "silent"
    """The node stops answering, and the pod tolerates that: nobody deletes it, and no kubelet ends it at its
    deadline."""


@dataclass(frozen=True, slots=True)
class Stuck:
    """What a container that cannot be made waits for."""

    reason: str
    message: str = ""
    pulls: bool = False
    """Whether its sandbox stands and its image is being pulled, which no reason says."""


def told(receipt: Receipt) -> Exit:
    """The end of a worker that can still speak."""
    code = 0 if receipt.reason is None else FAILURES[receipt.reason].exit_code
    assert code is not None, f"no worker tells {receipt.reason}"
    return Exit(code=code, message=encode(receipt).decode())


INTERRUPTED = told(a_failure(Reason.INTERRUPTED))


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """One pod's."""

    end: Exit | Taken
    seconds: float | None = 0.0
    """How long it runs; None: until somebody ends it."""
    stuck: tuple[Stuck, ...] = ()
    """States of a container that cannot be made, one after another; in the last it stays until it is
    released."""
    refused: Stuck | None = None
    """Why its node does not take it in: a reason of the pod, and the kubelet's words."""
    to_sigterm: Exit | None = INTERRUPTED
    """How it ends when it is asked to; None: not at all, and it is killed when its grace period is over."""
    log: str = ""
    """What it prints, from its start on."""
    progress: Callable[[float], Progress] | None = None
    """What it serves, by the seconds that it has run; None: it serves nothing."""

    @property
    def instant(self) -> bool:
        """Whether it is over as soon as it begins, so that one write can say both."""
        return self.seconds == 0 and isinstance(self.end, Exit)


Script = Callable[[dict[str, Any]], Life]
"""The life of a pod. What its variables and files say is filled in: `kubelet_order.order_of` reads the
order."""
