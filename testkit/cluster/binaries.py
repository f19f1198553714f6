"""The programs of a control plane: taken from `$KUBEBUILDER_ASSETS`, else built once from their Go modules
and kept in the cache.

`build/go.mod` says which versions. Whoever needs a program calls `program(name)`; on standard error it says
what takes minutes.
"""

import os
import re
from functools import cache
from pathlib import Path

from testkit.cluster.module import Module

MODULE = Path(__file__).with_name("build")
PACKAGES = {
    "etcd": "./etcd",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
    "kube-proxy": "k8s.io/kubernetes/cmd/kube-proxy",
    "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
    "kubectl": "k8s.io/kubernetes/cmd/kubectl",
    "kubelet": "k8s.io/kubernetes/cmd/kubelet",
    "pause": "./pause",
}
"""What is built, and where its main package is."""


@cache
def program(name: str) -> Path:
    """The program of this name, built if there is none."""
    if (assets := os.environ.get("KUBEBUILDER_ASSETS")) and (found := Path(assets) / name).exists():
        return found
    return built() / name


@cache
def built() -> Path:
    """The folder of the programs that the module makes, filled if it is not there yet."""
    takes = f"etcd and Kubernetes {version()} from their modules (about five minutes, once on this machine)"
    label = f"control-plane-{version()}"
    return Module("control plane", MODULE, tuple(PACKAGES.values()), _ldflags(), label, takes).built()


def version() -> str:
    """The version of Kubernetes that is built, for example `v1.35.4`."""
    match = re.search(r"k8s\.io/kubernetes (v\S+)", (MODULE / "go.mod").read_text(encoding="utf-8"))
    assert match, "build/go.mod does not say which Kubernetes"
    return match[1]


def _ldflags() -> str:
    """Kubernetes learns its version from the linker; without one it says v0.0.0 and refuses feature gates."""
    major, minor = version().removeprefix("v").split(".")[:2]
    values = {"gitVersion": version(), "gitMajor": major, "gitMinor": minor}
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return " ".join(
        ["-s -w", *(f"-X {package}.{name}={value}" for package in packages for name, value in values.items())]
    )


if __name__ == "__main__":
    for each in PACKAGES:  # before the tests, whose runner keeps to itself what is said meanwhile
        print(program(each))
