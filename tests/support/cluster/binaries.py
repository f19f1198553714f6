"""The programs of a control plane: taken from `$KUBEBUILDER_ASSETS`, else built once from their Go modules and kept in the cache.

`build/go.mod` says which versions. Whoever needs a program calls `program(name)`; on standard error it says what takes minutes.
"""

import fcntl
import os
import re
import sys
import tempfile
from functools import cache
from pathlib import Path

from scripts.environment import cache_folder, digest
from tests.support.cluster.go import toolchain

MODULE = Path(__file__).with_name("build")
PACKAGES = {
    "etcd": "./etcd",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
    "kubectl": "k8s.io/kubernetes/cmd/kubectl",
}
"""What is built, and where its main package is. All of one set: building one more costs seconds, starting over costs minutes."""


def say(text: str) -> None:
    """Tell the person what takes time."""
    print(f"control plane: {text}", file=sys.stderr, flush=True)


@cache
def program(name: str) -> Path:
    """The program of this name, built if there is none."""
    if (assets := os.environ.get("KUBEBUILDER_ASSETS")) and (found := Path(assets) / name).exists():
        return found
    return built() / name


@cache
def built() -> Path:
    """The folder of the programs that the module makes, filled if it is not there yet."""
    target = cache_folder() / f"control-plane-{version()}-{_inputs()}"
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with (target.parent / f".{target.name}.lock").open("w") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        if not target.exists():  # another run may have made it while this one waited
            _build(target)
    return target


def version() -> str:
    """The version of Kubernetes that is built, for example `v1.35.4`."""
    return _said_by_the_module(r"k8s\.io/kubernetes (v\S+)")


def _said_by_the_module(pattern: str) -> str:
    match = re.search(pattern, (MODULE / "go.mod").read_text(encoding="utf-8"))
    assert match, f"build/go.mod says nothing like {pattern}"
    return match[1]


def _inputs() -> str:
    files = sorted(path for path in MODULE.rglob("*") if path.is_file())
    return digest(*(path.read_bytes() for path in files), _ldflags().encode())


def _ldflags() -> str:
    """Kubernetes learns its version from the linker; without one it says v0.0.0 and refuses feature gates."""
    major, minor = version().removeprefix("v").split(".")[:2]
    values = {"gitVersion": version(), "gitMajor": major, "gitMinor": minor}
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return " ".join(["-s -w", *(f"-X {package}.{name}={value}" for package in packages for name, value in values.items())])


def _build(target: Path) -> None:
    oldest = tuple(int(number) for number in _said_by_the_module(r"(?m)^go (\S+)$").split("."))
    say(f"building etcd and Kubernetes {version()} from their modules (about five minutes, once on this machine)")
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as scratch, toolchain(oldest) as go:
        programs = Path(scratch) / "programs"
        programs.mkdir()
        go.build(MODULE, list(PACKAGES.values()), _ldflags(), programs)
        programs.rename(target)
    say(f"built {target}")


if __name__ == "__main__":
    for each in PACKAGES:  # before the tests, whose runner keeps to itself what is said meanwhile
        print(program(each))
