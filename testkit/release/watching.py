"""What happens on the node while a test waits: which pods run at a time, and what the node's memory is after
each."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from testkit.cluster.client import Client
from testkit.looking import looking
from testkit.node.node import GPU
from testkit.release.place import NAMESPACE


@dataclass(frozen=True, slots=True)
class Left:
    """What this machine has left."""

    available_mib: int
    """Memory that could be had without swapping."""
    processes: int
    """Those of the node's workers that are there."""


def left_now() -> Left:
    """At this moment."""
    workers = [
        process
        for process in psutil.process_iter(["cmdline"])
        if "-m ingest_worker" in " ".join(process.info["cmdline"] or ()) and _is_in_a_pod(process)
    ]
    return Left(psutil.virtual_memory().available // 2**20, len(workers))


def _is_in_a_pod(process: psutil.Process) -> bool:
    """Whether its processes are numbered apart from ours: a worker beside the node, as other tests start
    them, is none of its pods."""
    own = Path("/proc/self/ns/pid").readlink()
    try:
        return Path(f"/proc/{process.pid}/ns/pid").readlink() != own
    except FileNotFoundError:  # it has ended
        return False


@dataclass
class Seen:
    """Of the pods that ask for a GPU."""

    most: int = 0
    """How many were running at a time, at most."""
    processes: int = 0
    """How many processes of theirs there were at a time, at most."""
    order: list[str] = field(default_factory=list)
    """Their Jobs, as they began."""
    waited: set[str] = field(default_factory=set)
    """Those for which the scheduler had no GPU at first."""
    left: list[Left] = field(default_factory=list)
    """After each that ended, as soon as it was seen to have."""
    _over: set[str] = field(default_factory=set)

    def look(self, pods: list[dict[str, Any]]) -> None:
        """Add what one list shows."""
        workers = [
            pod
            for pod in pods
            if any(GPU in each["resources"].get("limits", {}) for each in pod["spec"]["containers"])
        ]
        running = [pod for pod in workers if pod["status"]["phase"] == "Running"]
        self.most = max(self.most, len(running))
        if running:
            self.processes = max(self.processes, left_now().processes)
        self.order += [name for pod in running if (name := _job(pod)) not in self.order]
        for name in {
            _job(pod) for pod in workers if pod["status"]["phase"] in ("Succeeded", "Failed")
        } - self._over:
            self._over.add(name)
            self.left.append(left_now())
        self.waited |= {
            _job(pod)
            for pod in workers
            if any(each.get("reason") == "Unschedulable" for each in _conditions(pod))
        }


def _job(pod: dict[str, Any]) -> str:
    return str(pod["metadata"]["labels"]["batch.kubernetes.io/job-name"])


def _conditions(pod: dict[str, Any]) -> list[dict[str, Any]]:
    return list(pod["status"].get("conditions", ()))


@contextmanager
def watching(client: Client) -> Iterator[Seen]:
    """See the pods that come while the block runs."""
    path = f"/api/v1/namespaces/{NAMESPACE}/pods"
    before = {pod["metadata"]["uid"] for pod in client.get(path)["items"]}
    seen = Seen()
    with looking(
        lambda: seen.look([pod for pod in client.get(path)["items"] if pod["metadata"]["uid"] not in before])
    ):
        yield seen
