"""A real node beside the tests' control plane: kubelet, containerd, runc, kube-proxy, a firewall, and the
scheduler that gives it pods.

A batch's Jobs are real containers here, with real limits and real ends. The node says that it has one GPU, so
the scheduler lets one worker run at a time; there is none, and the models run on the CPU.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from testkit.cluster.binaries import program
from testkit.cluster.control_plane import LOOPBACK, ControlPlane, control_plane
from testkit.cluster.program import Program, until
from testkit.node.containerd import Containerd, containerd
from testkit.node.firewall import POD_CIDRS, firewall, in_force
from testkit.node.namespace import CGROUP, HOST, NODE, PODS, Namespace, namespace

NAME = "node-1"
GPU = "nvidia.com/gpu"


@dataclass(frozen=True, slots=True)
class Node:
    """A cluster of one node."""

    plane: ControlPlane
    inside: Namespace
    containerd: Containerd
    kubelet: Program

    def is_ready(self) -> bool:
        """What the node says of itself."""
        status, body = self.plane.admin.send("GET", f"/api/v1/nodes/{NAME}")
        conditions = json.loads(body).get("status", {}).get("conditions", ()) if status == 200 else ()
        return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)

    def offer(self, resource: str, count: int) -> None:
        """Have the node say that it has an extended resource, as a device plugin would."""
        path = f"/api/v1/nodes/{NAME}"
        self.plane.admin.merge(f"{path}/status", {"status": {"capacity": {resource: str(count)}}})
        until(lambda: self._offered(resource) == count, f"{NAME} offers {resource}", seconds=120)

    def restart_kubelet(self) -> None:
        """Return when it is back and offers the GPU: one that begins may forget, as it registers, what no
        device plugin tells it of."""
        self.kubelet.kill()
        before = self._heartbeat()
        self.kubelet.start()
        until(
            lambda: self._heartbeat() > before,
            "the kubelet has registered and tells how its node is",
            seconds=300,
        )
        self.offer(GPU, 1)

    def _heartbeat(self) -> str:
        conditions = self.plane.admin.get(f"/api/v1/nodes/{NAME}")["status"]["conditions"]
        return max(str(each["lastHeartbeatTime"]) for each in conditions)

    def _offered(self, resource: str) -> int:
        return int(self.plane.admin.get(f"/api/v1/nodes/{NAME}")["status"]["allocatable"].get(resource, -1))


@contextmanager
def node() -> Iterator[Node]:
    """A cluster of one node that is ready, and gone afterwards."""
    with ExitStack() as ends:
        inside = ends.enter_context(namespace())
        runtime = ends.enter_context(containerd(inside))
        plane = ends.enter_context(control_plane(address=HOST))
        scheduler = _scheduler(plane)
        kubelet, proxy = _kubelet(plane, inside, runtime), _proxy(plane, inside)
        for one in (scheduler, kubelet, proxy):
            ends.callback(one.kill)
            one.start()
        cluster = Node(plane, inside, runtime, kubelet)
        kubelet.wait(cluster.is_ready, seconds=300)
        cluster.offer(GPU, 1)
        plane.admin.merge(f"/api/v1/nodes/{NAME}", {"metadata": {"annotations": {POD_CIDRS: PODS}}})
        policies = firewall(inside, NAME, _from_inside(plane, "kube-router", "system:masters"))
        ends.callback(policies.kill)
        policies.start()
        policies.wait(lambda: in_force(inside))
        yield cluster


def _scheduler(plane: ControlPlane) -> Program:
    flags = (
        f"--kubeconfig={plane.kubeconfig_for('system:kube-scheduler')}",
        "--leader-elect=false",
        "--secure-port=0",
    )
    return Program([program("kube-scheduler"), *flags], plane.folder / "kube-scheduler.log")


def _kubelet(plane: ControlPlane, inside: Namespace, runtime: Containerd) -> Program:
    folder = inside.folder / "kubelet"
    (folder / "logs").mkdir(parents=True)
    (folder / "resolv.conf").touch()
    config = folder / "config.json"
    config.write_text(json.dumps(_kubelet_config(plane, folder, runtime)), encoding="utf-8")
    flags = (
        f"--config={config}",
        f"--kubeconfig={_from_inside(plane, f'system:node:{NAME}', 'system:nodes')}",
        f"--hostname-override={NAME}",
        f"--node-ip={NODE}",
        f"--root-dir={folder}",
        f"--cert-dir={folder}/pki",
    )
    return inside.program("kubelet", [program("kubelet"), *flags])


def _kubelet_config(plane: ControlPlane, folder: Path, runtime: Containerd) -> dict[str, Any]:
    pair = plane.certificates.server(NODE, NAME)
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": NODE,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": False},
            "x509": {"clientCAFile": str(plane.certificates.authority)},
        },
        "authorization": {"mode": "AlwaysAllow"},
        "tlsCertFile": str(pair.certificate),
        "tlsPrivateKeyFile": str(pair.key),
        "containerRuntimeEndpoint": f"unix://{runtime.socket}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{CGROUP}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "resolvConf": str(folder / "resolv.conf"),  # there is no DNS here: whatever pods need has an address
        "podLogsDir": str(folder / "logs"),
        # The disk is the machine's, and others fill it too: neither pods nor images go for that.
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "nodeStatusUpdateFrequency": "5s",
        "volumeStatsAggPeriod": "5s",
    }


def _proxy(plane: ControlPlane, inside: Namespace) -> Program:
    """Services, first of all the API server's own."""
    flags = (
        f"--kubeconfig={_from_inside(plane, 'system:kube-proxy')}",
        f"--hostname-override={NAME}",
        "--proxy-mode=iptables",
        f"--cluster-cidr={PODS}",
        # Limits of the whole machine, which a network namespace cannot and should not change.
        "--conntrack-max-per-core=0",
        "--conntrack-tcp-timeout-established=0s",
        "--conntrack-tcp-timeout-close-wait=0s",
    )
    return inside.program("kube-proxy", [program("kube-proxy"), *flags])


def _from_inside(plane: ControlPlane, user: str, group: str | None = None) -> Path:
    """A kubeconfig for whoever's loopback is another one."""
    outside = plane.kubeconfig_for(user, group)
    path = outside.with_suffix(".inside")
    path.touch(mode=0o600)
    path.write_text(outside.read_text(encoding="utf-8").replace(LOOPBACK, HOST), encoding="utf-8")
    return path
