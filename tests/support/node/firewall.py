"""What enforces network policies on a node: kube-router's firewall alone, which k0s and k3s use too. Its routes and its proxy stay off.

Built once from `build/`, whose go.mod says which version. `python -m tests.support.node.firewall` builds it before the tests.
"""

from functools import cache
from pathlib import Path

from tests.support.cluster.control_plane import SERVICES
from tests.support.cluster.module import Module
from tests.support.cluster.program import Program
from tests.support.node.namespace import Namespace

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


def firewall(inside: Namespace, node: str, kubeconfig: Path) -> Program:
    """It keeps the rules of all policies in the node's iptables. The node must be registered: its addresses are read once."""
    flags = (
        f"--kubeconfig={kubeconfig}",
        f"--hostname-override={node}",
        "--run-firewall=true",
        "--run-router=false",
        "--run-service-proxy=false",
        "--run-loadbalancer=false",
        f"--service-cluster-ip-range={SERVICES}",
        "--health-port=0",
        "--metrics-port=0",
    )
    return inside.program("kube-router", [kube_router(), *flags])


if __name__ == "__main__":
    print(kube_router())
