"""What enforces network policies on a node: kube-router's firewall alone, which k0s and k3s use too. Its
routes and its proxy stay off.

A pod may reach nobody, and nobody may reach it, before its policies are in force: so Kubernetes asks it of a
network plugin (NetworkPolicy, "Pod lifecycle"). Built once from `build/`, whose go.mod says which version.
`python -m testkit.node.firewall` builds it before the tests.
"""

from functools import cache
from pathlib import Path
from typing import Final

from testkit.cluster.control_plane import SERVICES
from testkit.cluster.module import Module
from testkit.cluster.program import Program
from testkit.node.namespace import Namespace

MODULE = Module(
    what="firewall",
    folder=Path(__file__).with_name("build"),
    packages=("github.com/cloudnativelabs/kube-router/v2/cmd/kube-router",),
    ldflags="-s -w",
    label="firewall",
    takes="kube-router from its module (about a minute, once on this machine)",
)


@cache
def kube_router() -> Path:
    """The program, built if there is none."""
    return MODULE.built() / "kube-router"


POD_CIDRS: Final = "kube-router.io/pod-cidrs"
"""The annotation of a node by which it knows whose traffic is a pod's, where nobody hands out ranges to
nodes."""


def firewall(inside: Namespace, node: str, kubeconfig: Path) -> Program:
    """It keeps the rules of all policies in the node's iptables. The node must be registered and annotated:
    both are read once."""
    flags = (
        f"--kubeconfig={kubeconfig}",
        f"--hostname-override={node}",
        "--run-firewall=true",
        "--run-router=false",
        "--run-service-proxy=false",
        "--run-loadbalancer=false",
        "--netpol-default-deny=true",
        f"--service-cluster-ip-range={SERVICES}",
        "--health-port=0",
    )
    return inside.program("kube-router", [kube_router(), *flags])


def in_force(inside: Namespace) -> bool:
    """Whether every packet from and to pods goes through its rules."""
    chains = inside.run("iptables", "--list-rules")
    return all(f"-j KUBE-ROUTER-{way}" in chains for way in ("FORWARD", "INPUT", "OUTPUT"))


if __name__ == "__main__":
    print(kube_router())
