"""The stand-in's nodes: registered as kubelets do, kept alive by leases, taken away at the end."""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass

from testkit.cluster.kubelet_api import GoneError, KubeletApi, Object
from testkit.cluster.kubelet_status import HOST, as_second

NODES = "/api/v1/nodes"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
BEAT = 10.0
"""Seconds between two signs of life; a node that gives none for 40 is taken for lost."""


@dataclass(frozen=True, slots=True)
class Nodes:
    """Equal nodes."""

    api: KubeletApi
    names: tuple[str, ...]
    gpu_resource: str
    gpus: int
    """Of each."""
    port: int
    """Where logs are asked for."""

    async def register(self) -> None:
        await self.remove()
        for name in self.names:
            await self.api.create("node", NODES, self._node(name))
            await self.api.create("lease", LEASES, _lease(name))

    async def keep_alive(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(BEAT)
            for name in self.names:
                await self.api.patch("lease", f"{LEASES}/{name}", {"spec": _lease(name)["spec"]})

    async def remove(self) -> None:
        for name in self.names:
            for path in (f"{NODES}/{name}", f"{LEASES}/{name}"):
                with suppress(GoneError):
                    await self.api.delete("node", path)

    def _node(self, name: str) -> Object:
        now = as_second(time.time())
        room = {
            "cpu": "100k",
            "memory": "1Pi",
            "ephemeral-storage": "1Pi",
            "pods": "100k",
            self.gpu_resource: str(self.gpus),
        }
        ready = {
            "type": "Ready",
            "status": "True",
            "reason": "KubeletReady",
            "message": "kubelet is posting ready status",
        }
        return {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": name,
                "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"},
            },
            "status": {
                "capacity": room,
                "allocatable": room,
                "addresses": [{"type": "InternalIP", "address": HOST}, {"type": "Hostname", "address": name}],
                "daemonEndpoints": {"kubeletEndpoint": {"Port": self.port}},
                "conditions": [ready | {"lastHeartbeatTime": now, "lastTransitionTime": now}],
            },
        }


def _lease(name: str) -> Object:
    renewed = as_second(time.time()).replace("Z", ".000000Z")
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": name},
        "spec": {"holderIdentity": name, "leaseDurationSeconds": 40, "renewTime": renewed},
    }
