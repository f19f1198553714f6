"""The scheduler's part: pods are placed in the order of their arrival, as far as there are GPUs; the others
are told that they wait."""

import asyncio
import time
from dataclasses import dataclass, field

from testkit.cluster.kubelet_api import GoneError, KubeletApi, Object
from testkit.cluster.kubelet_status import unschedulable

FINAL = frozenset({"Succeeded", "Failed"})
HOST_NOT = ("kubernetes.io/hostname", "NotIn")


@dataclass
class Scheduler:
    """Places pods on nodes. What ends, or is gone, makes room."""

    api: KubeletApi
    resource: str
    free: dict[str, int]
    """GPUs of each node that nobody holds."""
    _waiting: dict[int, dict[str, Object]] = field(default_factory=dict)
    """By how many GPUs they need, by uid, in the order of their arrival: who needs none does not wait behind
    those who do."""
    _held: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Node and GPUs by the uid of who holds them."""
    _told: set[str] = field(default_factory=set)
    _stirred: asyncio.Event = field(default_factory=asyncio.Event)

    def see(self, pod: Object) -> None:
        """A pod is new, or changed."""
        uid, node = pod["metadata"]["uid"], pod["spec"].get("nodeName")
        if pod["status"].get("phase") in FINAL:
            self.forget(pod)
        elif node in self.free and uid not in self._held:
            self._hold(uid, node, self._need(pod))
        elif node is None and uid not in self._held and not pod["spec"].get("schedulingGates"):
            self._waiting.setdefault(self._need(pod), {})[uid] = pod
            self._stirred.set()

    def forget(self, pod: Object) -> None:
        """A pod holds nothing any more, and waits for nothing."""
        uid = pod["metadata"]["uid"]
        self._told.discard(uid)
        self._waiting.get(self._need(pod), {}).pop(uid, None)
        if uid in self._held:
            node, need = self._held.pop(uid)
            self.free[node] += need
            self._stirred.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._stirred.wait()
            self._stirred.clear()
            await asyncio.gather(*(self._bind(pod, node) for pod, node in self._placed()))
            # What arrived meanwhile is placed by the next round, if there is room.
            room = max(self.free.values())
            groups = self._waiting.items()
            waiting = [
                pod
                for need, group in groups
                for uid, pod in group.items()
                if uid not in self._told and (need > room or self._node_for(pod) is None)
            ]
            await asyncio.gather(*(self._tell(pod) for pod in waiting))

    def _placed(self) -> list[tuple[Object, str]]:
        placed = []
        for need, group in self._waiting.items():
            for uid, pod in list(group.items()):
                node = self._node_for(pod)
                if node is not None and self.free[node] >= need:
                    del group[uid]
                    self._hold(uid, node, need)
                    placed.append((pod, node))
        return placed

    def _node_for(self, pod: Object) -> str | None:
        """The one with most room of those that its affinity allows; what it would rather not have is last."""
        nodes = [node for node in self.free if node not in kept_from(pod)]
        last = drawn_from(pod)
        return max(nodes, key=lambda node: (node not in last, self.free[node]), default=None)

    def _hold(self, uid: str, node: str, need: int) -> None:
        self.free[node] -= need
        self._held[uid] = (node, need)

    async def _bind(self, pod: Object, node: str) -> None:
        name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
        binding = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": name},
            "target": {"kind": "Node", "name": node},
        }
        try:
            await self.api.create("binding", f"/api/v1/namespaces/{namespace}/pods/{name}/binding", binding)
        except GoneError:
            self.forget(pod)

    async def _tell(self, pod: Object) -> None:
        uid, name, namespace = (pod["metadata"][key] for key in ("uid", "name", "namespace"))
        self._told.add(uid)
        count = len(self.free)
        message = (
            f"0/{count} nodes are available: {count} Insufficient {self.resource}. "
            "no new claims to deallocate, preemption: "
        )
        message += f"0/{count} nodes are available: {count} No preemption victims found for incoming pod."
        condition = unschedulable(time.time(), message)
        try:
            body = {"metadata": {"uid": uid}, "status": {"conditions": [condition]}}
            await self.api.patch("unschedulable", f"/api/v1/namespaces/{namespace}/pods/{name}/status", body)
        except GoneError:
            self.forget(pod)

    def _need(self, pod: Object) -> int:
        return sum(
            int(each.get("resources", {}).get("limits", {}).get(self.resource, 0))
            for each in pod["spec"]["containers"]
        )


def kept_from(pod: Object) -> set[str]:
    """The nodes that a pod's required affinity rules out by the names of their hosts; of several
    alternatives, all of them must."""
    required = ((pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}).get(
        "requiredDuringSchedulingIgnoredDuringExecution"
    ) or {}
    ruled_out = [
        {
            value
            for each in term.get("matchExpressions", ())
            if (each["key"], each["operator"]) == HOST_NOT
            for value in each["values"]
        }
        for term in required.get("nodeSelectorTerms", ())
    ]
    return set.intersection(*ruled_out) if ruled_out else set()


def drawn_from(pod: Object) -> set[str]:
    """The nodes that a pod's preferred affinity would rather not have, by the names of their hosts."""
    preferred = ((pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}).get(
        "preferredDuringSchedulingIgnoredDuringExecution"
    ) or ()
    return {
        value
        for each in preferred
        for expression in each["preference"].get("matchExpressions", ())
        if (expression["key"], expression["operator"]) == HOST_NOT
        for value in expression["values"]
    }
